/* SPDX-License-Identifier: Apache-2.0 */

/* The notes between the node and the thread of its gate, and the lines that the log gets. */

#include "base/test.h"

#include "proxy/gate_fixture.h"

/* Addresses of nobody, for the log alone. */
static struct address stranger(int number)
{
	const uint8_t byte[] = { 10, 0, 1, (uint8_t)number };

	return address_v4(byte);
}

/* One of two /64 of IPv6. */
static struct address stranger_v6(uint8_t network, uint8_t number)
{
	return (struct address){ { 0x20, 1, 0x0d, 0xb8, [7] = network, [15] = number } };
}

static int knock(void)
{
	const struct os_tcp_route route = { .to = address_of(NODE),
					    .port = PORT,
					    .from = address_of(2) };

	return os_tcp_connect(&route, 1000);
}

/* Of one address the log hears once, although each refusal is counted. */
static void test_one_line_for_an_address(void)
{
	set_up();
	for (int i = 0; i < 5; i++)
		gate_refused(here.gate, stranger(1), "first reason");
	gate_refused(here.gate, stranger(2), "second reason");
	run_notes();
	CHECK_EQ(log_count("was refused"), 2);
	CHECK_EQ(log_count("a connection from 10.0.1.1 was refused: first reason (1 so far)"), 1);
	CHECK_EQ(log_count("a connection from 10.0.1.2 was refused: second reason (6 so far)"), 1);
	tear_down();
}

/* A stranger has as many addresses of its /64 as it wants, and a node has one of them. */
static void test_one_line_for_a_network(void)
{
	set_up();
	gate_know(here.gate, CALLER, stranger_v6(1, 9));
	for (uint8_t i = 1; i < 5; i++)
		gate_refused(here.gate, stranger_v6(1, i), "first reason");
	gate_refused(here.gate, stranger_v6(2, 1), "second reason");
	gate_refused(here.gate, stranger_v6(1, 9), "third reason");
	run_notes();
	CHECK_EQ(log_count("was refused"), 3);
	CHECK_EQ(log_count("from 2001:db8:0:1::1 was refused: first reason (1 so far)"), 1);
	CHECK_EQ(log_count("from 2001:db8:0:2::1 was refused: second reason (5 so far)"), 1);
	CHECK_EQ(log_count("from 2001:db8:0:1::9 was refused: third reason (6 so far)"), 1);
	tear_down();
}

/* The reason is the caller's: it may be another one before the gate's thread comes to it. */
static void test_words_are_copied(void)
{
	char why[16] = "of its own";

	set_up();
	gate_refused(here.gate, stranger(1), why);
	memset(why, '#', sizeof(why) - 1);
	run_notes();
	CHECK_EQ(log_count("10.0.1.1 was refused: of its own (1 so far)"), 1);
	tear_down();
}

/* Of many addresses at once the log hears of as many as there are places. */
static void test_many_addresses(void)
{
	set_up();
	for (int i = 0; i < 2 * GATE_TOLD_MAX; i++)
		gate_refused(here.gate, stranger(i), "a reason");
	run_notes();
	CHECK_EQ(log_count("was refused"), GATE_TOLD_MAX);
	CHECK_EQ(log_count("more were refused"), 0);
	tear_down();
}

static bool is_counted(void)
{
	return log_count("connections more were refused") > 0;
}

/*
 * Those without a line of their own are told as a number, once, when the time for lines has passed (here: a part of it,
 * which began before).
 */
static void test_the_others_are_counted(void)
{
	set_up_closed(keys_of(1, 0xa1));
	here.gate->untold = 90;
	here.gate->refused = 91;
	os_timer_set(here.gate->untold_timer, 50000);
	CHECK_EQ(gate_open(here.gate), 0);
	for (int i = 0; i < 10; i++)
		gate_refused(here.gate, stranger(1), "a reason");
	run_notes();
	CHECK_EQ(log_count("was refused: a reason (92 so far)"), 1);
	CHECK_EQ(log_count("was refused"), 1);
	CHECK(run_until(is_counted));
	CHECK_EQ(log_count("99 connections more were refused (101 so far)"), 1);
	tear_down();
}

/* After ten seconds the log hears of an address again, and its place is free for another one. */
static void test_told_again(void)
{
	int64_t now;

	set_up_closed(keys_of(1, 0xa1));
	now = os_now_ns();
	for (int i = 0; i < GATE_TOLD_MAX; i++)
		here.gate->told[i] =
			(struct told){ .party = stranger(i), .ns = now - 5 * OS_SECOND_NS };
	here.gate->told[3].ns = here.gate->told[8].ns = now - 10 * OS_SECOND_NS;
	CHECK_EQ(gate_open(here.gate), 0);
	gate_refused(here.gate, stranger(2), "too early");
	gate_refused(here.gate, stranger(3), "in time");
	gate_refused(here.gate, stranger(3), "too early");
	gate_refused(here.gate, stranger(100), "another");
	gate_refused(here.gate, stranger(101), "no place");
	run_notes();
	CHECK_EQ(log_count("10.0.1.3 was refused: in time"), 1);
	CHECK_EQ(log_count("10.0.1.100 was refused: another"), 1);
	CHECK_EQ(log_count("was refused"), 2);
	tear_down();
}

/* Until the gate is open callers wait, and so do calls; then both are heard. */
static void test_opened_later(void)
{
	const struct os_tcp_route route = { .to = address_of(CALLER), .port = NOBODY };
	const struct identity identity = { .purpose = FRAME_KIND_LINK, .from = NODE, .to = CALLER };
	int fd;

	set_up_closed(keys_of(1, 0xa1));
	fd = knock();
	CHECK(fd >= 0);
	CHECK_EQ(gate_call(here.gate, &route, &identity, 77), 0);
	run_for(20 * OS_MS_NS);
	CHECK_EQ(here.made, 0);
	CHECK_EQ(gate_unproven(here.gate), 0);
	CHECK_EQ(gate_open(here.gate), 0);
	CHECK(run_until(is_made));
	CHECK_EQ(here.number, 77);
	CHECK_EQ(here.node, CALLER);
	for (int i = 0; i < 1000 && gate_unproven(here.gate) == 0; i++)
		run_for(OS_MS_NS);
	CHECK_EQ(gate_unproven(here.gate), 1);
	os_close(fd);
	tear_down();
}

/* A gate that does not get on refuses calls, instead of waiting or keeping them all. */
static void test_too_many_calls(void)
{
	const struct os_tcp_route route = { .to = address_of(CALLER), .port = NOBODY };
	const struct identity identity = { .purpose = FRAME_KIND_LINK, .from = NODE, .to = CALLER };
	int r = 0, count;

	set_up_closed(keys_of(1, 0xa1));
	for (count = 0; count < 1000000 && !r; count++)
		r = gate_call(here.gate, &route, &identity, (uint64_t)count);
	CHECK_EQ(r, -EAGAIN);
	CHECK(count > 16);
	tear_down();
}

/* A connection for which the node has no room is over, and the one that had room belongs to the node. */
static void test_node_is_full(void)
{
	struct note note = { .kind = NOTE_MADE, .identity.to = CALLER };
	int fd[2], other[2];

	set_up_closed(keys_of(1, 0xa1));
	CHECK_EQ(os_unix_pair(OS_STREAM, fd), 0);
	CHECK_EQ(os_unix_pair(OS_STREAM, other), 0);
	note.secure = secure_plain(other[0]);
	gate_tell(here.gate, &note);
	note.secure = NULL;
	for (int i = 0; i < 100000; i++)
		gate_tell(here.gate, &note);
	note.secure = secure_plain(fd[0]);
	gate_tell(here.gate, &note);
	CHECK(ends_within(fd[1], 0));
	CHECK(!ends_within(other[1], 0));
	CHECK(run_until(is_made));
	CHECK(here.made < 100000);
	CHECK(ends_within(other[1], 1000)); /* the fixture keeps the last one only */
	os_close(fd[1]);
	os_close(other[1]);
	tear_down();
}

/* Connections that the node did not fetch end with the gate, and no callback is called any more. */
static void test_end_with_notes(void)
{
	struct note note = { .kind = NOTE_CALLED };
	int fd[2];

	set_up_closed(keys_of(1, 0xa1));
	CHECK_EQ(os_unix_pair(OS_STREAM, fd), 0);
	note.secure = secure_plain(fd[0]);
	gate_tell(here.gate, &note);
	CHECK(!ends_within(fd[1], 0));
	tear_down();
	CHECK(ends_within(fd[1], 0));
	CHECK_EQ(here.called, 0);
	os_close(fd[1]);
}

/* The socket that another life of the daemon has left is taken; a port that is in use is refused by name. */
static void test_listen_fd(void)
{
	const struct gate_callbacks callbacks = { .called = on_called, .made = on_made };
	struct gate_place place = { .node = NODE, .address = address_of(NODE), .port = PORT };
	struct gate *second = NULL;
	int fd, left;

	set_up_closed(NULL);
	place.listen_fd = -1;
	CHECK_EQ(gate_new(&second, here.loop, &place, &callbacks), -EADDRINUSE);
	CHECK(!second);
	left = os_dup(gate_listen_fd(here.gate));
	CHECK(left >= 0);
	here.gate = gate_free(here.gate);
	place.listen_fd = left;
	CHECK_EQ(gate_new(&here.gate, here.loop, &place, &callbacks), 0);
	CHECK_EQ(gate_listen_fd(here.gate), left);
	CHECK_EQ(gate_open(here.gate), 0);
	fd = knock();
	CHECK(fd >= 0);
	for (int i = 0; i < 1000 && gate_unproven(here.gate) == 0; i++)
		run_for(OS_MS_NS);
	CHECK_EQ(gate_unproven(here.gate), 1);
	os_close(fd);
	tear_down();
}

int main(void)
{
	TEST(test_one_line_for_an_address);
	TEST(test_one_line_for_a_network);
	TEST(test_words_are_copied);
	TEST(test_many_addresses);
	TEST(test_the_others_are_counted);
	TEST(test_told_again);
	TEST(test_opened_later);
	TEST(test_too_many_calls);
	TEST(test_node_is_full);
	TEST(test_end_with_notes);
	TEST(test_listen_fd);
	return test_end();
}
