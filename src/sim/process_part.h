/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_SIM_PROCESS_PART_H
#define DVS_SIM_PROCESS_PART_H

/* Shared by the files of a program. */

#include "sim/world.h"

struct process_ctx {
	struct world *w;
	int node;
	struct program *p;
	struct page *page; /* of the call under way */
	int side;	   /* of it, the program's own */
	struct line *own, *peer;
};

/* process.c */
uint64_t process_draw(struct program *p, uint64_t least, uint64_t most);
/* Mostly short, so that time-outs happen while everything else does. */
uint64_t process_draw_deadline(struct process_ctx *c);
bool process_is_late(const struct process_ctx *c);
void process_idle(struct process_ctx *c);
/* The page between these two lives; false: there is none. */
bool process_find_page(struct process_ctx *c);
bool process_is_dead(const struct process_ctx *c);
int process_fate(const struct process_ctx *c, uint64_t word);
void process_post(struct process_ctx *c, enum line_op op, uint32_t request, uint64_t aux);
/* A message of the peer has come, in any call. */
void process_took(struct process_ctx *c, const struct line_image *image, bool any);

/* process_receive.c */
void process_begin_receive(struct process_ctx *c);
void process_on_receive(struct process_ctx *c);
void process_post_note(struct process_ctx *c, int peer);

/* process_reply.c */
bool process_begin_reply(struct process_ctx *c);
void process_on_reply_clear(struct process_ctx *c);
void process_on_reply_mark(struct process_ctx *c);
void process_on_reply_withdraw(struct process_ctx *c);

#endif
