/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_WIRE_HANDOVER_H
#define DVS_WIRE_HANDOVER_H

/*
 * The state that a daemon leaves to itself when it executes its program file anew: a memfd with everything that its
 * memory held and the numbers of the descriptors that stay open. Little-endian:
 *
 *	 0     4       8     16     24     28      32    36      40
 *	+-----+-------+-----+------+------+-------+-----+-------+---------
 *	|magic|version|bytes| hash | shm  | inits | ctl | proto | records
 *	+-----+-------+-----+------+------+-------+-----+-------+---------
 *
 *	record: kind u32 | bytes u32 | number u64 | fields | tail
 *
 * A record's number is its own among those of its kind; that of a younger thing is higher.
 *
 * bytes counts everything, hash covers what follows it. A daemon refuses a version that is not
 * its own, of this layout or of the protocols with the running processes, the inits and the cluster (`proto`,
 * wire/protocol.h). It is asked before the old program is gone (dvsd --check-state). Descriptors are numbers, -1 none;
 * a number does not tell which file is open there.
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
#define HANDOVER_VERSION 14u
#endif

enum handover_kind {
	HANDOVER_NODE = 1,	/* first, once */
	HANDOVER_DIRECTORY = 2, /* tail: core/directory's image */
	HANDOVER_GROUP = 3,	/* tail: bytes read and not used, then bytes not written yet */
	HANDOVER_PAGE = 4,
	HANDOVER_INIT = 5,
	HANDOVER_TASK = 6,
	HANDOVER_ENDED = 7,  /* the log of a process that is no more */
	HANDOVER_RIGHTS = 8, /* tail: priv_usr_t */
	HANDOVER_LINK = 9,
	HANDOVER_REQUEST = 10, /* tail: struct ctl_request, empty if it was not read yet */
	HANDOVER_COUNTERS = 11,
	HANDOVER_BINDING = 12, /* of a task that stands before */
	/* Only among changes (node/restart/journal.h): */
	HANDOVER_GONE =
		13, /* the record of this number and the kind that it names is none any more */
	HANDOVER_COMMAND = 14, /* tail: the next command of the directory */
	HANDOVER_KIND_LAST = 14,
};

/* Versions of the protocols that others speak with the daemon and go on speaking with its successor. */
struct handover_versions {
	uint32_t shm, inits, ctl, protocol;
};

/*
 * A record on its way. The same calls in the same order write its fields and read them: the direction is the
 * cursor's. A value that is read is checked against the range that is given with the field; the first failure makes
 * the whole record bad.
 */
struct handover_cursor {
	uint8_t *out;	   /* writing; NULL: only counts */
	const uint8_t *in; /* reading; NULL: writing */
	size_t at, size;
	size_t mark; /* of the record that is being written */
	bool bad;
	/* Is told of each descriptor, so that none can be forgotten; NULL: nobody wants to know. */
	void (*descriptor)(void *ctx, int fd);
	void *ctx;
};

/* HANDOVER_VERSION of the code that reads and writes. */
extern const uint32_t handover_version;

/*
 * Writing. The cursor's `at` begins at HANDOVER_HEAD_BYTES; a record stands between begin and end. A field
 * that does not fit is counted and not written, so that a first run without a buffer tells its size.
 */
void handover_begin(struct handover_cursor *c, enum handover_kind kind, uint64_t number);
void handover_end(struct handover_cursor *c);
/* Writes the head when all records stand: `bytes` in all. */
void handover_seal(uint8_t *buf, size_t bytes, const struct handover_versions *versions);

/*
 * Checks the head. 0; -EBADMSG: no state, or a damaged one; -EPROTONOSUPPORT: of another version of
 * the layout, *version is which; -EPROTO: the versions of the others differ from `own`.
 */
int handover_open(const uint8_t *buf, size_t bytes, const struct handover_versions *own,
		  uint32_t *version);
/*
 * The record at *at of an opened state; begins at HANDOVER_HEAD_BYTES. 1: *kind, *number, and a cursor for its fields,
 * whose `descriptor` is nobody's; 0: that was all; -EBADMSG: it is of no known kind, or longer than the rest.
 */
int handover_next(const uint8_t *buf, size_t bytes, size_t *at, enum handover_kind *kind,
		  uint64_t *number, struct handover_cursor *c);
/* The bytes of an opened state, which may lie in a longer file. */
size_t handover_bytes(const uint8_t *buf, size_t bytes);
/* All fields are read: 0; -EBADMSG: one was out of its range, or there is more than fields. */
int handover_done(const struct handover_cursor *c);

bool handover_is_reading(const struct handover_cursor *c);
void handover_refuse(struct handover_cursor *c); /* a value that was read makes no sense */

void handover_u64(struct handover_cursor *c, uint64_t *value);
void handover_u32(struct handover_cursor *c, uint32_t *value);
void handover_s32(struct handover_cursor *c, int32_t *value);
void handover_range(struct handover_cursor *c, int32_t *value, int32_t least, int32_t most);
void handover_flag(struct handover_cursor *c, bool *value);
/* least: 0, or -1 where there may be none. */
void handover_fd(struct handover_cursor *c, int32_t *value, int least);
void handover_slot(struct handover_cursor *c, int32_t *dcid, int32_t *p_nr);
void handover_p_nr(struct handover_cursor *c, int32_t *p_nr);
/* Terminated; nothing is behind its end. */
void handover_text(struct handover_cursor *c, char *text, size_t size);
/* The rest of the record; when it is read, the tail lies inside the buffer. */
void handover_tail(struct handover_cursor *c, const uint8_t **tail, uint32_t *bytes);

#endif
