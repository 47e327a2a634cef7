/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CORE_PACE_H
#define DVS_CORE_PACE_H

/*
 * Whether it pays to pack what one connection carries, found out by measuring. Sending overlaps with
 * packing the next part, so per byte of data a copy takes what is slower of the two, and a part's
 * packing once:
 *
 *	as it is	link
 *	packed		max(cost, link * ratio) + cost / PARTS
 *
 * `link` is how long the connection takes for a byte while it has some to send; `cost` and
 * `ratio` are those of the parts packed lately. A level that has never been tried is thought good, and
 * what does not shrink is tried again after twice as many parts each time. On a connection that is
 * faster than packing nothing is ever tried.
 */

#include <stdbool.h>
#include <stdint.h>

#define PACE_LEVELS   3 /* 0: as it is; 1: quickly; 2: thoroughly */
#define PACE_SKIP_MIN 4
#define PACE_SKIP_MAX 64

struct pace {
	/* the link: its counts when its speed was estimated last */
	uint64_t acked;
	uint64_t busy_us;
	uint32_t link_ps; /* picoseconds a byte; 0 not known */
	uint64_t unasked; /* bytes sent since pace_on_link() */
	/* packing, by level */
	uint32_t cost_ps[PACE_LEVELS];
	uint32_t ratio[PACE_LEVELS]; /* bytes of 1024 that are left */
	uint32_t skip;		     /* parts that are not tried to be packed now */
	uint32_t skip_next;
};

void pace_init(struct pace *pace);
/* The next data is of another kind: the estimates of packing are forgotten, those of the link are kept. */
void pace_on_other_data(struct pace *pace);
/* How to send the next part. To be asked once for each. */
int pace_level(struct pace *pace);
/* A part of `data` bytes was packed into `bytes` in that time. */
void pace_on_packed(struct pace *pace, int level, uint32_t data, uint32_t bytes, int64_t took_ns);
/* A part was sent as `bytes`. True: it is time to ask how the connection does, for pace_on_link(). */
bool pace_on_sent(struct pace *pace, uint32_t bytes);
/* The connection has had `acked` bytes acknowledged, and was busy with them that long, in all. */
void pace_on_link(struct pace *pace, uint64_t acked, uint64_t busy_us);

#endif
