/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CORE_COUNCIL_PART_H
#define DVS_CORE_COUNCIL_PART_H

/* For the files of the council alone. */

#include "core/assert.h"
#include "core/council.h"

static inline uint32_t bit(int node)
{
	CORE_ASSERT(node >= 0 && node < NR_NODES);
	return 1u << node;
}

static inline unsigned count_of(uint32_t set)
{
	return (unsigned)__builtin_popcount(set);
}

static inline int lowest_of(uint32_t set)
{
	CORE_ASSERT(set);
	return __builtin_ctz(set);
}

/* Multicasts it in the name of this member. */
void council_say(struct council *c, struct council_message *m);
/* Tells what enough members are known to hold. */
void council_decide(struct council *c);
/* Of the words aside: an epoch begins, a command has its number, a member begins a life. */
void council_chain_begin(struct council *c);
void council_chain_add(struct council *c, const uint8_t command[COMMAND_BYTES]);
void council_word_forget(struct council *c, int node);
/* A HELD or a COMMAND of another member: does its sender hear this one's words aside? */
void council_word_note(struct council *c, const struct council_message *m);
/* Those that speak of commands that this member has heard by now become what is known of their senders. */
void council_words_believe(struct council *c);
/* Members of the roll that have to hold a command. */
unsigned council_needed(const struct council *c);

static inline bool is_placed(const struct council *c)
{
	return c->has_state && (c->placed & bit(c->self));
}

#endif
