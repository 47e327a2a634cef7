/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <errno.h>
#include <stdbool.h>

#include "wire/lane.h"

#define RESULT_MIN (-4095)

static uint8_t *put(uint8_t *at, uint64_t value, unsigned bytes)
{
	assert(bytes <= sizeof(value));
	for (unsigned i = 0; i < bytes; i++)
		*at++ = (uint8_t)(value >> 8 * i);
	return at;
}

static uint64_t get(const uint8_t **at, unsigned bytes)
{
	uint64_t value = 0;

	assert(bytes <= sizeof(value));
	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t) * (*at)++ << 8 * i;
	return value;
}

static bool endpoint_valid(int endpoint)
{
	if (endpoint < -SHM_TASKS || endpoint > INT32_MAX - SHM_TASKS)
		return false;
	return _ENDPOINT_P(endpoint) < SHM_SLOTS - SHM_TASKS;
}

int lane_decode_ask(struct lane_ask *ask, const uint8_t *buf)
{
	const uint8_t *begin = buf;
	uint32_t magic = (uint32_t)get(&buf, 4);

	ask->op = (uint32_t)get(&buf, 4);
	ask->dcid = (int32_t)get(&buf, 4);
	ask->dc_generation = (uint32_t)get(&buf, 4);
	ask->endpoint = (int32_t)get(&buf, 4);
	ask->requester = (int32_t)get(&buf, 4);
	ask->addr = get(&buf, 8);
	ask->bytes = get(&buf, 8);
	if (magic != LANE_MAGIC || get(&buf, 4) || (ask->op != LANE_READ && ask->op != LANE_WRITE))
		return -EBADMSG;
	if (ask->dcid < 0 || ask->dcid >= SHM_DCS || !endpoint_valid(ask->endpoint) ||
	    !endpoint_valid(ask->requester))
		return -EBADMSG;
	assert(buf + CREDENTIALS_ASKER_BYTES == begin + LANE_ASK_BYTES);
	if (!asker_decode(&ask->asker, buf))
		return -EBADMSG;
	return ask->bytes <= MAXCOPYLEN ? 0 : -EBADMSG;
}

void lane_encode_ask(uint8_t *buf, const struct lane_ask *ask)
{
	const uint8_t *begin = buf;

	buf = put(buf, LANE_MAGIC, 4);
	buf = put(buf, ask->op, 4);
	buf = put(buf, (uint32_t)ask->dcid, 4);
	buf = put(buf, ask->dc_generation, 4);
	buf = put(buf, (uint32_t)ask->endpoint, 4);
	buf = put(buf, (uint32_t)ask->requester, 4);
	buf = put(buf, ask->addr, 8);
	buf = put(buf, ask->bytes, 8);
	buf = put(buf, 0, 4);
	assert(buf + CREDENTIALS_ASKER_BYTES == begin + LANE_ASK_BYTES);
	asker_encode(buf, &ask->asker);
}

static bool part_valid(const struct lane_part *part)
{
	switch (part->kind) {
	case LANE_DATA:
		return part->data && part->data <= LANE_DATA_MAX && part->bytes == part->data &&
		       !part->result;
	case LANE_PACKED:
		return part->bytes && part->data <= LANE_DATA_MAX && part->bytes < part->data &&
		       !part->result;
	case LANE_END:
		return part->data <= MAXCOPYLEN && !part->bytes && part->result <= 0 &&
		       part->result >= RESULT_MIN;
	default:
		return false;
	}
}

int lane_decode_part(struct lane_part *part, const uint8_t *buf)
{
	const uint8_t *begin = buf;

	part->kind = (uint32_t)get(&buf, 4);
	part->data = (uint32_t)get(&buf, 4);
	part->bytes = (uint32_t)get(&buf, 4);
	part->result = (int32_t)get(&buf, 4);
	assert(buf == begin + LANE_PART_BYTES);
	return part_valid(part) ? 0 : -EBADMSG;
}

void lane_encode_part(uint8_t *buf, const struct lane_part *part)
{
	const uint8_t *begin = buf;

	buf = put(buf, part->kind, 4);
	buf = put(buf, part->data, 4);
	buf = put(buf, part->bytes, 4);
	buf = put(buf, (uint32_t)part->result, 4);
	assert(buf == begin + LANE_PART_BYTES);
}
