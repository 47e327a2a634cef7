/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/join.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/hex.h"

#define MAGIC	     0x4e4a5644u /* "DVJN" */
#define RESULT_LEAST (-4095)
#define GROUP_BYTES  4 /* of the secret, between two dashes */

static uint8_t *put(uint8_t *at, uint32_t value, unsigned bytes)
{
	assert(bytes <= sizeof(value));
	for (unsigned i = 0; i < bytes; i++)
		*at++ = (uint8_t)(value >> 8 * i);
	return at;
}

static uint32_t get(const uint8_t **at, unsigned bytes)
{
	uint32_t value = 0;

	assert(bytes <= sizeof(value));
	for (unsigned i = 0; i < bytes; i++)
		value |= (uint32_t) * (*at)++ << 8 * i;
	return value;
}

/* Magic and version, with which both messages begin. */
static int get_head(const uint8_t **at)
{
	if (get(at, 4) != MAGIC)
		return -EBADMSG;
	return get(at, 2) == JOIN_VERSION ? 0 : -EPROTO;
}

int join_check_head(const uint8_t buf[JOIN_HEAD_BYTES])
{
	const uint8_t *at = buf;

	return get_head(&at);
}

static uint8_t *put_head(uint8_t *at)
{
	return put(put(at, MAGIC, 4), JOIN_VERSION, 2);
}

/* Up to its end there is the name, and then nothing. */
static bool get_name(const uint8_t **at, char name[MAXNODENAME])
{
	size_t len = 0;

	memcpy(name, *at, MAXNODENAME);
	*at += MAXNODENAME;
	while (len < MAXNODENAME && name[len])
		len++;
	for (size_t i = len; i < MAXNODENAME; i++)
		if (name[i])
			return false;
	return !roster_check_name(name, len);
}

int join_decode_ask(struct roster_node *newcomer, const uint8_t buf[JOIN_ASK_BYTES])
{
	const uint8_t *at = buf;
	int r = get_head(&at);
	unsigned count;

	if (r)
		return r;
	memset(newcomer, 0, sizeof(*newcomer));
	count = get(&at, 2);
	if (!count || count > ROSTER_ADDRESSES || !get_name(&at, newcomer->name))
		return -EBADMSG;
	for (unsigned i = 0; i < ROSTER_ADDRESSES; i++) {
		struct address address;

		memcpy(address.byte, at, ADDRESS_BYTES);
		at += ADDRESS_BYTES;
		if (i < count ? roster_add_address(newcomer, address) != NULL
			      : address_is_set(address))
			return -EBADMSG;
	}
	assert(at == buf + JOIN_ASK_BYTES);
	return 0;
}

void join_encode_ask(uint8_t buf[JOIN_ASK_BYTES], const struct roster_node *newcomer)
{
	uint8_t *at = put_head(buf);

	assert(newcomer->count && newcomer->count <= ROSTER_ADDRESSES);
	at = put(at, newcomer->count, 2);
	memcpy(at, newcomer->name, MAXNODENAME);
	memcpy(at + MAXNODENAME, newcomer->address, sizeof(newcomer->address));
}

int join_decode_answer(struct join_answer *answer, const uint8_t buf[JOIN_ANSWER_BYTES])
{
	const uint8_t *at = buf;
	int r = get_head(&at);
	bool texts;

	if (r)
		return r;
	answer->node = (uint16_t)get(&at, 2);
	answer->error = (int32_t)get(&at, 4);
	answer->key = (uint16_t)get(&at, 2);
	answer->roster = (uint16_t)get(&at, 2);
	answer->authkey = (uint16_t)get(&at, 2);
	answer->why = (uint16_t)get(&at, 2);
	assert(at == buf + JOIN_ANSWER_BYTES);
	if (answer->node >= NR_NODES || answer->key > JOIN_KEY_MAX ||
	    answer->roster > JOIN_ROSTER_MAX || answer->authkey > JOIN_AUTHKEY_MAX ||
	    answer->why > JOIN_WHY_MAX)
		return -EBADMSG;
	texts = answer->key && answer->roster && answer->authkey && !answer->why;
	if (!answer->error)
		return texts ? 0 : -EBADMSG;
	if (answer->error > 0 || answer->error < RESULT_LEAST || answer->key || answer->roster ||
	    answer->authkey || answer->node)
		return -EBADMSG;
	return 0;
}

void join_encode_answer(uint8_t buf[JOIN_ANSWER_BYTES], const struct join_answer *answer)
{
	uint8_t *at = put_head(buf);

	assert(answer->error <= 0);
	at = put(at, answer->node, 2);
	at = put(at, (uint32_t)answer->error, 4);
	at = put(at, answer->key, 2);
	at = put(at, answer->roster, 2);
	at = put(at, answer->authkey, 2);
	at = put(at, answer->why, 2);
	assert(at == buf + JOIN_ANSWER_BYTES);
}

size_t join_texts(const struct join_answer *answer)
{
	return (size_t)answer->key + answer->roster + answer->authkey + answer->why;
}

/* ---- the token ---- */

void join_print_token(const struct join_token *token, char text[JOIN_TOKEN_TEXT + 1])
{
	const uint8_t id[] = { (uint8_t)(token->id >> 24), (uint8_t)(token->id >> 16),
			       (uint8_t)(token->id >> 8), (uint8_t)token->id };
	char *at = hex_print(text, id, sizeof(id));

	assert(token->id);
	for (unsigned i = 0; i < JOIN_SECRET_BYTES; i += GROUP_BYTES) {
		*at++ = '-';
		at = hex_print(at, token->secret + i, GROUP_BYTES);
	}
	*at = '\0';
	assert(at == text + JOIN_TOKEN_TEXT);
}

int join_parse_token(struct join_token *token, const char *text, size_t len)
{
	const char *at = text;
	uint8_t id[4];

	if (len != JOIN_TOKEN_TEXT || !hex_parse(at, id, sizeof(id)))
		return -1;
	at += 2 * sizeof(id);
	for (unsigned i = 0; i < JOIN_SECRET_BYTES; i += GROUP_BYTES) {
		if (*at != '-' || !hex_parse(at + 1, token->secret + i, GROUP_BYTES))
			return -1;
		at += 1 + 2 * GROUP_BYTES;
	}
	assert(at == text + len);
	token->id = (uint32_t)id[0] << 24 | (uint32_t)id[1] << 16 | (uint32_t)id[2] << 8 | id[3];
	return token->id ? 0 : -1;
}
