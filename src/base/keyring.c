/* SPDX-License-Identifier: Apache-2.0 */
#include "base/keyring.h"

#include <assert.h>
#include <string.h>

#include "base/hex.h"

#define ID_DIGITS     8
#define SECRET_DIGITS (2 * (size_t)KEYRING_SECRET_BYTES)

#define WORDS 3

static const struct {
	const char *text;
	size_t len;
	unsigned place;
} word[WORDS] = { { "primary ", 8, 0 }, { "old ", 4, 1 }, { "next ", 5, 1 } };

/* Of the key at this place. */
static unsigned word_at(const struct keyring *keyring, unsigned place)
{
	assert(place < keyring->count);
	return place + (place && keyring->next);
}

static bool parse_key(struct keyring_key *key, const char *text, size_t len)
{
	uint8_t id[ID_DIGITS / 2];

	if (len != ID_DIGITS + 1 + SECRET_DIGITS || text[ID_DIGITS] != ' ' ||
	    !hex_parse(text, id, sizeof(id)) ||
	    !hex_parse(text + ID_DIGITS + 1, key->secret, sizeof(key->secret)))
		return false;
	key->id = (uint32_t)id[0] << 24 | (uint32_t)id[1] << 16 | (uint32_t)id[2] << 8 | id[3];
	return key->id != 0;
}

static const char *parse_line(struct keyring *keyring, bool have[KEYRING_KEYS], const char *text,
			      size_t len)
{
	unsigned which = 0, place;

	assert(len > 0);
	while (which < WORDS &&
	       (len < word[which].len || memcmp(text, word[which].text, word[which].len) != 0))
		which++;
	if (which == WORDS)
		return "a line begins with \"primary \", \"next \", \"old \" or \"#\"";
	place = word[which].place;
	if (have[place])
		return place ? "there is a next or an old key already"
			     : "it is a second primary key";
	if (!parse_key(&keyring->key[place], text + word[which].len, len - word[which].len))
		return "a key is a number of 8 and a secret of 64 hexadecimal digits (0-9, a-f)";
	have[place] = true;
	keyring->next |= which == WORDS - 1;
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

size_t keyring_print(const struct keyring *keyring, char text[KEYRING_TEXT_MAX])
{
	char *at = text;

	assert(keyring->count >= 1 && keyring->count <= KEYRING_KEYS);
	for (unsigned i = 0; i < keyring->count; i++) {
		const struct keyring_key *key = &keyring->key[i];
		const uint8_t id[] = { (uint8_t)(key->id >> 24), (uint8_t)(key->id >> 16),
				       (uint8_t)(key->id >> 8), (uint8_t)key->id };

		memcpy(at, word[word_at(keyring, i)].text, word[word_at(keyring, i)].len);
		at = hex_print(at + word[word_at(keyring, i)].len, id, sizeof(id));
		*at++ = ' ';
		at = hex_print(at, key->secret, sizeof(key->secret));
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

const char *keyring_word(const struct keyring *keyring, unsigned place)
{
	static const char *const names[WORDS] = { "primary", "old", "next" };

	return names[word_at(keyring, place)];
}

void keyring_turn(struct keyring *keyring, const struct keyring_key *fresh)
{
	assert(keyring->count >= 1 && keyring->count <= KEYRING_KEYS);
	if (keyring->count == 1) {
		keyring->key[1] = *fresh;
		keyring->count = 2;
		keyring->next = true;
	} else if (keyring->next) {
		const struct keyring_key old = keyring->key[0];

		keyring->key[0] = keyring->key[1];
		keyring->key[1] = old;
		keyring->next = false;
	} else {
		keyring->key[1] = (struct keyring_key){ .id = 0 };
		keyring->count = 1;
	}
}
