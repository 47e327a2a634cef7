/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_RESTORE_H
#define DVS_MIGRATE_RESTORE_H

#include "base/refusal.h"
#include "migrate/calls.h"
#include "migrate/carry.h"
#include "migrate/migrate.h"
#include "migrate/objects.h"
#include "migrate/picture.h"
#include "migrate/threads.h"

/*
 * Rebuilding a process out of the process shell, in this order; each stage relies on the ones
 * before it.
 *
 *	enter     foothold in a gap of both layouts; all else of the shell unmapped; the vdso moved to
 *	          where the process had it; all descriptors closed but 3, the way to the shell
 *	layout    every mapping of the process, empty, and each shared object as a whole
 *	          (memory pages arrive and are written from outside)
 *	settle    final rights, advice, guards, locks, barriers; then PR_SET_MM_MAP, which needs the old program
 *	          unmapped
 *	clone     all threads created with their numbers, with the tables and directories that they have in common
 *	files     when all processes have settled: descriptors at their numbers, directory, umask; the way to
 *	          the shell moves out of their way and is closed
 *	join      descriptions that refer to others are told of them
 *	threads   each thread prepares itself: rseq, robust list,
 *	          signal stack, pending signals
 *	task      settings of the process; signal handlers; credentials as late as they can be, because
 *	          everything before needs them; timers last, so that none fires in here
 *	outside   limits, scheduling, what is set through /proc
 *	leave     foothold unmapped, by the last that has the memory; registers, CPU state and signal masks of
 *	          every thread. A process that has to wait for a lock of the source leaves when the move is decided
 *
 * All functions return 0 or a refusal. The shell is killed after any of them failed.
 */
struct restore {
	const struct migrate_host *host;
	struct picture picture;
	struct threads threads; /* the shell, then the process's threads */
	struct foothold foothold;
	struct calls calls;
	struct maps own; /* mappings of the shell beside the foothold */
	/*
	 * Of each memory file of the table, by index, else -1; NULL: not made yet. Owned, unless they are lent by
	 * the process that has made them.
	 */
	int *memfd;
	bool lent;
	uint32_t shares; /* enum image_shares, with its parent */
	/*
	 * The process that has the memory, and that which has the signal handlers, of this one first; NULL: itself. It
	 * makes them, for its guests too: so many of those have not left yet, or not come to their handlers, which the
	 * last of them sets.
	 */
	struct restore *memory, *handlers;
	/*
	 * The descriptor tables that threads of it have: each is like a process that has descriptors and nothing else,
	 * and its first thread is the one that has the table first. Owned.
	 */
	struct restore **table;
	uint32_t table_count;
	uint32_t memory_guests, handler_guests;
	struct objects objects; /* shared memory, each mapped as a whole until it settles */
	/* The file that is descriptor 0 of the shell while the layout is made, or NULL. */
	struct {
		const struct file *file;
		bool writes;
	} mapped;
	/*
	 * It stands for a leader that has gone, or makes an orphan, and ends before anything is built. It is the child
	 * of the process with the number `reaper`, which takes note of that, or of the init (0).
	 */
	bool passing;
	int32_t reaper;
	pid_t pid;
	int dir;		       /* /proc/PID of the shell, owned by the tree */
	int root;		       /* the root directory of the shells, owned by the tree */
	bool same_machine;	       /* the source's */
	bool held;		       /* by the source, its files, see struct migrate_host */
	const struct carried *carried; /* files that came along, or NULL */
	const struct files
		*offered; /* those that the target has looked at before the stop, or NULL */
	/*
	 * The process of the tree with this number in its pid namespace, or NULL. member NULL:
	 * there is no other one.
	 */
	struct restore *(*member)(void *tree, int32_t vpid);
	/* The number here of the thread of any process of the tree with this number there, or 0. */
	pid_t (*task)(const void *tree, int32_t vtid);
	void *tree;
	struct restore_terminals *terminals; /* of the tree */
	unsigned sent;			     /* descriptors, since calls were run last */
	bool *lock_lacks; /* owned: of each lock of the picture, whether the source still has it; NULL: none */
	int sock;	   /* our end of the way to the shells, owned by the tree */
	int mem;	   /* /proc/PID/mem, owned by the tree */
	uint32_t map_hint; /* where the last page went */
};

#define RESTORE_SHELL_FD 3 /* the shell's end of sock */

/* restore_common.c */
/* Runs the calls added so far; the sentence says that the target could not do it. */
int restore_run(struct restore *restore, struct refusal *refusal);

/* r: the result of calls that were run in it, or 0. */
int restore_refuse(struct restore *restore, int r, struct refusal *refusal);

/* A descriptor of the file, or of the host's object, that the caller owns; or a refusal. */
int restore_open_file(struct restore *restore, const struct file *file, uint32_t flags,
		      struct refusal *refusal);
/* The same of a memory file, the very description that it was made with; it is the caller's alone from now on. */
int restore_lend_memory_file(struct restore *restore, const struct file *file, uint32_t flags,
			     struct refusal *refusal);
int restore_open_foreign(struct restore *restore, const uint8_t name[IMAGE_NAME_BYTES],
			 struct refusal *refusal);

/*
 * Sends a descriptor of ours, which is closed then, to be `expected` in the shell; adds calls. A refusal
 * in its place is returned.
 */
int restore_send_descriptor(struct restore *restore, int fd, int expected, int shell_fd,
			    struct refusal *refusal);

/* restore_enter.c */
int restore_enter(struct restore *restore, const struct maps *wanted, struct refusal *refusal);
/*
 * The same for a copy of a shell that was entered: it keeps its foothold where the layout has a gap there, and has
 * nothing else to be unmapped or closed. Its own kernel mappings are known.
 */
int restore_enter_copy(struct restore *restore, const struct maps *wanted, struct refusal *refusal);

/* restore_memory.c */
int restore_layout(struct restore *restore, struct refusal *refusal);
int restore_pages(struct restore *restore, const struct image_pages *pages,
		  struct refusal *refusal);
int restore_shared_pages(struct restore *restore, const struct image_shared_pages *pages,
			 struct refusal *refusal);
int restore_settle(struct restore *restore, struct refusal *refusal);

/* Makes the memory files of the picture; restore_deinit() closes ours. */
int restore_memory_files(struct restore *restore, struct refusal *refusal);
/*
 * Those that are programs: nothing changes them any more, and none of ours can write them from here on, because the
 * kernel takes no file that is open for writing for a program.
 */
bool restore_has_memory_programs(const struct restore *restore);
int restore_seal_memory_programs(struct restore *restore, struct refusal *refusal);
int restore_seal_memory_files(struct restore *restore, struct refusal *refusal);
void restore_deinit(struct restore *restore);

/* restore_ahead.c */
#define RESTORE_AHEAD_MOST 256u /* descriptors of ours that may be open at a time */
/* Makes those of so many descriptors, from that index on, as far as their kinds allow it (kind.opens_ahead). */
void restore_open_ahead(struct restore *restore, uint32_t from);

/* restore_files.c */
/* One that has the descriptors of its parent comes before that. */
int restore_files(struct restore *restore, struct refusal *refusal);
/* Its login user id, which a thread has from its maker: before there are any. */
int restore_login(struct restore *restore, struct refusal *refusal);
/* Its descriptors alone: the part of it that a table of a thread has. Calls are begun. */
int restore_descriptors(struct restore *restore, struct refusal *refusal);
/* The move is decided: descriptions that others hear of are heard from now on. */
void restore_resume(const struct descriptions *descriptions);
/*
 * The move is decided, and the process runs next; or it does not arrive. Tells the descriptions that this process is
 * the first to hold. The root directory is still open.
 */
void restore_files_decided(struct restore *restore, bool arrives);

/* Lets the shell have a descriptor with this number, and some above those of the process. 0 or a refusal. */
int restore_allow_number(struct restore *restore, int number, struct refusal *refusal);

/*
 * When the descriptors of all processes are at their numbers: tells the descriptions that this process is the first to
 * hold of the others. last: those of a kind that is last, when those of the others are told in all processes and
 * descriptions_let_go() has closed ours: they are what they were by now. The other end of a pipe, for one, is closed if
 * the processes have closed it.
 */
int restore_join(struct restore *restore, bool last, struct refusal *refusal);

/* Adds the call that takes a lock and does not wait for it; every result will do. Its index. */
uint32_t restore_add_lock(struct calls *calls, const struct image_lock *lock);

/* Adds the calls that make the task the owner of a descriptor, whose state flags are these. */
void restore_add_owner(struct calls *calls, const struct image_owner *owner, uint32_t flags);

/* restore_owners.c */
/*
 * When all processes have their threads, and this one its credentials, with which it signals. A description that was
 * taken over is the source's still, and is told later.
 */
int restore_owners(struct restore *restore, struct refusal *refusal);
/*
 * The move is decided: descriptions that were taken over tell the tasks of here. task: the number here of the thread
 * that has this one in the pid namespace, or 0.
 */
void restore_owners_late(const struct restore *restore,
			 pid_t (*task)(const void *ctx, int32_t vtid), const void *ctx);

/* restore_locks.c */
/*
 * The descriptors are at their numbers: takes the locks that the source does not exclude. One that is excluded by
 * another process than the source is a refusal, and so is one that a process which stays would get first.
 */
int restore_locks(struct restore *restore, struct refusal *refusal);
/*
 * The move is decided, and the source ends now: takes the others. Waits for them until deadline_ns (CLOCK_MONOTONIC)
 * at most. 0 or a refusal.
 */
int restore_locks_late(struct restore *restore, int64_t deadline_ns, struct refusal *refusal);

/* restore_clone.c */
/*
 * Makes all threads of the picture; those that have something in common have it then. Before the descriptors of the
 * process are made: every table has nothing but the way to the shell.
 */
int restore_clone_threads(struct restore *restore, struct refusal *refusal);
/* The threads with directories of their own come there; the way to the shell is open. */
int restore_enter_places(struct restore *restore, struct refusal *refusal);

/* restore_threads.c */
int restore_threads(struct restore *restore, struct refusal *refusal);
/* The thread with this number, or NULL; the leader is first, the others are sorted by it. */
struct tracee *restore_tracee_of(struct restore *restore, int32_t vtid);
void restore_add_thread(struct restore *restore, const struct picture_thread *thread);
/* The seccomp filters that all threads have, when those are there; and what remains of one, before its credentials. */
int restore_seccomp(struct restore *restore, struct refusal *refusal);
void restore_add_seccomp(struct restore *restore, const struct picture_thread *thread);
void restore_add_credentials(struct restore *restore, const struct image_thread *thread);
int restore_leave(struct restore *restore, struct refusal *refusal);

/* restore_task.c */
int restore_task(struct restore *restore, struct refusal *refusal);
int restore_outside(struct restore *restore, struct refusal *refusal);

/* restore_timers.c */
/* can_choose: whether the kernel can be asked for the number of a timer; else they are sorted by it. 0 or a refusal. */
int restore_add_timers(struct restore *restore, bool can_choose, struct refusal *refusal);

#endif
