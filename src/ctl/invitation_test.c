/* SPDX-License-Identifier: Apache-2.0 */

/* The way by which a machine joins: both ends of it, with the right token and others. */

#include "ctl/invitation.h"

#include <stdbool.h>
#include <string.h>

#include "base/test.h"
#include "os/keyfile.h"
#include "os/loop.h"
#include "os/socket.h"
#include "os/threads.h"

/* The newcomer, in a thread of its own. */
struct newcomer {
	struct join_token token;
	int fd;
	bool mute; /* it goes away after the greeting */
	bool old;  /* it is of another release, whose question is shorter */
	struct roster_node node;
	struct membership got;
	struct refusal refusal;
	bool settled;
};

static struct newcomer newcomer;
static struct join_token token;
static struct refusal refusal;
static struct roster_node heard;
static pthread_t thread;

static void *run(void *ctx)
{
	struct secure_keys *keys;
	struct secure *secure;

	(void)ctx;
	CHECK_EQ(invitation_keys(&newcomer.token, &keys), 0);
	secure = invitation_call(keys, newcomer.fd, &newcomer.refusal);
	secure_keys_free(keys);
	if (secure && newcomer.old) {
		uint8_t ask[JOIN_ASK_BYTES], byte;

		join_encode_ask(ask, &newcomer.node);
		ask[4] ^= 1;
		CHECK_EQ(secure_write_full(secure, ask, JOIN_HEAD_BYTES + 2, 10000), 0);
		CHECK(secure_read_full(secure, &byte, 1, 10000));
	} else if (secure && !newcomer.mute &&
		   !invitation_ask(secure, &newcomer.node, &newcomer.refusal) &&
		   !invitation_take(secure, &newcomer.got, &newcomer.refusal))
		newcomer.settled = !invitation_settle(secure, &newcomer.refusal);
	secure_free(secure);
	return NULL;
}

static struct secure *greeted(struct secure *secure)
{
	int r = OS_READ;

	if (!secure)
		return NULL;
	while (r > 0 && !os_poll(secure_fd(secure), r, 10000))
		r = invitation_greet(secure, &refusal);
	return r ? secure_free(secure) : secure;
}

/* The member's end, when both have greeted; NULL: they do not believe each other. */
static struct secure *meet(void)
{
	struct secure_keys *keys;
	struct secure *secure;
	int fds[2];

	refusal_clear(&refusal);
	memset(&newcomer.refusal, 0, sizeof(newcomer.refusal));
	newcomer.settled = false;
	newcomer.node = (struct roster_node){ .count = 1, .name = "beta" };
	CHECK(!address_parse(&newcomer.node.address[0], "192.0.2.11", 10));
	CHECK_EQ(os_unix_pair(OS_STREAM, fds), 0);
	newcomer.fd = fds[1];
	CHECK_EQ(invitation_keys(&token, &keys), 0);
	CHECK_EQ(os_thread_start_joined(&thread, run, NULL), 0);
	secure = greeted(invitation_answer(keys, fds[0]));
	secure_keys_free(keys);
	return secure;
}

static struct membership welcome(void)
{
	static const char list[] = "change 2\nnode 0 alpha 192.0.2.10\nnode 1 beta 192.0.2.11\n";
	struct membership membership = { .node = 1, .authkey_len = 200, .authkey = { 1, 2, 3 } };
	int line;

	os_keyfile_alone(&membership.keyring);
	CHECK(!roster_parse(&membership.roster, list, strlen(list), &line));
	return membership;
}

static void test_joined(void)
{
	struct membership membership = welcome();
	struct secure *secure;

	newcomer.token = token;
	secure = meet();
	CHECK_OR_RETURN(secure);
	CHECK_EQ(invitation_hear(secure, &heard, &refusal), 0);
	CHECK(!memcmp(&heard, &newcomer.node, sizeof(heard)));
	CHECK_EQ(invitation_welcome(secure, &membership, &refusal), 0);
	CHECK_EQ(invitation_wait(secure, &refusal), 0);
	invitation_settled(secure);
	os_thread_join(thread);
	secure_free(secure);
	CHECK(newcomer.settled);
	CHECK_EQ(newcomer.got.node, 1);
	CHECK(!memcmp(&newcomer.got.keyring, &membership.keyring, sizeof(membership.keyring)));
	CHECK(!memcmp(&newcomer.got.roster, &membership.roster, sizeof(membership.roster)));
	CHECK_EQ(newcomer.got.authkey_len, 200);
	CHECK(!memcmp(newcomer.got.authkey, membership.authkey, 200));
}

static void test_refused(void)
{
	struct refusal why = REFUSAL_NONE;
	struct secure *secure;

	newcomer.token = token;
	refusal_set(&why, EDVSEXIST, "the cluster has a node beta already");
	secure = meet();
	CHECK_OR_RETURN(secure);
	CHECK_EQ(invitation_hear(secure, &heard, &refusal), 0);
	invitation_refuse(secure, &why);
	os_thread_join(thread);
	secure_free(secure);
	CHECK_EQ(newcomer.refusal.error, EDVSEXIST);
	CHECK(!strcmp(newcomer.refusal.reason, why.reason));
	CHECK(!newcomer.settled);
}

/* Neither a wrong number nor a wrong secret is believed, and no key leaves. */
static void test_wrong_token(void)
{
	for (int i = 0; i < 2; i++) {
		newcomer.token = token;
		if (i)
			newcomer.token.secret[15] ^= 1;
		else
			newcomer.token.id ^= 1;
		CHECK(!meet());
		os_thread_join(thread);
		CHECK_EQ(refusal.error, EDVSPERM);
		CHECK(strstr(refusal.reason, "the tokens of both sides are not the same"));
		CHECK_EQ(newcomer.refusal.error, EDVSPERM);
	}
}

/* A newcomer that goes away, before it asks or before it has its files. */
static void test_gone(void)
{
	struct secure *secure;

	newcomer.token = token;
	newcomer.mute = true;
	secure = meet();
	CHECK_OR_RETURN(secure);
	CHECK(invitation_hear(secure, &heard, &refusal) < 0);
	refusal_clear(&refusal);
	CHECK(invitation_wait(secure, &refusal) < 0);
	CHECK(strstr(refusal.reason, "the connection to the other machine ended"));
	os_thread_join(thread);
	secure_free(secure);
	newcomer.mute = false;
}

/* Its release is told although it says less than one of ours, and waits for an answer. */
static void test_other_release(void)
{
	struct secure *secure;

	newcomer.token = token;
	newcomer.old = true;
	secure = meet();
	CHECK_OR_RETURN(secure);
	CHECK_EQ(invitation_hear(secure, &heard, &refusal), EDVSPROTONOSUPPORT);
	secure_free(secure);
	os_thread_join(thread);
	newcomer.old = false;
}

/* A stranger that says something which is none of ours. */
static void test_stranger(void)
{
	static const char noise[] = "GET / HTTP/1.0\r\n\r\n";
	struct secure_keys *keys;
	int fds[2];

	CHECK_EQ(invitation_keys(&token, &keys), 0);
	refusal_clear(&refusal);
	CHECK_EQ(os_unix_pair(OS_STREAM, fds), 0);
	CHECK_EQ(os_write_full(fds[1], noise, sizeof(noise), 1000), 0);
	CHECK(!greeted(invitation_answer(keys, fds[0])));
	CHECK_EQ(refusal.error, EDVSPERM);
	os_close(fds[1]);
	secure_keys_free(keys);
}

int main(void)
{
	struct join_token other;

	invitation_make(&token);
	invitation_make(&other);
	CHECK(memcmp(token.secret, other.secret, JOIN_SECRET_BYTES) != 0);
	TEST(test_joined);
	TEST(test_refused);
	TEST(test_wrong_token);
	TEST(test_gone);
	TEST(test_other_release);
	TEST(test_stranger);
	return test_end();
}
