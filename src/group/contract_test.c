// SPDX-License-Identifier: Apache-2.0
/* A history in which every rule holds, and for each rule one that leaves it. */
#include "group/contract.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"

static struct contract *c;
static uint64_t order; /* last one of the history */

static struct command join_of(int node, uint64_t secret)
{
	return (struct command){ .version = COMMAND_VERSION,
				 .kind = COMMAND_NODE_JOIN,
				 .origin = node,
				 .node = node,
				 .secret = secret };
}

static struct command leave_of(int node)
{
	return (struct command){ .version = COMMAND_VERSION,
				 .kind = COMMAND_NODE_LEAVE,
				 .node = node };
}

static struct command command_of(int node, uint64_t request)
{
	return (struct command){ .version = COMMAND_VERSION,
				 .kind = COMMAND_UNBIND,
				 .origin = node,
				 .request = request };
}

static const char *state_of(uint64_t number)
{
	static char state[24];

	snprintf(state, sizeof(state), "state %llu", (unsigned long long)number);
	return state;
}

static void gave(int node, uint64_t number)
{
	contract_gave(c, node, (const uint8_t *)state_of(number), strlen(state_of(number)));
}

static void restored(int node, uint64_t at, uint64_t number)
{
	contract_restored(c, node, at, (const uint8_t *)state_of(number), strlen(state_of(number)));
}

static void sent_with(int node, uint64_t request, uint32_t flags)
{
	struct command cmd = { .kind = COMMAND_UNBIND, .request = request, .flags = flags };

	contract_sent(c, node, &cmd);
}

static void sent(int node, uint64_t request)
{
	sent_with(node, request, 0);
}

/* To both, as the next one. */
static void decided(struct command cmd)
{
	order++;
	for (int node = 0; node < 2; node++)
		contract_delivered(c, node, order, &cmd, true);
}

static void delivered(int node, uint64_t number, struct command cmd, bool member)
{
	contract_delivered(c, node, number, &cmd, member);
}

/* Node 0 begins a group, and node 1 joins it with a state; each has sent a command. */
static void begin(void)
{
	c = contract_new();
	if (!c)
		abort();
	contract_begin(c, 0);
	contract_quorum(c, 0, true);
	delivered(0, 1, join_of(0, 100), true);
	contract_begin(c, 1);
	gave(0, 1);
	contract_quorum(c, 1, true);
	restored(1, 1, 1);
	order = 1;
	sent(0, 1);
	delivered(0, 2, join_of(1, 101), true);
	delivered(1, 2, join_of(1, 101), true);
	order = 2;
	decided(command_of(0, 1));
	sent(1, 1);
	sent(1, 2);
	decided(command_of(1, 1));
	CHECK(!contract_broken(c));
}

static void end(const char *words)
{
	const char *broken = contract_broken(c);

	if (!words)
		CHECK(!broken);
	else
		CHECK(broken && strstr(broken, words));
	if (broken && (!words || !strstr(broken, words)))
		printf("wanted \"%s\", is \"%s\"\n", words ? words : "", broken);
	c = contract_free(c);
}

static void test_sound(void)
{
	begin();
	decided(command_of(1, 2));
	contract_rest(c, 3);
	/* Cut off, told so, put out, and let in anew. */
	contract_quorum(c, 1, false);
	delivered(0, ++order, leave_of(1), true);
	contract_rest(c, 1);
	contract_lost(c, 1);
	contract_end(c, 1);
	contract_begin(c, 1);
	gave(0, order);
	contract_quorum(c, 1, true);
	restored(1, order, order);
	decided(join_of(1, 102));
	contract_rest(c, 3);
	/* A quorum that is lost for a moment, with a command under way that is lost. */
	sent(0, 2);
	contract_quorum(c, 0, false);
	contract_quorum(c, 0, true);
	sent(0, 3);
	decided(command_of(0, 3));
	contract_rest(c, 3);
	end(NULL);
}

/* The earlier life of a node has a NODE_JOIN that is decided late. */
static void test_earlier_life(void)
{
	struct command early = join_of(1, 102), own = join_of(1, 103);

	for (int wrong = 0; wrong < 2; wrong++) {
		begin();
		contract_end(c, 1);
		delivered(0, 5, leave_of(1), true);
		contract_begin(c, 1);
		gave(0, 5);
		contract_quorum(c, 1, true);
		restored(1, 5, 5);
		delivered(1, 6, early, wrong);
		delivered(1, 7, leave_of(1), wrong);
		delivered(1, 8, own, true);
		end(wrong ? "told that it has left" : NULL);
	}
}

static void test_one_order(void)
{
	begin();
	delivered(0, 5, command_of(1, 2), true);
	sent(0, 2);
	delivered(1, 5, command_of(0, 2), true);
	end("another command 5");
	begin();
	delivered(0, 4, command_of(1, 1), true);
	end("command 4 after 4");
	begin();
	delivered(0, 6, command_of(1, 2), true);
	end("command 6 after 4");
}

static void test_beginning(void)
{
	begin();
	contract_begin(c, 1);
	end("let in twice");
	begin();
	contract_begin(c, 2);
	gave(0, 4);
	restored(2, 4, 4);
	end("without a quorum");
	begin();
	restored(1, 4, 4);
	end("had begun");
	for (int wrong = 0; wrong < 3;
	     wrong++) { /* another state, of another number, of one that is not there */
		begin();
		contract_begin(c, 2);
		contract_quorum(c, 2, true);
		gave(0, 4);
		restored(2, wrong == 1 ? 3 : wrong == 2 ? 5 : 4, wrong ? 4 : 3);
		end("no member gave");
	}
	begin();
	gave(0, 4);
	gave(1, 3);
	end("another state of command 4");
	begin();
	contract_begin(c, 2);
	gave(2, 4);
	end("has none");
	begin();
	contract_begin(c, 2);
	contract_quorum(c, 2, true);
	delivered(2, 1, join_of(2, 103), true);
	end("begins a group, and node 0 is in one");
}

/* When nobody is there that knows the state, or the group is lost to all, there is a new one. */
static void test_group_anew(void)
{
	begin();
	contract_end(c, 0);
	contract_quorum(c, 1, false);
	contract_lost(c, 1);
	contract_begin(c, 2);
	contract_quorum(c, 2, true);
	delivered(2, 1, join_of(2, 103), true);
	contract_rest(c, 4);
	end(NULL);
}

static void test_quorum(void)
{
	begin();
	contract_quorum(c, 0, true);
	end("told twice");
	begin();
	contract_quorum(c, 0, false);
	contract_quorum(c, 0, false);
	end("told twice");
	begin();
	contract_quorum(c, 0, false);
	delivered(0, 5, command_of(1, 2), true);
	end("without a quorum");
	begin();
	contract_begin(c, 2);
	contract_quorum(c, 2, true);
	contract_quorum(c, 2, false);
	end("told nothing");
}

static void test_membership(void)
{
	begin();
	decided(join_of(1, 102));
	end("has not left");
	begin();
	delivered(0, 5, leave_of(2), true);
	end("has not joined");
	begin();
	delivered(0, 5, leave_of(1), true);
	delivered(1, 5, leave_of(1), true);
	end("told that it has left");
	begin();
	delivered(0, 5, leave_of(1), true);
	delivered(0, 6, join_of(1, 101), true);
	end("one secret");
	begin();
	delivered(0, 5, command_of(1, 2), false);
	end("no member any more");
	begin();
	contract_begin(c, 2);
	gave(0, 4);
	contract_quorum(c, 2, true);
	restored(2, 4, 4);
	delivered(2, 5, command_of(1, 2), true);
	end("before it has joined");
	begin();
	delivered(0, 5, join_of(NR_NODES, 9), true);
	end("of no node");
}

static void test_commands(void)
{
	begin();
	decided(command_of(0, 9));
	end("not sent, or again");
	begin();
	decided(command_of(1, 1));
	end("not sent, or again");
	begin();
	sent(1, 3);
	decided(command_of(1, 3));
	end("before one that it sent earlier");
	begin();
	delivered(0, 5, leave_of(1), true);
	delivered(0, 6, command_of(1, 2), true);
	end("is no member");
	begin(); /* given up, and decided after all */
	decided(command_of(1, 2));
	sent(0, 2);
	contract_quorum(c, 0, false);
	contract_quorum(c, 0, true);
	sent(0, 3);
	decided(command_of(0, 3));
	contract_rest(c, 3);
	CHECK(!contract_broken(c));
	decided(command_of(0, 2));
	end("again, or too late");
	begin(); /* a command that stays is not given up */
	sent_with(0, 2, COMMAND_FLAG_DIED);
	contract_quorum(c, 0, false);
	contract_quorum(c, 0, true);
	sent(0, 3);
	decided(command_of(0, 3));
	end("before one that it sent earlier");
	begin();
	decided(command_of(1, 2));
	sent_with(0, 2, COMMAND_FLAG_DIED);
	contract_quorum(c, 0, false);
	contract_quorum(c, 0, true);
	contract_rest(c, 3);
	end("taken and is not decided");
	begin(); /* the next life has not sent it */
	contract_end(c, 1);
	delivered(0, 5, leave_of(1), true);
	delivered(0, 6, join_of(1, 102), true);
	delivered(0, 7, command_of(1, 2), true);
	end("not sent, or again");
	begin();
	contract_quorum(c, 0, false);
	sent(0, 2);
	end("no member with a quorum");
}

static void test_ends(void)
{
	begin();
	contract_lost(c, 0);
	end("was not told");
	begin();
	contract_quorum(c, 0, false);
	contract_lost(c, 0);
	contract_quorum(c, 0, true);
	end("after the group was lost");
	begin();
	contract_end(c, 0);
	delivered(0, 5, command_of(1, 2), true);
	end("takes no part");
}

static void test_resume(void)
{
	begin();
	contract_resume(c, 1, 3);
	delivered(1, 4, command_of(1, 1), true);
	contract_caught_up(c, 1);
	delivered(0, 5, command_of(1, 2), true);
	delivered(1, 5, command_of(1, 2), true);
	contract_rest(c, 3);
	end(NULL);
	begin();
	contract_resume(c, 1, 3);
	contract_caught_up(c, 1);
	end("no more behind");
	begin();
	contract_resume(c, 1, 5);
	end("goes on from 5");
}

static void test_rest(void)
{
	begin();
	contract_rest(c, 3);
	end("taken and is not decided");
	begin();
	delivered(0, 5, command_of(1, 2), true);
	contract_rest(c, 3);
	end("told 4 commands of 5");
	begin();
	decided(command_of(1, 2));
	contract_rest(c, 7);
	end("node 2 has no quorum");
	begin();
	decided(command_of(1, 2));
	contract_rest(c, 1);
	end("node 1 has a quorum");
	begin();
	decided(command_of(1, 2));
	contract_quorum(c, 1, false);
	contract_rest(c, 1);
	end("has not left");
	begin();
	decided(command_of(1, 2));
	contract_begin(c, 2);
	contract_quorum(c, 2, true);
	gave(0, 5);
	restored(2, 5, 5);
	contract_rest(c, 7);
	end("is no member in the end");
}

int main(void)
{
	TEST(test_sound);
	TEST(test_earlier_life);
	TEST(test_one_order);
	TEST(test_beginning);
	TEST(test_group_anew);
	TEST(test_quorum);
	TEST(test_membership);
	TEST(test_commands);
	TEST(test_ends);
	TEST(test_resume);
	TEST(test_rest);
	return test_end();
}
