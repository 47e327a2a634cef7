/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_BASE_KEYRING_H
#define DVS_BASE_KEYRING_H

/*
 * The keys of a cluster, as the key file has them: one in each line, with its number and its secret in hexadecimal
 * digits. Empty lines and lines that begin with '#' mean nothing.
 *
 *	primary 7f3a91c2 5f0e...		the key by which this node proves itself: exactly one
 *	next 11aa22bb 90c1...		will be primary: accepted as well, so that nodes may change by turns
 *	old 11aa22bb 90c1...		was primary: the same; there is one of these two at most
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYRING_KEYS	     2
#define KEYRING_SECRET_BYTES 32
#define KEYRING_TEXT_MAX     1024 /* bytes of a key file */

struct keyring_key {
	uint32_t id; /* not 0 */
	uint8_t secret[KEYRING_SECRET_BYTES];
};

struct keyring {
	struct keyring_key key[KEYRING_KEYS]; /* the primary one first */
	unsigned count;
	bool next; /* the second one is to be the primary one; else it was */
};

/* NULL, or what is wrong, as the end of a sentence, and in *line where (0: in the file as a whole). */
const char *keyring_parse(struct keyring *keyring, const char *text, size_t len, int *line);
/* The text of it, terminated; its length. */
size_t keyring_print(const struct keyring *keyring, char text[KEYRING_TEXT_MAX]);
/*
 * One step of an exchange: a fresh key is the next one; then that is primary and the other one old; then the old one is
 * gone. Nodes of which some are a step behind accept each other.
 */
void keyring_turn(struct keyring *keyring, const struct keyring_key *fresh);
/* "primary", "next" or "old". */
const char *keyring_word(const struct keyring *keyring, unsigned place);
/* NULL: there is none with this number. */
const struct keyring_key *keyring_find(const struct keyring *keyring, uint32_t id);

#endif
