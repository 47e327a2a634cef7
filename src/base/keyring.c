/* SPDX-License-Identifier: Apache-2.0 */
#include "base/keyring.h"

#include <assert.h>
#include <string.h>

#define ID_DIGITS     8
#define SECRET_DIGITS (2 * (size_t)KEYRING_SECRET_BYTES)

/* By the place of the key. */
static const struct {
	const char *text;
	size_t len;
} word[KEYRING_KEYS] = { { "primary ", 8 }, { "old ", 4 } };

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* So many bytes of two digits each. */
static bool parse_bytes(const char *text, uint8_t *bytes, size_t count)
{
	assert(count > 0);
	for (size_t i = 0; i < count; i++) {
		int high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool parse_key(struct keyring_key *key, const char *text, size_t len)
{
	uint8_t id[ID_DIGITS / 2];

	if (len != ID_DIGITS + 1 + SECRET_DIGITS || text[ID_DIGITS] != ' ' ||
	    !parse_bytes(text, id, sizeof(id)) ||
	    !parse_bytes(text + ID_DIGITS + 1, key->secret, sizeof(key->secret)))
		return false;
	key->id = (uint32_t)id[0] << 24 | (uint32_t)id[1] << 16 | (uint32_t)id[2] << 8 | id[3];
	return key->id != 0;
}

static const char *parse_line(struct keyring *keyring, bool have[KEYRING_KEYS], const char *text,
			      size_t len)
{
	unsigned place = 0;

	assert(len > 0);
	while (place < KEYRING_KEYS &&
	       (len < word[place].len || memcmp(text, word[place].text, word[place].len) != 0))
		place++;
	if (place == KEYRING_KEYS)
		return "a line begins with \"primary \", \"old \" or \"#\"";
	if (have[place])
		return place ? "it is a second old key" : "it is a second primary key";
	if (!parse_key(&keyring->key[place], text + word[place].len, len - word[place].len))
		return "a key is a number of 8 and a secret of 64 hexadecimal digits (0-9, a-f)";
	have[place] = true;
	return NULL;
}

const char *keyring_parse(struct keyring *keyring, const char *text, size_t len, int *line)
{
	bool have[KEYRING_KEYS] = { false, false };
	size_t at = 0;

	*keyring = (struct keyring){ .count = 0 };
	*line = 0;
	if (len > KEYRING_TEXT_MAX)
		return "it is longer than two keys are";
	while (at < len) {
		const char *start = text + at, *end = memchr(start, '\n', len - at);
		size_t bytes = end ? (size_t)(end - start) : len - at;
		const char *why = NULL;

		++*line;
		if (bytes && *start != '#')
			why = parse_line(keyring, have, start, bytes);
		if (why)
			return why;
		at += bytes + 1;
	}
	*line = 0;
	if (!have[0])
		return "it has no primary key";
	if (have[1] && keyring->key[0].id == keyring->key[1].id)
		return "its two keys have the same number";
	keyring->count = have[1] ? 2 : 1;
	assert(keyring->key[0].id); /* parse_key() takes no other */
	return NULL;
}

static char *print_bytes(char *at, const uint8_t *bytes, size_t count)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < count; i++) {
		*at++ = digits[bytes[i] >> 4];
		*at++ = digits[bytes[i] & 15];
	}
	return at;
}

size_t keyring_print(const struct keyring *keyring, char text[KEYRING_TEXT_MAX])
{
	char *at = text;

	assert(keyring->count >= 1 && keyring->count <= KEYRING_KEYS);
	for (unsigned i = 0; i < keyring->count; i++) {
		const struct keyring_key *key = &keyring->key[i];
		const uint8_t id[] = { (uint8_t)(key->id >> 24), (uint8_t)(key->id >> 16),
				       (uint8_t)(key->id >> 8), (uint8_t)key->id };

		memcpy(at, word[i].text, word[i].len);
		at = print_bytes(at + word[i].len, id, sizeof(id));
		*at++ = ' ';
		at = print_bytes(at, key->secret, sizeof(key->secret));
		*at++ = '\n';
	}
	*at = '\0';
	assert(at < text + KEYRING_TEXT_MAX);
	return (size_t)(at - text);
}

const struct keyring_key *keyring_find(const struct keyring *keyring, uint32_t id)
{
	assert(keyring->count <= KEYRING_KEYS);
	for (unsigned i = 0; i < keyring->count; i++)
		if (keyring->key[i].id == id)
			return &keyring->key[i];
	return NULL;
}
