/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/hash.h"
#include "wire/frame.h"

/* Moves along the bytes; lengths were checked before. */
struct writer {
	uint8_t *at;
};

struct reader {
	const uint8_t *at;
};

static void put(struct writer *w, uint64_t value, unsigned bytes)
{
	assert(bytes <= sizeof(value));
	for (unsigned i = 0; i < bytes; i++)
		*w->at++ = (uint8_t)(value >> 8 * i);
}

static uint64_t get(struct reader *r, unsigned bytes)
{
	uint64_t value = 0;

	assert(bytes <= sizeof(value));
	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)*r->at++ << 8 * i;
	return value;
}

static int32_t get_int(struct reader *r)
{
	return (int32_t)get(r, 4);
}

static void put_int(struct writer *w, int32_t value)
{
	put(w, (uint32_t)value, 4);
}

/* The message's fields have the same layout on every machine this runs on (64-bit, little-endian). */
_Static_assert(sizeof(message) == 48, "a message has 48 bytes");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "messages travel as they are");

static bool length_fits(unsigned type, uint32_t bytes)
{
	switch (type) {
	case FRAME_HELLO:
		return bytes == FRAME_HELLO_BYTES;
	case FRAME_LINE:
		return bytes == FRAME_LINE_BYTES;
	case FRAME_NOTIFY:
		return bytes == FRAME_NOTIFY_BYTES;
	case FRAME_OFFER:
		return bytes == FRAME_OFFER_BYTES;
	case FRAME_PING:
	case FRAME_PONG:
		return bytes == FRAME_PING_BYTES;
	case FRAME_MESSAGE:
		return bytes >= FRAME_MESSAGE_HEAD_BYTES && bytes <= FRAME_BODY_MAX;
	default:
		return false;
	}
}

static struct writer head_put(uint8_t *buf, enum frame_type type, uint32_t body_bytes)
{
	struct writer w = { buf };

	assert(length_fits(type, body_bytes));
	put(&w, FRAME_VERSION, 2);
	put(&w, type, 2);
	put(&w, body_bytes, 4);
	return w;
}

int frame_decode_head(struct frame_head *head, const uint8_t *buf)
{
	struct reader r = { buf };
	uint16_t version = (uint16_t)get(&r, 2);

	head->type = (uint16_t)get(&r, 2);
	head->body_bytes = (uint32_t)get(&r, 4);
	if (version != FRAME_VERSION)
		return -EPROTO;
	return length_fits(head->type, head->body_bytes) ? 0 : -EBADMSG;
}

static bool node_valid(int node)
{
	return node >= 0 && node < NR_NODES;
}

/* Of all that stands before it: a body that was damaged on its way is no HELLO. */
static uint64_t hello_hash(const uint8_t *body)
{
	return hash_bytes(HASH_SEED, body, FRAME_HELLO_BYTES - 8);
}

int frame_decode_hello(struct frame_hello *hello, const uint8_t *body)
{
	struct reader r = { body };
	uint32_t magic = (uint32_t)get(&r, 4);
	uint16_t zero;

	hello->kind = (uint16_t)get(&r, 2);
	zero = (uint16_t)get(&r, 2);
	hello->node = get_int(&r);
	hello->incarnation = (uint32_t)get(&r, 4);
	hello->peer = get_int(&r);
	hello->peer_incarnation = (uint32_t)get(&r, 4);
	hello->epoch = (uint32_t)get(&r, 4);
	if (get(&r, 4) || zero || magic != FRAME_MAGIC)
		return -EBADMSG;
	hello->secret = get(&r, 8);
	memcpy(hello->cluster, r.at, FRAME_CLUSTER_BYTES);
	r.at += FRAME_CLUSTER_BYTES;
	if (protocol_decode(&hello->speaker, r.at))
		return -EBADMSG;
	r.at += PROTOCOL_BYTES;
	if (get(&r, 8) != hello_hash(body))
		return -EBADMSG;
	if (hello->kind < FRAME_KIND_LINK || hello->kind > FRAME_KIND_COPY)
		return -EBADMSG;
	if (!node_valid(hello->node) || !node_valid(hello->peer))
		return -EBADMSG;
	if (!hello->incarnation || !hello->peer_incarnation || !hello->secret)
		return -EBADMSG;
	return memchr(hello->cluster, 0, FRAME_CLUSTER_BYTES) ? 0 : -EBADMSG;
}

int frame_read_hello(struct frame_hello *hello, const uint8_t *buf)
{
	struct frame_head head;

	int r = frame_decode_head(&head, buf);

	if (r || head.type != FRAME_HELLO)
		return r ? r : -EBADMSG;
	return frame_decode_hello(hello, buf + FRAME_HEAD_BYTES);
}

size_t frame_encode_hello(uint8_t *buf, const struct frame_hello *hello)
{
	struct writer w = head_put(buf, FRAME_HELLO, FRAME_HELLO_BYTES);

	put(&w, FRAME_MAGIC, 4);
	put(&w, hello->kind, 2);
	put(&w, 0, 2);
	put_int(&w, hello->node);
	put(&w, hello->incarnation, 4);
	put_int(&w, hello->peer);
	put(&w, hello->peer_incarnation, 4);
	put(&w, hello->epoch, 4);
	put(&w, 0, 4);
	put(&w, hello->secret, 8);
	memcpy(w.at, hello->cluster, FRAME_CLUSTER_BYTES);
	w.at += FRAME_CLUSTER_BYTES;
	protocol_encode(w.at, &hello->speaker);
	w.at += PROTOCOL_BYTES;
	put(&w, hello_hash(buf + FRAME_HEAD_BYTES), 8);
	assert(w.at == buf + FRAME_HEAD_BYTES + FRAME_HELLO_BYTES);
	return FRAME_HEAD_BYTES + FRAME_HELLO_BYTES;
}

static bool endpoint_valid(int dcid, int endpoint)
{
	if (dcid < 0 || dcid >= SHM_DCS || endpoint < -SHM_TASKS ||
	    endpoint > INT32_MAX - SHM_TASKS)
		return false;
	return _ENDPOINT_P(endpoint) < SHM_SLOTS - SHM_TASKS;
}

/* The names of a line's or a notify word's channel, and whose it is. */
static int get_channel(struct reader *r, int32_t *dcid, uint32_t *dc_generation,
		       int32_t endpoint[2], uint32_t *side)
{
	*dcid = get_int(r);
	*dc_generation = (uint32_t)get(r, 4);
	endpoint[0] = get_int(r);
	endpoint[1] = get_int(r);
	*side = (uint32_t)get(r, 4);
	if (!endpoint_valid(*dcid, endpoint[0]) || !endpoint_valid(*dcid, endpoint[1]) || *side > 1)
		return -EBADMSG;
	return _ENDPOINT_P(endpoint[0]) < _ENDPOINT_P(endpoint[1]) ? 0 : -EBADMSG;
}

static void put_channel(struct writer *w, int32_t dcid, uint32_t dc_generation,
			const int32_t endpoint[2], uint32_t side)
{
	put_int(w, dcid);
	put(w, dc_generation, 4);
	put_int(w, endpoint[0]);
	put_int(w, endpoint[1]);
	put(w, side, 4);
}

int frame_decode_line(struct frame_line *line, const uint8_t *body)
{
	struct reader r = { body };

	if (get_channel(&r, &line->dcid, &line->dc_generation, line->endpoint, &line->side))
		return -EBADMSG;
	line->word = get(&r, 8);
	line->aux = get(&r, 8);
	line->withdraw = get(&r, 8);
	line->fate = get(&r, 8);
	memcpy(&line->msg, r.at, sizeof(line->msg));
	assert(r.at + sizeof(line->msg) == body + FRAME_LINE_BYTES);
	return 0;
}

size_t frame_encode_line(uint8_t *buf, const struct frame_line *line)
{
	struct writer w = head_put(buf, FRAME_LINE, FRAME_LINE_BYTES);

	put_channel(&w, line->dcid, line->dc_generation, line->endpoint, line->side);
	put(&w, line->word, 8);
	put(&w, line->aux, 8);
	put(&w, line->withdraw, 8);
	put(&w, line->fate, 8);
	memcpy(w.at, &line->msg, sizeof(line->msg));
	assert(w.at + sizeof(line->msg) == buf + FRAME_HEAD_BYTES + FRAME_LINE_BYTES);
	return FRAME_HEAD_BYTES + FRAME_LINE_BYTES;
}

int frame_decode_notify(struct frame_notify *notify, const uint8_t *body)
{
	struct reader r = { body };

	if (get_channel(&r, &notify->dcid, &notify->dc_generation, notify->endpoint, &notify->side))
		return -EBADMSG;
	notify->posted = get(&r, 8);
	notify->taken = get(&r, 8);
	notify->bits = get(&r, 8);
	notify->nr = get_int(&r);
	assert(r.at == body + FRAME_NOTIFY_BYTES);
	return 0;
}

size_t frame_encode_notify(uint8_t *buf, const struct frame_notify *notify)
{
	struct writer w = head_put(buf, FRAME_NOTIFY, FRAME_NOTIFY_BYTES);

	put_channel(&w, notify->dcid, notify->dc_generation, notify->endpoint, notify->side);
	put(&w, notify->posted, 8);
	put(&w, notify->taken, 8);
	put(&w, notify->bits, 8);
	put_int(&w, notify->nr);
	assert(w.at == buf + FRAME_HEAD_BYTES + FRAME_NOTIFY_BYTES);
	return FRAME_HEAD_BYTES + FRAME_NOTIFY_BYTES;
}

int frame_decode_offer(struct frame_offer *offer, const uint8_t *body)
{
	struct reader r = { body };

	offer->dcid = get_int(&r);
	offer->dc_generation = (uint32_t)get(&r, 4);
	offer->endpoint = get_int(&r);
	assert(r.at == body + FRAME_OFFER_BYTES);
	return endpoint_valid(offer->dcid, offer->endpoint) ? 0 : -EBADMSG;
}

size_t frame_encode_offer(uint8_t *buf, const struct frame_offer *offer)
{
	struct writer w = head_put(buf, FRAME_OFFER, FRAME_OFFER_BYTES);

	put_int(&w, offer->dcid);
	put(&w, offer->dc_generation, 4);
	put_int(&w, offer->endpoint);
	assert(w.at == buf + FRAME_HEAD_BYTES + FRAME_OFFER_BYTES);
	return FRAME_HEAD_BYTES + FRAME_OFFER_BYTES;
}

void frame_decode_ping(struct frame_ping *ping, const uint8_t *body)
{
	struct reader r = { body };

	ping->value = get(&r, 8);
	ping->clock_ns = (int64_t)get(&r, 8);
	assert(r.at == body + FRAME_PING_BYTES);
}

size_t frame_encode_ping(uint8_t *buf, enum frame_type type, const struct frame_ping *ping)
{
	struct writer w = head_put(buf, type, FRAME_PING_BYTES);

	assert(type == FRAME_PING || type == FRAME_PONG);
	put(&w, ping->value, 8);
	put(&w, (uint64_t)ping->clock_ns, 8);
	assert(w.at == buf + FRAME_HEAD_BYTES + FRAME_PING_BYTES);
	return FRAME_HEAD_BYTES + FRAME_PING_BYTES;
}

int frame_decode_message(uint16_t *kind, const uint8_t *body)
{
	struct reader r = { body };

	*kind = (uint16_t)get(&r, 2);
	return get(&r, 2) || get(&r, 4) ? -EBADMSG : 0;
}

size_t frame_encode_message(uint8_t *buf, uint16_t kind, uint32_t bytes)
{
	struct writer w = head_put(buf, FRAME_MESSAGE, FRAME_MESSAGE_HEAD_BYTES + bytes);

	put(&w, kind, 2);
	put(&w, 0, 2);
	put(&w, 0, 4);
	assert(w.at == buf + FRAME_HEAD_BYTES + FRAME_MESSAGE_HEAD_BYTES);
	return FRAME_HEAD_BYTES + FRAME_MESSAGE_HEAD_BYTES;
}
