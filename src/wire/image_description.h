/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_WIRE_IMAGE_DESCRIPTION_H
#define DVS_WIRE_IMAGE_DESCRIPTION_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Records of a checkpoint image (wire/image.h) about open file descriptions: the kind of each, the bytes in it, and the
 * descriptors, locks and owners of a process that refer to it.
 */

#define IMAGE_FDS_MAX	       65536u
#define IMAGE_DESCRIPTIONS_MAX IMAGE_FDS_MAX
#define IMAGE_LOCKS_MAX	       65536u /* of one process */

/* Each kind is a row of the table of migrate/kind.c, in a file of its own that knows the body. */
enum image_description_kind {
	IMAGE_DESCRIPTION_FILE = 1,
	IMAGE_DESCRIPTION_FOREIGN, /* the node's */
	IMAGE_DESCRIPTION_EVENTFD,
	IMAGE_DESCRIPTION_PIPE,
	IMAGE_DESCRIPTION_TIMERFD,
	IMAGE_DESCRIPTION_SIGNALFD,
	IMAGE_DESCRIPTION_EPOLL,
	IMAGE_DESCRIPTION_UNIX_STREAM,
	IMAGE_DESCRIPTION_INET_SOCKET,
	IMAGE_DESCRIPTION_INET_CONNECTION,
	IMAGE_DESCRIPTION_UNIX_MESSAGES, /* pairs of datagrams or of SOCK_SEQPACKET */
	IMAGE_DESCRIPTION_FIFO,
	IMAGE_DESCRIPTION_UNIX_SOCKET,	   /* not connected */
	IMAGE_DESCRIPTION_UNIX_CONNECTION, /* by name */
	IMAGE_DESCRIPTION_INOTIFY,
	IMAGE_DESCRIPTION_PIDFD,
	IMAGE_DESCRIPTION_TERMINAL_MASTER,
	IMAGE_DESCRIPTION_TERMINAL,    /* its slave */
	IMAGE_DESCRIPTION_KERNEL_FILE, /* of /proc or /sys, to be read */
	IMAGE_DESCRIPTION_MQUEUE,
	IMAGE_DESCRIPTION_NETLINK,
	IMAGE_DESCRIPTION_PACKET, /* socket */
	IMAGE_DESCRIPTION_KINDS,
};

#define IMAGE_BODY_BYTES 48

struct image_description {
	uint32_t id; /* not 0 */
	uint32_t kind;
	uint32_t flags; /* open flags, without O_CLOEXEC */
	uint32_t pad;
	uint8_t body[IMAGE_BODY_BYTES]; /* by kind */
};

/* Payload of CONTENTS: this, then bytes that are in the DESCRIPTION before it, or the SYSV. */
struct image_contents {
	uint32_t description; /* its id; 0: a SYSV record */
	uint32_t length;
};

/* In the CONTENTS of an inotify instance, in ascending order. */
struct image_watch {
	int32_t number;
	uint32_t mask;
	uint32_t file; /* id of a FILE record */
};

#define IMAGE_CONTENTS_BYTES_MAX (64u * 1024u) /* in one CONTENTS record */
/* In one DESCRIPTION, with four bytes for each record. Linux 6.18 lets 32 MiB wait in a connection of TCP. */
#define IMAGE_CONTENTS_MAX	 (64u * 1024u * 1024u)

struct image_fd {
	int32_t number;
	uint32_t description; /* id */
	uint32_t cloexec;
	uint32_t pad;
};

enum image_lock_owner {
	IMAGE_LOCK_PROCESS = 1,	    /* F_SETLK */
	IMAGE_LOCK_DESCRIPTION,	    /* F_OFD_SETLK */
	IMAGE_LOCK_DESCRIPTION_ALL, /* flock(), of the whole file */
	IMAGE_LOCK_LEASE,	    /* F_SETLEASE */
	IMAGE_LOCK_OWNERS,
};

/* A lock that the process before it has, or the description of one of its descriptors. */
struct image_lock {
	int32_t number; /* of a descriptor that came before */
	uint32_t owner; /* enum image_lock_owner */
	uint32_t exclusive;
	int32_t awaited; /* the process of the source that waits for it, -1: it is not known which; 0: none */
	uint64_t start;
	uint64_t length; /* 0: to the end of the file */
};

enum image_owner_type {
	IMAGE_OWNER_THREAD, /* numbers as in fcntl(2) */
	IMAGE_OWNER_PROCESS,
	IMAGE_OWNER_GROUP,
	IMAGE_OWNER_TYPES,
};

/* The task that a description tells of its events by signals (F_SETOWN, F_SETSIG, O_ASYNC). */
struct image_owner {
	int32_t number;	 /* of a descriptor that came before */
	uint32_t type;	 /* enum image_owner_type */
	int32_t vpid;	 /* in the pid namespace; 0: none is told */
	uint32_t signal; /* 0: SIGIO */
	uint32_t async;	 /* 1: of its usual events, too (O_ASYNC) */
	uint32_t pad;
};

_Static_assert(sizeof(struct image_description) == 64, "layout");
_Static_assert(sizeof(struct image_contents) == 8, "layout");
_Static_assert(sizeof(struct image_watch) == 12, "layout");
_Static_assert(sizeof(struct image_fd) == 16, "layout");
_Static_assert(sizeof(struct image_lock) == 32, "layout");
_Static_assert(sizeof(struct image_owner) == 24, "layout");

/* Whether the payload makes sense by itself, as in wire/image.h. */
bool image_description_ok(const struct image_description *description);
bool image_contents_ok(const struct image_contents *contents, uint32_t length);
bool image_fd_ok(const struct image_fd *fd);
bool image_lock_ok(const struct image_lock *lock);
bool image_owner_ok(const struct image_owner *owner);

#endif
