/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_WIRE_JOIN_H
#define DVS_WIRE_JOIN_H

/*
 * A machine that joins a cluster (`dvs join`) and the one that has invited it (`dvs invite`) send
 * each other these messages, on a connection on which both have proven that they know the token of
 * the invitation. Little-endian, no alignment.
 *
 *	newcomer: ASK		its name and addresses
 *	member: ANSWER + texts	the key, the list with the newcomer in it, and Corosync's key; or a sentence
 *	newcomer: 1 byte	JOIN_WRITTEN: it has its files
 *	member: 1 byte		JOIN_KNOWN: the members' Corosyncs have the list
 */

#include <stddef.h>
#include <stdint.h>

#include "base/keyring.h"
#include "base/roster.h"

#define JOIN_VERSION 2
#define JOIN_PORT    7701

#define JOIN_ASK_BYTES	  (8u + MAXNODENAME + ADDRESS_BYTES * ROSTER_ADDRESSES)
#define JOIN_ANSWER_BYTES 20u
#define JOIN_KEY_MAX	  KEYRING_TEXT_MAX
#define JOIN_ROSTER_MAX	  ROSTER_TEXT_MAX
#define JOIN_AUTHKEY_MAX  1024u
#define JOIN_WHY_MAX	  256u
#define JOIN_TEXTS_MAX	  (JOIN_KEY_MAX + JOIN_ROSTER_MAX + JOIN_AUTHKEY_MAX + JOIN_WHY_MAX)

#define JOIN_WRITTEN 'w'
#define JOIN_KNOWN   'k'

struct join_answer {
	uint16_t node;			    /* the newcomer's number */
	int32_t error;			    /* 0, or the EDVS number of a refusal */
	uint16_t key, roster, authkey, why; /* bytes of the texts that follow, in this order */
};

/* Both messages begin with as many bytes, of which another version can be told: an ASK has had other lengths. */
#define JOIN_HEAD_BYTES 6u
int join_check_head(const uint8_t buf[JOIN_HEAD_BYTES]);
/* 0, -EBADMSG for bytes that no member or newcomer sends, or -EPROTO for those of another version. */
int join_decode_ask(struct roster_node *newcomer, const uint8_t buf[JOIN_ASK_BYTES]);
int join_decode_answer(struct join_answer *answer, const uint8_t buf[JOIN_ANSWER_BYTES]);
void join_encode_ask(uint8_t buf[JOIN_ASK_BYTES], const struct roster_node *newcomer);
void join_encode_answer(uint8_t buf[JOIN_ANSWER_BYTES], const struct join_answer *answer);
size_t join_texts(const struct join_answer *answer); /* bytes of all of them */

/*
 * The token of an invitation, as people copy it: a number by which the member finds it, and a secret.
 *
 *	7f3a91c2-5f0e1d2c-3b4a5968-77869504-a3b2c1d0
 */
#define JOIN_TOKEN_TEXT	  44u
#define JOIN_SECRET_BYTES 16u

struct join_token {
	uint32_t id; /* not 0 */
	uint8_t secret[JOIN_SECRET_BYTES];
};

void join_print_token(const struct join_token *token, char text[JOIN_TOKEN_TEXT + 1]);
/* 0, or -1: it is none. */
int join_parse_token(struct join_token *token, const char *text, size_t len);

#endif
