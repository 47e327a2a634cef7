/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a council that a joiner is given: everything that the members agree on at one point of the order. */
#include "core/council.h"

#include <errno.h>
#include <string.h>

#include "core/assert.h"
#include "core/council_part.h"

#define HEAD_WORDS 9

_Static_assert(COUNCIL_IMAGE_HEAD == 8 * HEAD_WORDS + 16 * NR_NODES, "the head has one size");

static uint8_t *put(uint8_t *out, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		*out++ = (uint8_t)(v >> 8 * i);
	return out;
}

static uint64_t get(const uint8_t **in)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v |= (uint64_t)(*in)[i] << 8 * i;
	*in += 8;
	return v;
}

size_t council_encode(const struct council *c, uint8_t *buf)
{
	uint8_t *out = buf;

	CORE_ASSERT(c->has_state && c->running);
	CORE_ASSERT(c->heard - c->decided <= COUNCIL_TAIL);
	out = put(out, c->ring);
	out = put(out, c->epoch);
	out = put(out, c->heard);
	out = put(out, c->decided);
	out = put(out, c->base_epoch);
	out = put(out, c->base);
	out = put(out, c->roll | (uint64_t)c->grown << 32);
	out = put(out, c->placed);
	out = put(out, c->chain);
	for (int node = 0; node < NR_NODES; node++) {
		bool self = node == c->self;

		out = put(out, c->lives[node]);
		/* Only the giver knows how far it has heard, until it says so. */
		out = put(out, self ? c->said_held : c->held[node]);
	}
	CORE_ASSERT(out == buf + COUNCIL_IMAGE_HEAD);
	for (uint64_t n = c->decided + 1; n <= c->heard; n++) {
		memcpy(out, c->tail[n % COUNCIL_TAIL], COMMAND_BYTES);
		out += COMMAND_BYTES;
	}
	return (size_t)(out - buf);
}

static bool tail_is_right(const uint8_t *in, uint64_t count)
{
	struct command cmd;

	for (; count; count--, in += COMMAND_BYTES)
		if (command_decode(&cmd, in, COMMAND_BYTES) < 0)
			return false;
	return true;
}

int council_decode(struct council *c, const uint8_t *buf, size_t len)
{
	const uint8_t *in = buf;
	uint64_t head[HEAD_WORDS];

	CORE_ASSERT(!c->has_state);
	if (len < COUNCIL_IMAGE_HEAD)
		return -EBADMSG;
	for (int i = 0; i < HEAD_WORDS; i++)
		head[i] = get(&in);
	if (head[0] != c->ring || !head[1] || head[3] > head[2] ||
	    head[2] - head[3] > COUNCIL_TAIL || head[6] >> 33 || head[7] >> 32 ||
	    len - COUNCIL_IMAGE_HEAD != (head[2] - head[3]) * COMMAND_BYTES ||
	    !tail_is_right(buf + COUNCIL_IMAGE_HEAD, head[2] - head[3]))
		return -EBADMSG;
	c->epoch = head[1];
	c->heard = head[2];
	c->decided = head[3];
	c->base_epoch = head[4];
	c->base = head[5];
	c->roll = (uint32_t)head[6];
	c->grown = head[6] >> 32;
	c->placed = (uint32_t)head[7];
	c->chain = head[8];
	c->near = 0;
	c->wanted = false;
	c->asked = 0;
	for (int node = 0; node < NR_NODES; node++) {
		c->lives[node] = get(&in);
		c->held[node] = get(&in);
		if (c->held[node] > c->heard) /* it cannot */
			c->held[node] = 0;
		council_word_forget(c, node);
	}
	for (uint64_t n = c->decided + 1; n <= c->heard; n++, in += COMMAND_BYTES) {
		memcpy(c->tail[n % COUNCIL_TAIL], in, COMMAND_BYTES);
		c->links[n % COUNCIL_TAIL] = 0; /* no word of these is believed */
	}
	c->has_state = true;
	c->running = true;
	c->said_held = c->said_aside = c->decided;
	c->foreign = c->heard;
	c->have_quorum = true;
	return 0;
}

int council_provider(const struct council *c, int joiner, uint64_t attempt)
{
	uint32_t able = c->placed & c->present & ~bit(joiner);

	if (!c->running || !c->has_state || !able)
		return -1;
	for (attempt %= count_of(able); attempt; attempt--)
		able &= able - 1;
	CORE_ASSERT(able && !(able & bit(joiner)));
	return lowest_of(able);
}
