/* SPDX-License-Identifier: Apache-2.0 */
#include "core/council.h"

#include "base/hash.h"
#include "core/assert.h"
#include "core/council_part.h"

/*
 * The words of other members that came aside, which name commands by the chain of all that was heard in the epoch. One
 * that speaks of a command which this member has not heard yet is kept until it has.
 */

/* Members that begin an epoch together, or are given its state, have the same one. */
void council_chain_begin(struct council *c)
{
	CORE_ASSERT(c->running && c->epoch);
	c->chain = hash_word(HASH_SEED, c->epoch);
	c->wanted = false;
	c->wait = 0;
	c->asked = 0;
	c->near = 0;
	for (int node = 0; node < NR_NODES; node++)
		council_word_forget(c, node);
}

void council_chain_add(struct council *c, const uint8_t command[COMMAND_BYTES])
{
	CORE_ASSERT(c->heard > c->decided);
	c->chain = hash_bytes(c->chain, command, COMMAND_BYTES);
	c->links[c->heard % COUNCIL_TAIL] = c->chain;
}

void council_word_forget(struct council *c, int node)
{
	CORE_ASSERT(node >= 0 && node < NR_NODES);
	c->word[node].heard = c->word[node].said = 0;
	c->near &= ~bit(node);
	c->deaf |= bit(node);
}

static void note_deaf(struct council *c, const struct council_message *m)
{
	CORE_ASSERT(m->node != c->self);
	if (m->set & bit(c->self))
		c->deaf |= bit(m->node);
	else
		c->deaf &= ~bit(m->node);
}

void council_word_note(struct council *c, const struct council_message *m)
{
	CORE_ASSERT(m->kind == COUNCIL_HELD || m->kind == COUNCIL_COMMAND);
	CORE_ASSERT(c->placed & bit(m->node));
	c->word[m->node].said = m->heard;
	note_deaf(c, m);
	if (m->to & bit(c->self))
		c->wanted = true;
	/* News: the same word aside is lost or late. Before a command there is none. */
	if (m->kind == COUNCIL_HELD && m->heard > c->held[m->node])
		c->near &= ~bit(m->node);
}

/* Also a word that comes too late to be of use shows that its sender is heard. */
static void believe(struct council *c, int node)
{
	uint64_t heard = c->word[node].heard;

	CORE_ASSERT(heard && heard <= c->heard);
	CORE_ASSERT(node != c->self);
	c->word[node].heard = 0;
	if (c->heard - heard >= COUNCIL_TAIL ||
	    c->links[heard % COUNCIL_TAIL] != c->word[node].chain)
		return;
	c->near |= bit(node);
	if (heard > c->held[node])
		c->held[node] = heard;
}

void council_words_believe(struct council *c)
{
	CORE_ASSERT(c->running && c->has_state);
	for (uint32_t left = c->roll & c->placed & ~bit(c->self); left; left &= left - 1) {
		int node = lowest_of(left);

		if (c->word[node].heard && c->word[node].heard <= c->heard)
			believe(c, node);
	}
}

void council_hear_aside(struct council *c, const struct council_message *m)
{
	CORE_ASSERT(m->node >= 0 && m->node < NR_NODES);
	if (m->kind != COUNCIL_HELD || m->node == c->self || !c->running || !c->has_state ||
	    c->is_out || m->ring != c->epoch || m->heard <= c->word[m->node].heard)
		return;
	if (m->heard > c->word[m->node].said)
		note_deaf(c, m);
	c->word[m->node].heard = m->heard;
	c->word[m->node].chain = m->token;
	council_decide(c);
}
