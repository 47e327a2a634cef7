/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Fields, records and the head of the state that a daemon leaves to its successor. The fields of each kind of record
 * are listed once, for both directions, beside the structures that they describe (node/restart/state.c).
 */

#include "wire/handover.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/hash.h"

#define RECORD_HEAD_BYTES 16u
#define HASHED_FROM	  24u

const uint32_t handover_version = HANDOVER_VERSION;

bool handover_is_reading(const struct handover_cursor *c)
{
	return c->in;
}

void handover_refuse(struct handover_cursor *c)
{
	c->bad |= handover_is_reading(c);
}

/* In the byte order of x86-64, which is that of the form: a state is written again at each change. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "another order needs its bytes turned");

static inline void field(struct handover_cursor *c, uint64_t *value, size_t bytes)
{
	assert(bytes <= sizeof(*value));
	assert(!c->in || c->at <= c->size);
	if (c->in && c->size - c->at < bytes) {
		handover_refuse(c);
		*value = 0;
		return;
	}
	if (c->in) {
		*value = 0;
		memcpy(value, c->in + c->at, bytes);
	} else if (c->out && c->at + bytes <= c->size) {
		memcpy(c->out + c->at, value, bytes);
	}
	c->at += bytes;
}

void handover_u64(struct handover_cursor *c, uint64_t *value)
{
	field(c, value, 8);
}

void handover_u32(struct handover_cursor *c, uint32_t *value)
{
	uint64_t wide = *value;

	field(c, &wide, 4);
	*value = (uint32_t)wide;
}

void handover_s32(struct handover_cursor *c, int32_t *value)
{
	uint32_t raw = (uint32_t)*value;

	handover_u32(c, &raw);
	*value = (int32_t)raw;
}

void handover_range(struct handover_cursor *c, int32_t *value, int32_t least, int32_t most)
{
	assert(least <= most);
	handover_s32(c, value);
	if (*value < least || *value > most)
		handover_refuse(c);
}

void handover_flag(struct handover_cursor *c, bool *value)
{
	int32_t number = *value;

	handover_range(c, &number, 0, 1);
	*value = number;
}

void handover_fd(struct handover_cursor *c, int32_t *value, int least)
{
	assert(least >= -1);
	handover_range(c, value, least, HANDOVER_FD_MAX);
	if (*value >= 0 && !c->bad && c->descriptor)
		c->descriptor(c->ctx, *value);
}

void handover_p_nr(struct handover_cursor *c, int32_t *p_nr)
{
	handover_range(c, p_nr, -SHM_TASKS, SHM_SLOTS - SHM_TASKS - 1);
}

void handover_slot(struct handover_cursor *c, int32_t *dcid, int32_t *p_nr)
{
	handover_range(c, dcid, 0, SHM_DCS - 1);
	handover_p_nr(c, p_nr);
}

static void read_text(struct handover_cursor *c, char *text, size_t size)
{
	const char *end;

	if (c->size - c->at < size) {
		handover_refuse(c);
		memset(text, 0, size);
		return;
	}
	memcpy(text, c->in + c->at, size);
	c->at += size;
	end = memchr(text, 0, size);
	if (!end)
		handover_refuse(c);
	for (; end && end < text + size; end++)
		if (*end)
			handover_refuse(c);
	text[size - 1] = 0;
}

/* Bytes behind the end of a text are no part of it. */
void handover_text(struct handover_cursor *c, char *text, size_t size)
{
	const char *end;
	size_t length;

	assert(size > 0);
	if (handover_is_reading(c)) {
		read_text(c, text, size);
		return;
	}
	end = memchr(text, 0, size - 1);
	length = end ? (size_t)(end - text) : size - 1;
	if (c->out && c->at + size <= c->size) {
		memcpy(c->out + c->at, text, length);
		memset(c->out + c->at + length, 0, size - length);
	}
	c->at += size;
}

void handover_tail(struct handover_cursor *c, const uint8_t **tail, uint32_t *bytes)
{
	if (handover_is_reading(c)) {
		*tail = c->in + c->at;
		*bytes = (uint32_t)(c->size - c->at);
	} else if (c->out && c->at <= c->size && c->size - c->at >= *bytes && *bytes) {
		memcpy(c->out + c->at, *tail, *bytes);
	}
	c->at += *bytes;
}

void handover_begin(struct handover_cursor *c, enum handover_kind kind, uint64_t number)
{
	uint32_t word = kind, none = 0;

	assert(!handover_is_reading(c));
	c->mark = c->at;
	handover_u32(c, &word);
	handover_u32(c, &none);
	handover_u64(c, &number);
}

void handover_end(struct handover_cursor *c)
{
	struct handover_cursor head = *c;
	uint32_t bytes = (uint32_t)(c->at - c->mark - RECORD_HEAD_BYTES);

	head.at = c->mark + 4;
	handover_u32(&head, &bytes);
}

static void versions_fields(struct handover_cursor *c, struct handover_versions *v)
{
	handover_u32(c, &v->shm);
	handover_u32(c, &v->inits);
	handover_u32(c, &v->ctl);
	handover_u32(c, &v->protocol);
}

void handover_seal(uint8_t *buf, size_t bytes, const struct handover_versions *versions)
{
	struct handover_cursor c = { .out = buf, .size = bytes };
	struct handover_versions copy = *versions;
	uint32_t magic = HANDOVER_MAGIC, version = HANDOVER_VERSION;
	uint64_t all = bytes, hash;

	assert(bytes >= HANDOVER_HEAD_BYTES);
	handover_u32(&c, &magic);
	handover_u32(&c, &version);
	handover_u64(&c, &all);
	c.at = HASHED_FROM;
	versions_fields(&c, &copy);
	assert(c.at == HANDOVER_HEAD_BYTES);
	hash = hash_bytes(HASH_SEED, buf + HASHED_FROM, bytes - HASHED_FROM);
	c.at = HASHED_FROM - 8;
	handover_u64(&c, &hash);
	assert(c.at == HASHED_FROM);
}

int handover_open(const uint8_t *buf, size_t bytes, const struct handover_versions *own,
		  uint32_t *version)
{
	struct handover_cursor c = { .in = buf, .size = bytes };
	struct handover_versions theirs = { 0 };
	uint32_t magic = 0;
	uint64_t all = 0, hash = 0;

	*version = 0;
	if (bytes < HANDOVER_HEAD_BYTES)
		return -EBADMSG;
	handover_u32(&c, &magic);
	handover_u32(&c, version);
	handover_u64(&c, &all);
	handover_u64(&c, &hash);
	versions_fields(&c, &theirs);
	assert(c.at == HANDOVER_HEAD_BYTES);
	if (magic != HANDOVER_MAGIC)
		return -EBADMSG;
	/* Nothing that follows means the same in another version. */
	if (*version != HANDOVER_VERSION)
		return -EPROTONOSUPPORT;
	if (all < HANDOVER_HEAD_BYTES || all > bytes ||
	    hash != hash_bytes(HASH_SEED, buf + HASHED_FROM, (size_t)all - HASHED_FROM))
		return -EBADMSG;
	return memcmp(&theirs, own, sizeof(theirs)) ? -EPROTO : 0;
}

size_t handover_bytes(const uint8_t *buf, size_t bytes)
{
	struct handover_cursor c = { .in = buf, .at = 8, .size = bytes };
	uint64_t all = 0;

	handover_u64(&c, &all);
	return all < bytes ? (size_t)all : bytes;
}

int handover_next(const uint8_t *buf, size_t bytes, size_t *at, enum handover_kind *kind,
		  uint64_t *number, struct handover_cursor *c)
{
	size_t all = handover_bytes(buf, bytes);
	uint32_t word = 0, length = 0;

	*c = (struct handover_cursor){ .in = buf, .at = *at, .size = all };
	if (*at == all)
		return 0;
	if (*at > all)
		return -EBADMSG;
	handover_u32(c, &word);
	handover_u32(c, &length);
	handover_u64(c, number);
	if (c->bad || word < 1 || word > HANDOVER_KIND_LAST || length > all - c->at)
		return -EBADMSG;
	*kind = (enum handover_kind)word;
	c->size = c->at + length;
	*at = c->size;
	return 1;
}

int handover_done(const struct handover_cursor *c)
{
	return c->bad || c->at != c->size ? -EBADMSG : 0;
}
