/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/council.h"

#include <assert.h>
#include <errno.h>

static void put(uint8_t *out, int bytes, uint64_t v)
{
	for (int i = 0; i < bytes; i++)
		out[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t get(const uint8_t *in, int bytes)
{
	uint64_t v = 0;

	for (int i = 0; i < bytes; i++)
		v |= (uint64_t)in[i] << 8 * i;
	return v;
}

void council_message_encode(uint8_t buf[COUNCIL_HEAD], const struct council_message *m)
{
	assert(m->kind && m->kind <= COUNCIL_KIND_LAST);
	assert(m->node >= 0 && m->node < NR_NODES);
	put(buf, 2, COUNCIL_VERSION);
	put(buf + 2, 2, m->kind);
	put(buf + 4, 4, (uint32_t)m->node);
	put(buf + 8, 8, m->ring);
	put(buf + 16, 8, m->epoch);
	put(buf + 24, 8, m->heard);
	put(buf + 32, 8, m->life);
	put(buf + 40, 8, m->token);
	put(buf + 48, 4, m->set);
	put(buf + 52, 4, m->to);
	put(buf + 56, 8, m->offset);
}

int council_message_decode(struct council_message *m, const uint8_t *buf, size_t len)
{
	static const struct {
		uint32_t least, most;
	} length[COUNCIL_KIND_LAST + 1] = {
		[COUNCIL_COMMAND] = { COMMAND_BYTES, COUNCIL_BATCH_MAX * COMMAND_BYTES },
		[COUNCIL_JOIN] = { COMMAND_BYTES, COMMAND_BYTES },
		[COUNCIL_STATE] = { 1, COUNCIL_PART_MAX },
	};
	struct council_message got;

	if (len < COUNCIL_HEAD || len > COUNCIL_MESSAGE_MAX)
		return -EBADMSG;
	if (get(buf, 2) != COUNCIL_VERSION)
		return -EPROTO;
	got = (struct council_message){
		.kind = (uint16_t)get(buf + 2, 2),
		.ring = get(buf + 8, 8),
		.epoch = get(buf + 16, 8),
		.heard = get(buf + 24, 8),
		.life = get(buf + 32, 8),
		.token = get(buf + 40, 8),
		.set = (uint32_t)get(buf + 48, 4),
		.to = (uint32_t)get(buf + 52, 4),
		.offset = get(buf + 56, 8),
		.payload = buf + COUNCIL_HEAD,
		.bytes = (uint32_t)(len - COUNCIL_HEAD),
	};
	if (!got.kind || got.kind > COUNCIL_KIND_LAST || get(buf + 4, 4) >= NR_NODES ||
	    got.bytes < length[got.kind].least || got.bytes > length[got.kind].most ||
	    (got.kind == COUNCIL_COMMAND && got.bytes % COMMAND_BYTES))
		return -EBADMSG;
	got.node = (int32_t)get(buf + 4, 4);
	*m = got;
	return 0;
}
