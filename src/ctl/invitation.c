/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/invitation.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/hkdf.h"
#include "os/random.h"

/* A key that comes of a token is of use for nothing else. */
static const char salt[] = "dvs invitation 1";

/* The two ends, which are no nodes to each other yet. The cluster's name keeps them apart from all nodes. */
#define CLUSTER	 "dvs invitation"
#define MEMBER	 0
#define NEWCOMER 1

void invitation_make(struct join_token *token)
{
	*token = (struct join_token){ .id = 0 };
	while (!token->id)
		token->id = (uint32_t)os_random();
	for (size_t i = 0; i < JOIN_SECRET_BYTES; i += sizeof(uint64_t)) {
		uint64_t bits = os_random();

		memcpy(token->secret + i, &bits, sizeof(bits));
	}
}

int invitation_keys(const struct join_token *token, struct secure_keys **keys)
{
	struct keyring keyring = { .count = 1, .key[0].id = token->id };
	const uint8_t id[] = { (uint8_t)(token->id >> 24), (uint8_t)(token->id >> 16),
			       (uint8_t)(token->id >> 8), (uint8_t)token->id };
	int r = os_hkdf((struct hkdf_input){ token->secret, sizeof(token->secret) },
			(struct hkdf_input){ salt, sizeof(salt) - 1 },
			(struct hkdf_input){ id, sizeof(id) }, keyring.key[0].secret,
			KEYRING_SECRET_BYTES);

	if (!r)
		r = secure_keys_new(keys, &keyring, CLUSTER);
	explicit_bzero(&keyring, sizeof(keyring));
	return r;
}

static int refuse_greeting(const struct secure *secure, int r, struct refusal *refusal)
{
	assert(r < 0);
	if (r == -EACCES)
		return refusal_set(refusal, EDVSPERM,
				   "the tokens of both sides are not the same: %s",
				   secure_why(secure));
	return refusal_set_errno(refusal, r,
				 "the connection ended before both had proven the token: %s",
				 strerror(-r));
}

struct secure *invitation_call(struct secure_keys *keys, int fd, struct refusal *refusal)
{
	const struct identity identity = { .from = NEWCOMER, .to = MEMBER };
	struct secure *secure = secure_call(keys, &identity, fd);
	int r = secure ? secure_greet_full(secure, INVITATION_STEP_MS) : -ENOMEM;

	if (!r)
		return secure;
	refuse_greeting(secure, r, refusal);
	return secure_free(secure);
}

struct secure *invitation_answer(struct secure_keys *keys, int fd)
{
	return secure_answer(keys, MEMBER, fd);
}

int invitation_greet(struct secure *secure, struct refusal *refusal)
{
	int r = secure_greet(secure);

	return r < 0 ? refuse_greeting(secure, r, refusal) : r;
}

static int broken(struct refusal *refusal, int r)
{
	assert(r < 0);
	if (r == -EPROTO)
		return refusal_set(
			refusal, EDVSPROTONOSUPPORT,
			"the other machine has another release of DVS: install the same on "
			"both");
	if (r == -EBADMSG)
		return refusal_set(refusal, EDVSPACKSIZE,
				   "the other machine sent something that is none of ours");
	return refusal_set_errno(refusal, r, "the connection to the other machine ended: %s",
				 strerror(-r));
}

int invitation_ask(struct secure *secure, const struct roster_node *newcomer,
		   struct refusal *refusal)
{
	uint8_t buf[JOIN_ASK_BYTES];
	int r;

	join_encode_ask(buf, newcomer);
	r = secure_write_full(secure, buf, sizeof(buf), INVITATION_STEP_MS);
	return r ? broken(refusal, r) : 0;
}

int invitation_hear(struct secure *secure, struct roster_node *newcomer, struct refusal *refusal)
{
	uint8_t buf[JOIN_ASK_BYTES];
	int r = secure_read_full(secure, buf, JOIN_HEAD_BYTES, INVITATION_STEP_MS);

	if (!r)
		r = join_check_head(buf);
	if (!r)
		r = secure_read_full(secure, buf + JOIN_HEAD_BYTES, sizeof(buf) - JOIN_HEAD_BYTES,
				     INVITATION_STEP_MS);
	if (!r)
		r = join_decode_ask(newcomer, buf);
	return r ? broken(refusal, r) : 0;
}

static int send_answer(struct secure *secure, const struct join_answer *answer, const void *texts)
{
	uint8_t buf[JOIN_ANSWER_BYTES];
	int r;

	join_encode_answer(buf, answer);
	r = secure_write_full(secure, buf, sizeof(buf), INVITATION_STEP_MS);
	return r ? r : secure_write_full(secure, texts, join_texts(answer), INVITATION_STEP_MS);
}

int invitation_welcome(struct secure *secure, const struct membership *membership,
		       struct refusal *refusal)
{
	struct join_answer answer = { .node = (uint16_t)membership->node,
				      .authkey = (uint16_t)membership->authkey_len };
	char texts[JOIN_TEXTS_MAX];
	int r;

	assert(membership->authkey_len && membership->authkey_len <= JOIN_AUTHKEY_MAX);
	_Static_assert(JOIN_AUTHKEY_MAX == MEMBERSHIP_AUTHKEY_MAX, "each key of Corosync has room");
	answer.key = (uint16_t)keyring_print(&membership->keyring, texts);
	answer.roster = (uint16_t)roster_print(&membership->roster, texts + answer.key);
	memcpy(texts + answer.key + answer.roster, membership->authkey, membership->authkey_len);
	r = send_answer(secure, &answer, texts);
	explicit_bzero(texts, sizeof(texts));
	return r ? broken(refusal, r) : 0;
}

void invitation_refuse(struct secure *secure, const struct refusal *why)
{
	const struct join_answer answer = { .error = why->error,
					    .why = (uint16_t)strlen(why->reason) };

	assert(why->error);
	(void)send_answer(secure, &answer, why->reason);
}

/* The texts of a welcome, each as strictly read as the file that it becomes. */
static int take_texts(struct membership *membership, const struct join_answer *answer,
		      const char *texts, struct refusal *refusal)
{
	const char *roster = texts + answer->key, *why;
	int line;

	why = keyring_parse(&membership->keyring, texts, answer->key, &line);
	if (why)
		return refusal_set(refusal, EDVSPACKSIZE, "the key that came is none: %s", why);
	why = roster_parse(&membership->roster, roster, answer->roster, &line);
	if (why)
		return refusal_set(refusal, EDVSPACKSIZE,
				   "the list of machines that came is none: %s", why);
	membership->node = answer->node;
	if (!membership->roster.node[answer->node].count)
		return refusal_set(refusal, EDVSPACKSIZE,
				   "the list of machines that came has not this machine");
	membership->authkey_len = answer->authkey;
	memcpy(membership->authkey, roster + answer->roster, answer->authkey);
	return 0;
}

int invitation_take(struct secure *secure, struct membership *membership, struct refusal *refusal)
{
	uint8_t buf[JOIN_ANSWER_BYTES];
	char texts[JOIN_TEXTS_MAX];
	struct join_answer answer;
	int r = secure_read_full(secure, buf, sizeof(buf), INVITATION_WAIT_MS);

	if (!r)
		r = join_decode_answer(&answer, buf);
	if (!r)
		r = secure_read_full(secure, texts, join_texts(&answer), INVITATION_STEP_MS);
	if (r)
		r = broken(refusal, r);
	else if (answer.error)
		r = refusal_set_number(refusal, answer.error, "%.*s", (int)answer.why, texts);
	else
		r = take_texts(membership, &answer, texts, refusal);
	explicit_bzero(texts, sizeof(texts));
	return r;
}

int invitation_settle(struct secure *secure, struct refusal *refusal)
{
	uint8_t byte = JOIN_WRITTEN;
	int r = secure_write_full(secure, &byte, 1, INVITATION_STEP_MS);

	if (!r)
		r = secure_read_full(secure, &byte, 1, INVITATION_WAIT_MS);
	if (!r && byte != JOIN_KNOWN)
		r = -EBADMSG;
	return r ? broken(refusal, r) : 0;
}

int invitation_wait(struct secure *secure, struct refusal *refusal)
{
	uint8_t byte;
	int r = secure_read_full(secure, &byte, 1, INVITATION_WAIT_MS);

	if (!r && byte != JOIN_WRITTEN)
		r = -EBADMSG;
	return r ? broken(refusal, r) : 0;
}

void invitation_settled(struct secure *secure)
{
	uint8_t byte = JOIN_KNOWN;

	(void)secure_write_full(secure, &byte, 1, INVITATION_STEP_MS);
}
