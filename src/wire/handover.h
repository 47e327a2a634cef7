/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_WIRE_HANDOVER_H
#define DVS_WIRE_HANDOVER_H

/*
 * What a daemon that executes its program file anew leaves to itself: a memfd with everything that its
 * memory held and the numbers of the descriptors that stay open. Little-endian:
 *
 *	 0     4       8     16     24     28      32    36      40
 *	+-----+-------+-----+------+------+-------+-----+-------+---------
 *	|magic|version|bytes| hash | shm  | inits | ctl | group | records
 *	+-----+-------+-----+------+------+-------+-----+-------+---------
 *
 *	record: kind u32 | bytes u32 | fields | tail
 *
 * bytes counts everything, hash covers what follows it. Who reads a version that is not its own, of
 * this layout or of what the running processes, the inits and the sequencer speak, refuses it; and it
 * is asked before the old program is gone (dvsd --check-state). Descriptors are numbers, -1 none; a
 * number says nothing about what is open there.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dvk.h"
#include "wire/shm.h"

#define HANDOVER_MAGIC	    0x48535644u /* "DVSH" */
#define HANDOVER_HEAD_BYTES 40u
#define HANDOVER_FD_MAX	    (1 << 20)
#ifndef HANDOVER_VERSION
#define HANDOVER_VERSION 6u
#endif

enum handover_kind {
	HANDOVER_NODE = 1,	/* first, once */
	HANDOVER_DIRECTORY = 2, /* tail: core/directory's image */
	HANDOVER_GROUP = 3,	/* tail: bytes read and not used, then bytes not written yet */
	HANDOVER_PAGE = 4,
	HANDOVER_INIT = 5,
	HANDOVER_PROCESS = 6,
	HANDOVER_ENDED = 7,  /* the log of a process that is no more */
	HANDOVER_RIGHTS = 8, /* tail: priv_usr_t */
	HANDOVER_LINK = 9,
	HANDOVER_REQUEST = 10, /* tail: struct ctl_request, empty if it was not read yet */
	HANDOVER_KIND_LAST = 10,
};

/* Versions of what others speak with the daemon and go on speaking with its successor. */
struct handover_versions {
	uint32_t shm, inits, ctl, group;
};

struct handover_node {
	int32_t nodeid;
	int32_t control_fd, path_fd, link_fd; /* listening */
	int32_t cgroup_fd;		      /* folder of its control groups, or -1 */
	uint64_t next_request;
	uint64_t asked_ns;  /* CLOCK_MONOTONIC: the restart was asked for */
	uint64_t paused_ns; /* and the daemon began to stand still */
	uint32_t restarts;  /* of this daemon, with the one that is under way */
	uint32_t quorum;
	uint64_t soft, hard;  /* limits of descriptors that programs started here have */
	uint64_t debug_level; /* as dvk_dvs_init gave them */
	char dvs_name[16];    /* terminated */
};

struct handover_group {
	int32_t fd;
	uint32_t started, joined;
	uint64_t order;
	uint32_t
		unread; /* bytes of the tail that were read and not used; the others are unwritten */
};

/* kind is enum page_kind; fd -1: a name of which only a process may still have the page mapped. */
struct handover_page {
	uint32_t kind;
	int32_t dcid, p_nr, peer_nr, endpoint[2];
	int32_t fd;
	uint64_t dev, ino;
};

struct handover_init {
	int32_t dcid, pid, pidfd, request_fd, event_fd;
};

struct handover_log {
	int32_t read_fd, write_fd; /* of its pipe; -1: there is no log */
	int32_t ring_fd;	   /* where its bytes lie, or -1 */
	uint32_t start, size;	   /* of what is kept, in the ring */
	uint32_t limit;		   /* of that, in bytes */
	uint64_t before;	   /* bytes written on other nodes that are not in it */
	uint64_t total;		   /* bytes ever, with those that fell out */
};

struct handover_process {
	uint32_t state; /* enum process_state */
	int32_t dcid, p_nr, endpoint;
	uint32_t generation;
	int32_t lpid, tgid, vpid;
	uint64_t pidns;
	int32_t pidfd, status_fd;
	uint32_t managed, ended;
	int32_t wait_status;
	uint32_t backup;
	char name[16];	 /* terminated, as the next */
	char cgroup[32]; /* that it runs in; "": none */
	struct handover_log log;
};

struct handover_ended {
	int32_t dcid, p_nr, node, lpid, vpid, wait_status;
	uint32_t reason; /* enum ctl_end_reason */
	uint64_t generation, ended_ns;
	char name[16]; /* terminated */
	struct handover_log log;
};

struct handover_rights {
	int32_t dcid, p_nr;
};

struct handover_link {
	int32_t node;
	uint32_t epoch;
	uint64_t frames_sent, frames_received, bytes_sent, bytes_received, dropped;
	uint64_t sent_ns, received_ns;
};

enum handover_request_kind {
	HANDOVER_REQUEST_UNREAD = 1,	/* connected, and nothing was read */
	HANDOVER_REQUEST_FOLLOWER = 2,	/* attached to process number `process` of this state */
	HANDOVER_REQUEST_FORWARDED = 3, /* attached to a process of node `process` */
	HANDOVER_REQUEST_RESTART = 4,	/* who asked for all this */
};

struct handover_request {
	uint32_t kind; /* enum handover_request_kind */
	int32_t fd;
	uint32_t process;
	uint32_t generation; /* FORWARDED: of the endpoint */
	uint64_t data_sent;
};

struct handover_record {
	enum handover_kind kind;
	union {
		struct handover_node node;
		struct handover_group group;
		struct handover_page page;
		struct handover_init init;
		struct handover_process process;
		struct handover_ended ended;
		struct handover_rights rights;
		struct handover_link link;
		struct handover_request request;
	};
	const void *tail; /* of the decoded: inside the buffer */
	uint32_t tail_bytes;
};

/* HANDOVER_VERSION of the code that reads and writes. */
extern const uint32_t handover_version;

/*
 * Appends a record at *at, which begins at HANDOVER_HEAD_BYTES, and moves *at behind it. What does not
 * fit is counted and not written, so that a first run with no buffer (NULL, 0) says how large it is to
 * be; the tail is not looked at then.
 */
void handover_put(uint8_t *buf, size_t size, size_t *at, const struct handover_record *record);
/* Writes the head when all records stand: `bytes` in all. */
void handover_seal(uint8_t *buf, size_t bytes, const struct handover_versions *versions);

/*
 * Checks the head. 0; -EBADMSG: no state, or a damaged one; -EPROTONOSUPPORT: of another version of
 * the layout, *version is which; -EPROTO: the versions of the others differ from `own`.
 */
int handover_open(const uint8_t *buf, size_t bytes, const struct handover_versions *own,
		  uint32_t *version);
/*
 * The record at *at of an opened state; begins at HANDOVER_HEAD_BYTES. 1; 0: that was all; -EBADMSG:
 * it is of no known kind, or has a number that is out of range.
 */
int handover_next(const uint8_t *buf, size_t bytes, size_t *at, struct handover_record *record);

#endif
