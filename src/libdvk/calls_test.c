/* SPDX-License-Identifier: Apache-2.0 */

/* Messages between processes of one node: see libdvk/party_test.h. */

#include "libdvk/party_test.h"

#define CALLS 3000

/* ---- requests ---- */

static int echo_server(void)
{
	message m;

	join(SERVER);
	for (int i = 0; i < 2 * CALLS; i++) {
		CHECK_EQ(dvk_receive(ANY, &m), OK);
		m.m1_i2 = m.m1_i1 + 1;
		if (i % 2)
			CHECK_EQ(dvk_reply(m.m_source, &m), OK);
		else
			CHECK_EQ(dvk_send(m.m_source, &m), OK);
	}
	CHECK_EQ(dvk_receive_T(ANY, &m, TIMEOUT_NOWAIT), EDVSAGAIN);
	CHECK_EQ(dvk_reply(CLIENT, &m), EDVSPROCSTS);
	say(1, 1);
	return (int)test_failures;
}

static int call_many(int endpoint)
{
	message m;

	join(endpoint);
	CHECK_EQ(dvk_wait4bindep_T(SERVER, 3000), SERVER);
	for (int i = 0; i < CALLS && !test_failures; i++) {
		m.m_type = 7;
		m.m1_i1 = i;
		CHECK_EQ(dvk_sendrec(SERVER, &m), OK);
		CHECK_EQ(m.m_source, SERVER);
		CHECK_EQ(m.m_type, 7);
		CHECK_EQ(m.m1_i2, i + 1);
	}
	await(1, 1);
	return (int)test_failures;
}

static int echo_client(void)
{
	return call_many(CLIENT);
}

static int echo_low_client(void)
{
	return call_many(LOW_CLIENT);
}

static void test_requests(void)
{
	play(echo_server, echo_client, echo_low_client);
}

/* ---- rendezvous, time-outs, order of delivery ---- */

static int picky_receiver(void)
{
	message m;

	join(SERVER);
	CHECK_EQ(dvk_receive_T(ANY, &m, TIMEOUT_NOWAIT), EDVSAGAIN);
	CHECK_EQ(dvk_receive_T(ANY, &m, 30), EDVSTIMEDOUT);
	CHECK_EQ(dvk_receive(SERVER, &m), EDVSENDPOINT);
	CHECK_EQ(dvk_receive(77, &m), EDVSSRCDIED);
	CHECK_EQ(dvk_receive(5000, &m), EDVSRANGE);
	say(0, 1);
	await(1, 1);
	CHECK_EQ(dvk_receive(LOW_CLIENT, &m), OK);
	CHECK_EQ(m.m_source, LOW_CLIENT);
	CHECK_EQ(dvk_receive(ANY, &m), OK);
	CHECK_EQ(m.m_source, CLIENT);
	CHECK_EQ(m.m1_i1, 42);
	/* A withdrawn message is not there any more. */
	say(0, 2);
	await(1, 2);
	CHECK_EQ(dvk_receive_T(ANY, &m, TIMEOUT_NOWAIT), EDVSAGAIN);
	say(0, 3);
	return (int)test_failures;
}

static int patient_sender(void)
{
	message m = { .m_type = 1 };

	join(CLIENT);
	await(0, 1);
	m.m1_i1 = 42;
	say(1, 1);
	CHECK_EQ(dvk_send(SERVER, &m), OK);
	CHECK_EQ(m.m_source, CLIENT);
	await(0, 2);
	CHECK_EQ(dvk_send_T(SERVER, &m, 30), EDVSTIMEDOUT);
	CHECK_EQ(dvk_sendrec_T(SERVER, &m, 30), EDVSTIMEDOUT);
	CHECK_EQ(dvk_send_T(SERVER, &m, TIMEOUT_NOWAIT), EDVSAGAIN);
	CHECK_EQ(dvk_send(CLIENT, &m), EDVSBADDEST);
	CHECK_EQ(dvk_sendrec(CLIENT, &m), EDVSENDPOINT);
	CHECK_EQ(dvk_send(HARDWARE, &m), EDVSBADDEST);
	CHECK_EQ(dvk_send(77, &m), EDVSDSTDIED);
	CHECK_EQ(dvk_sendrec(77, &m), EDVSDEADSRCDST);
	CHECK_EQ(dvk_send(ANY, &m), EDVSRANGE);
	CHECK_EQ(dvk_send(SERVER, NULL), EDVSFAULT);
	say(1, 2);
	await(0, 3);
	return (int)test_failures;
}

static int low_sender(void)
{
	message m = { .m_type = 1 };

	join(LOW_CLIENT);
	await(1, 1);
	pause_ms(20);
	CHECK_EQ(dvk_send(SERVER, &m), OK);
	await(0, 3);
	return (int)test_failures;
}

static void test_rendezvous(void)
{
	play(picky_receiver, patient_sender, low_sender);
}

/* ---- a request whose caller gave up ---- */

static int late_server(void)
{
	message m;

	join(SERVER);
	CHECK_EQ(dvk_receive(ANY, &m), OK);
	await(1, 1);
	CHECK_EQ(dvk_reply(CLIENT, &m), EDVSPROCSTS);
	CHECK_EQ(dvk_receive(ANY, &m), OK);
	say(0, 1);
	await(1, 2);
	/* Nobody waits for an answer: an ordinary send, which is taken by a receive. */
	m.m1_i1 = 99;
	CHECK_EQ(dvk_send_T(CLIENT, &m, 2000), OK);
	CHECK_EQ(dvk_receive(CLIENT, &m), OK);
	m.m1_i1 = 100;
	CHECK_EQ(dvk_reply(CLIENT, &m), OK);
	/* A reply is for a peer that waits for just us, be it in a receive. */
	CHECK_EQ(dvk_reply(CLIENT, &m), EDVSPROCSTS);
	say(0, 2);
	pause_ms(30);
	CHECK_EQ(dvk_reply(CLIENT, &m), EDVSPROCSTS);
	await(1, 4);
	pause_ms(30);
	m.m1_i1 = 101;
	CHECK_EQ(dvk_reply(CLIENT, &m), OK);
	return (int)test_failures;
}

static int hasty_client(void)
{
	message m = { .m_type = 1 };

	join(CLIENT);
	CHECK_EQ(dvk_wait4bindep_T(SERVER, 3000), SERVER);
	CHECK_EQ(dvk_sendrec_T(SERVER, &m, 30), EDVSTIMEDOUT);
	say(1, 1);
	CHECK_EQ(dvk_sendrec_T(SERVER, &m, 200), EDVSTIMEDOUT);
	await(0, 1);
	say(1, 2);
	CHECK_EQ(dvk_receive(ANY, &m), OK);
	CHECK_EQ(m.m1_i1, 99);
	CHECK_EQ(dvk_sendrec(SERVER, &m), OK);
	CHECK_EQ(m.m1_i1, 100);
	await(0, 2);
	CHECK_EQ(dvk_receive_T(ANY, &m, 100), EDVSTIMEDOUT);
	say(1, 4);
	CHECK_EQ(dvk_receive(SERVER, &m), OK);
	CHECK_EQ(m.m1_i1, 101);
	return (int)test_failures;
}

static void test_late_answers(void)
{
	play(late_server, hasty_client, NULL);
}

/* ---- two that call each other ---- */

/* One of the two gets the other's request as its answer, and answers it. */
static int caller(int self, int other)
{
	message m;
	int served = 0;

	join(self);
	CHECK_EQ(dvk_wait4bindep_T(other, 3000), other);
	for (int i = 0; i < 300 && !test_failures; i++) {
		m.m_type = 1; /* a request */
		m.m1_i1 = self;
		CHECK_EQ(dvk_sendrec_T(other, &m, 5000), OK);
		if (m.m_type == 1) {
			served++;
			CHECK_EQ(m.m1_i1, other);
			m.m_type = 2;
			CHECK_EQ(dvk_send_T(other, &m, 5000), OK);
		}
		say(2 + (self == SERVER), i + 1);
		await(2 + (self != SERVER), i + 1);
	}
	return (int)test_failures;
}

static int caller_a(void)
{
	return caller(SERVER, CLIENT);
}

static int caller_b(void)
{
	return caller(CLIENT, SERVER);
}

static int sender_a(void)
{
	message m = { .m_type = 1 };
	long r;

	join(SERVER);
	CHECK_EQ(dvk_wait4bindep_T(CLIENT, 3000), CLIENT);
	r = dvk_send(CLIENT, &m);
	CHECK(r == OK);
	return (int)test_failures;
}

static int sender_b(void)
{
	message m = { .m_type = 1 };

	join(CLIENT);
	CHECK_EQ(dvk_wait4bindep_T(SERVER, 3000), SERVER);
	CHECK_EQ(dvk_send(SERVER, &m), EDVSLOCKED);
	CHECK_EQ(dvk_receive(SERVER, &m), OK);
	return (int)test_failures;
}

static void test_mutual(void)
{
	play(caller_a, caller_b, NULL);
	play(sender_a, sender_b, NULL);
}

/* ---- notifications ---- */

static int notified(void)
{
	message m;

	join(SERVER);
	say(0, 1);
	await(1, 3);
	CHECK_EQ(dvk_rcvrqst(&m), OK);
	CHECK_EQ(m.m_type, 5);
	CHECK_EQ(dvk_receive(CLIENT, &m), OK);
	CHECK_EQ(m.m_source, LOW_CLIENT);
	CHECK_EQ(m.m_type, NOTIFY_FROM(LOW_CLIENT));
	CHECK_EQ(dvk_receive(ANY, &m), OK);
	CHECK_EQ(m.m_source, CLIENT);
	CHECK_EQ(m.m_type, NOTIFY_FROM(CLIENT));
	CHECK_EQ(m.m9_l1, 1 << 3 | 1 << 5);
	CHECK_EQ(dvk_receive_T(ANY, &m, 20), EDVSTIMEDOUT);
	say(0, 2);
	return (int)test_failures;
}

static int notifier(void)
{
	message m = { .m_type = 5 };

	join(CLIENT);
	await(0, 1);
	CHECK_EQ(dvk_notify(SERVER), OK);
	CHECK_EQ(dvk_ntfy_value(SELF, SERVER, 3), OK);
	CHECK_EQ(dvk_ntfy_value(SELF, SERVER, 5), OK);
	CHECK_EQ(dvk_notify(CLIENT), EDVSENDPOINT);
	CHECK_EQ(dvk_notify(150), EDVSTRAPDENIED);
	await(1, 2);
	say(1, 3);
	CHECK_EQ(dvk_send(SERVER, &m), OK);
	await(0, 2);
	return (int)test_failures;
}

static int low_notifier(void)
{
	join(LOW_CLIENT);
	await(0, 1);
	CHECK_EQ(dvk_notify(SERVER), OK);
	say(1, 2);
	await(0, 2);
	return (int)test_failures;
}

static void test_notifications(void)
{
	play(notified, notifier, low_notifier);
}

/* ---- deaths ---- */

static int dying_server(void)
{
	message m;

	join(SERVER);
	CHECK_EQ(dvk_receive(ANY, &m), OK);
	return (int)test_failures;
}

static int bereaved_client(void)
{
	message m = { .m_type = 1 };
	long begin;

	join(CLIENT);
	CHECK_EQ(dvk_wait4bindep_T(SERVER, 3000), SERVER);
	begin = now_ms();
	CHECK_EQ(dvk_sendrec(SERVER, &m), EDVSSRCDIED);
	CHECK(now_ms() - begin < 500);
	CHECK_EQ(dvk_sendrec(SERVER, &m), EDVSDEADSRCDST);
	CHECK_EQ(dvk_send(SERVER, &m), EDVSDSTDIED);
	CHECK_EQ(dvk_receive(SERVER, &m), EDVSSRCDIED);
	CHECK_EQ(dvk_receive_T(ANY, &m, 10), EDVSTIMEDOUT);
	return (int)test_failures;
}

static int sleeping_server(void)
{
	join(SERVER);
	await(0, 1);
	pause_ms(50); /* for the client to be asleep in its send */
	return (int)test_failures;
}

static int queued_client(void)
{
	message m = { .m_type = 1 };

	join(CLIENT);
	CHECK_EQ(dvk_wait4bindep_T(SERVER, 3000), SERVER);
	say(0, 1);
	CHECK_EQ(dvk_send(SERVER, &m), EDVSDSTDIED);
	return (int)test_failures;
}

static void test_deaths(void)
{
	play(dying_server, bereaved_client, NULL);
	play(sleeping_server, queued_client, NULL);
}

int main(void)
{
	if (!stage_open())
		return test_end();
	TEST(test_requests);
	TEST(test_rendezvous);
	TEST(test_late_answers);
	TEST(test_mutual);
	TEST(test_notifications);
	TEST(test_deaths);
	fake_node_stop(&node);
	return test_end();
}
