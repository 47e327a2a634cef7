/* SPDX-License-Identifier: Apache-2.0 */

/* More callers that prove nothing than the gate keeps: which of them goes, and which stay. */

#include "base/test.h"
#include "proxy/gate_fixture.h"

/*
 * Callers come from where this says, if it says anything: a machine that this test may run on has one address of IPv6,
 * and networks of it are what is counted.
 */
static struct address pretended;

int __real_os_tcp_accept(int fd, struct os_tcp_caller *caller);
int __wrap_os_tcp_accept(int fd, struct os_tcp_caller *caller);

int __wrap_os_tcp_accept(int fd, struct os_tcp_caller *caller)
{
	int r = __real_os_tcp_accept(fd, caller);

	if (r >= 0 && address_is_set(pretended))
		caller->address = pretended;
	return r;
}

static int fd_of[GATE_STRANGERS_MAX + GATE_OF_ADDRESS_MAX];
static int nr_fds;

static void knock_times(int id, int times)
{
	for (int i = 0; i < times; i++)
		fd_of[nr_fds++] = call_gate(address_of(id), "", 0);
}

static void hang_up(void)
{
	while (nr_fds)
		os_close(fd_of[--nr_fds]);
}

/* Of one address so many are kept; each one more ends the oldest from there, and none from elsewhere. */
static void test_many_of_an_address(void)
{
	set_up();
	knock_times(2, 1);
	knock_times(0, GATE_OF_ADDRESS_MAX);
	CHECK(holds(GATE_OF_ADDRESS_MAX + 1));
	CHECK(!ends_within(fd_of[1], 0));
	knock_times(0, 1);
	CHECK(ends_within(fd_of[1], 1000));
	CHECK(!ends_within(fd_of[2], 20));
	knock_times(0, 1);
	CHECK(ends_within(fd_of[2], 1000));
	CHECK(!ends_within(fd_of[3], 20));
	CHECK(!ends_within(fd_of[0], 0));
	CHECK(holds(GATE_OF_ADDRESS_MAX + 1));
	CHECK_EQ(log_count("it proves nothing, as others from there"), 1);
	CHECK_EQ(log_count("refused"), 1);
	hang_up();
	tear_down();
}

/*
 * Of all strangers so many are kept, and one more ends the oldest of them. The address of a node has places of its own:
 * its connection, although it is older, stays, and comes in beside all strangers.
 */
static void test_many_strangers(void)
{
	set_up();
	gate_know(here.gate, CALLER, address_of(CALLER));
	run_notes();
	knock_times(CALLER, 1);
	knock_times(2, GATE_OF_ADDRESS_MAX);
	knock_times(3, GATE_STRANGERS_MAX - GATE_OF_ADDRESS_MAX);
	CHECK(holds(GATE_STRANGERS_MAX + 1));
	knock_times(CALLER, 1);
	CHECK(holds(GATE_STRANGERS_MAX + 2));
	CHECK(!ends_within(fd_of[1], 0));
	knock_times(NODE, 1);
	CHECK(ends_within(fd_of[1], 1000));
	CHECK(!ends_within(fd_of[2], 20));
	CHECK(!ends_within(fd_of[0], 0));
	CHECK(holds(GATE_STRANGERS_MAX + 2));
	CHECK_EQ(log_count("it proves nothing, as other strangers"), 1);
	CHECK_EQ(log_count("refused"), 1);
	hang_up();
	tear_down();
}

/* An address at which no node is any more belongs to a stranger. */
static void test_node_is_gone(void)
{
	set_up();
	gate_know(here.gate, CALLER, address_of(CALLER));
	gate_know(here.gate, CALLER, ADDRESS_NONE);
	run_notes();
	knock_times(2, GATE_OF_ADDRESS_MAX);
	knock_times(3, GATE_STRANGERS_MAX - GATE_OF_ADDRESS_MAX);
	CHECK(holds(GATE_STRANGERS_MAX));
	knock_times(CALLER, 1);
	CHECK(ends_within(fd_of[0], 1000));
	CHECK(holds(GATE_STRANGERS_MAX));
	hang_up();
	tear_down();
}

static struct address v6(uint8_t network, uint8_t number)
{
	return (struct address){ { 0x20, 1, 0x0d, 0xb8, [7] = network, [15] = number } };
}

/* The gate has it before the next one pretends. */
static void knock_as(struct address address)
{
	pretended = address;
	knock_times(2, 1);
	CHECK(holds((unsigned)nr_fds));
}

/*
 * A stranger with a whole /64 has no more connections than one with one address, and spends none of another network. A
 * node of that network has places of its own: they are counted by its address.
 */
static void test_many_of_a_network(void)
{
	set_up();
	gate_know(here.gate, CALLER, v6(1, 99));
	knock_as(v6(2, 1));
	knock_as(v6(1, 99));
	for (unsigned i = 0; i < GATE_OF_ADDRESS_MAX; i++)
		knock_as(v6(1, (uint8_t)(i + 1)));
	CHECK(!ends_within(fd_of[2], 0));
	pretended = v6(1, 200);
	knock_times(2, 1);
	CHECK(ends_within(fd_of[2], 1000));
	CHECK(!ends_within(fd_of[3], 20));
	CHECK(!ends_within(fd_of[0], 0));
	CHECK(!ends_within(fd_of[1], 0));
	CHECK(holds(GATE_OF_ADDRESS_MAX + 2));
	CHECK_EQ(log_count("it proves nothing, as others from there"), 1);
	pretended = ADDRESS_NONE;
	hang_up();
	tear_down();
}

int main(void)
{
	TEST(test_many_of_an_address);
	TEST(test_many_of_a_network);
	TEST(test_many_strangers);
	TEST(test_node_is_gone);
	return test_end();
}
