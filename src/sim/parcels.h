/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_SIM_PARCELS_H
#define DVS_SIM_PARCELS_H

/* Lists of parcels, which are under way between the parts of the group. A list owns its parcels. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum parcel_kind {
	/* from a machine to its member */
	PARCEL_MESSAGE = 1, /* from, bytes */
	PARCEL_PRESENT,	    /* set: a member came or went in the same ring */
	PARCEL_UNSETTLE,
	PARCEL_VIEW,   /* number, set */
	PARCEL_CUT,    /* there is no machine's part of the group any more */
	PARCEL_QUORUM, /* number, have */
	/* from a member, or the sequencer, to a daemon */
	PARCEL_RESTORE, /* number, bytes */
	PARCEL_DELIVER, /* number, bytes */
	PARCEL_ASK,	/* number */
	PARCEL_TOLD,	/* have: a quorum */
	PARCEL_OUT,
	/* from a daemon to its sequencer */
	PARCEL_HELLO,
	PARCEL_COMMAND, /* bytes */
	PARCEL_STATE,	/* bytes */
	PARCEL_END,
};

struct parcel {
	struct parcel *next;
	enum parcel_kind kind;
	int from;
	bool have;
	uint32_t set;
	uint64_t number;
	size_t len;
	uint8_t bytes[];
};

struct parcels {
	struct parcel *first, **last;
};

void parcels_init(struct parcels *list);
void parcels_deinit(struct parcels *list);
/* A copy of *like, with the bytes of two parts. */
void parcels_add(struct parcels *list, const struct parcel *like, const void *head,
		 size_t head_bytes, const void *body, size_t body_bytes);
/* The first, which is the caller's now (free()); NULL: there is none. */
struct parcel *parcels_take(struct parcels *list);

#endif
