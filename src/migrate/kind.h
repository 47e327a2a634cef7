/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_KIND_H
#define DVS_MIGRATE_KIND_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/refusal.h"
#include "migrate/descriptions.h"
#include "migrate/descriptors.h"
#include "migrate/files.h"
#include "migrate/migrate.h"

/*
 * The kinds of open file descriptions that are carried. Each is a file kind_NAME.c with one row, which
 * stands in the table of kind.c, and a number in wire/image_description.h. Nothing else knows one kind from another.
 */
struct restore;
struct os_status;

/* Source: the finding of the rows that find_alone; row NULL: the descriptor is of no such kind. */
struct kind_known {
	const struct kind *row;
	struct image_description image; /* kind and body */
	struct refusal refusal;
};

/* Source: a descriptor as /proc shows it. */
struct kind_seen {
	pid_t pid; /* that has it: a thread, where the main one has ended */
	int dir;   /* /proc/PID */
	int number;
	const char *entry; /* "fd/7", below dir */
	const char *link;  /* its target */
	const struct os_status *status;
	int socket; /* a descriptor of ours for it, if it is a socket; else, or closed meanwhile: -1 */
	const char *info; /* its fdinfo */
	struct files *files;
	const struct migrate_host *host;
	const struct descriptors_of *process; /* all that move; NULL: that one alone */
	uint32_t process_count;
	bool stands;			/* they do, and stay so until the move has ended */
	const struct kind_known *known; /* NULL: no row was asked yet */
};

/* Whether that process moves. */
static inline bool kind_seen_moves(const struct kind_seen *seen, pid_t pid)
{
	assert(pid >= 0);
	for (uint32_t i = 0; i < seen->process_count; i++)
		if (seen->process[i].pid == pid)
			return true;
	return seen->pid == pid;
}

/* Source, frozen. */
struct kind_frozen {
	pid_t pid; /* the description's first holder, as in struct kind_seen */
	const struct descriptions *descriptions;
	const struct descriptors *descriptors; /* of the first holder */
	struct calls *calls;		       /* begun in its first thread */
	const struct files *files;	       /* that were found */
	int dir;			       /* /proc/PID of the first holder */
};

/* How much a process that stays may share with the one that moves. */
enum kind_share {
	KIND_SHARE_FREE = 1,	/* the description, too */
	KIND_SHARE_DESCRIPTION, /* not the description itself */
	KIND_SHARE_OBJECT,	/* not even the object that it refers to, by any description */
};

struct kind {
	const char *name;   /* for sentences: "an eventfd" */
	const char *common; /* for a sentence about KIND_SHARE_*: "has one position with" */
	const char *remedy; /* the end of that sentence, or "" */

	bool has_place; /* of a Unix socket with a name or without one: its body is that of unix_place.h */
	bool calls_a_name; /* of a connection between Unix sockets: its body is that of unix_end.h */

	bool never_ends; /* it tells a poll of no error and no hang-up, which cannot be left out of an answer */
	bool tells_its_asker; /* a poll of it answers by the state of the thread that asks */

	/*
	 * Source: its check() and write() change their own description alone, look at the bodies of others of their
	 * kind at most, and ask the process nothing, so that several are done at a time (migrate/spread.h).
	 */
	bool may_spread;

	/* Source: 1 if it is of this kind, with the body filled in; 0 if it is not; or a refusal. */
	int (*find)(const struct kind_seen *seen, struct image_description *image,
		    struct refusal *refusal);
	/*
	 * It finds sockets, by the socket alone and without a change of the members of kind_seen, so that several are
	 * found at a time. Only such rows and that of the node's own objects stand before it and take the same ones.
	 */
	bool finds_alone;

	/*
	 * Source, all descriptions are known: those of the kind with this number are told of each other, before any is
	 * checked. It may be called again. 0 or a refusal. NULL: they need nothing of each other.
	 */
	int (*meet)(struct descriptions *descriptions, uint32_t kind, struct refusal *refusal);

	/*
	 * Source, all descriptions are known: whether it can move, and what others say of it; pid is its first
	 * holder. NULL: always, nothing.
	 */
	int (*check)(pid_t pid, const struct descriptions *descriptions,
		     struct description *description, struct refusal *refusal);

	/* Source: completes the body and takes the contents. NULL: all is known. */
	int (*write)(const struct kind_frozen *frozen, struct description *description,
		     struct refusal *refusal);
	bool is_last; /* its write() and join() need those of all others done */

	/* Source, frozen: duplicates of the descriptors in it, as unix_queue_rights(). NULL: there are none. */
	int (*passed)(int fd, const struct image_description *image, int (*each)(void *ctx, int fd),
		      void *ctx);

	/*
	 * Source, frozen: the process goes on elsewhere and ends here now; its end says nothing to others by this
	 * description. NULL: nobody is told anyway.
	 */
	void (*abandon)(pid_t pid, const struct description *description);

	/*
	 * Source, while threads are stopped and before descriptors are read again: makes room for the rest of a
	 * write that the stop has cut short, which nobody can read now. False: there is none. NULL: others
	 * read it.
	 */
	bool (*widen)(pid_t pid, const struct description *description, uint64_t bytes);

	/*
	 * Target: whether the body makes sense; those before it are known. It came from outside. In an offer it may
	 * lack what write() finds: it is not complete then.
	 */
	bool (*read)(const struct image_description *image, const struct files *files,
		     const struct descriptions *before, bool complete);

	/*
	 * Target, all descriptions are known, and the descriptors of its first holder: whether the contents make sense.
	 * NULL: they are any bytes, or none.
	 */
	bool (*whole)(const struct description *description, const struct descriptions *all,
		      const struct descriptors *descriptors);

	/* Target, of an offer: whether this machine has what it needs: 0, or a refusal. NULL: it needs nothing. */
	int (*fits)(const struct image_description *image, struct refusal *refusal);

	/* Target: a descriptor of it that the caller owns, or a refusal. */
	int (*open)(struct restore *restore, struct description *description,
		    struct refusal *refusal);
	/*
	 * Target: whether open() works on this one without the process, and in any order beside others, so that several
	 * are made at a time, before their turn. It may fail then and be called again. NULL: never.
	 */
	bool (*opens_ahead)(const struct descriptions *all, const struct description *description);

	/* Target, all descriptors are at their numbers: adds calls that tell it of the others. NULL: it knows none. */
	int (*join)(struct restore *restore, struct description *description,
		    struct refusal *refusal);

	/*
	 * Target, held, and the move is decided: the process runs on now, and others may hear of it by this
	 * description. It is too late for a refusal. NULL: nobody hears of it before the process acts.
	 */
	void (*resume)(const struct descriptions *all, const struct description *description);

	/*
	 * Target: the move is decided, and the process runs next; or it does not arrive. May be called again. NULL:
	 * there is nothing to do but to close descriptors.
	 */
	void (*decided)(struct restore *restore, struct description *description, bool arrives);

	/* Source: how much may be shared; where that depends on the description, share() tells it instead. */
	enum kind_share shared;
	enum kind_share (*share)(const struct image_description *image, const struct files *files);

	/* Source: its name in a sentence, where `name` is too little. NULL: `name` will do. */
	const char *(*label)(const struct image_description *image, const struct files *files);
};

/* Whether a process has to have a descriptor of it on the target, for the kind acts on it there. */
static inline bool kind_needs_holder(const struct kind *kind)
{
	assert(kind);
	return kind->join || kind->decided || kind->resume;
}

extern const struct kind kind_epoll, kind_eventfd, kind_fifo, kind_file, kind_foreign,
	kind_inet_connection, kind_inet_socket, kind_inotify, kind_kernel_file, kind_mqueue,
	kind_netlink, kind_packet, kind_pidfd, kind_pipe, kind_refused, kind_signalfd,
	kind_terminal, kind_terminal_master, kind_timerfd, kind_unix_connection, kind_unix_messages,
	kind_unix_socket, kind_unix_stream;

/* The row of an image_description_kind, or NULL. A description has its own (migrate/descriptions.h). */
const struct kind *kind_of(uint32_t kind);

/* Source: asks the rows that find_alone, of a socket. */
void kind_find_alone(const struct kind_seen *seen, struct kind_known *known);

/* Source: finds the kind and its row, and fills in kind and body. 0 or a refusal. */
int kind_find(const struct kind_seen *seen, struct image_description *image,
	      const struct kind **row, struct refusal *refusal);

#endif
