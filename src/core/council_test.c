/* SPDX-License-Identifier: Apache-2.0 */
/* By hand, message by message; group/envoy_test.c does it by thousands of seeds. */
#include "core/council.h"

#include <errno.h>
#include <string.h>

#include "base/test.h"

#define NODES	 3
#define MAJORITY 2
#define LOG_MAX	 512

static struct member {
	struct council council;
	int node;
	uint64_t order;
	int numbered, begun;
	bool quorum, out;
	struct council_point seen;
} member[NODES];

/* All that was multicast, in its order. */
static struct council_message said[LOG_MAX];
static uint8_t payload[LOG_MAX][COUNCIL_BATCH_MAX * COMMAND_BYTES];
static unsigned said_count;

static void on_send(void *ctx, const struct council_message *m)
{
	(void)ctx;
	CHECK_OR_RETURN(said_count < LOG_MAX);
	said[said_count] = *m;
	if (m->bytes)
		memcpy(payload[said_count], m->payload, m->bytes);
	said[said_count].payload = payload[said_count];
	said_count++;
}

/* The last word aside of each, which nobody hears unless a test lets it. */
static struct council_message word[NODES];
static uint32_t word_to[NODES];

static void on_aside(void *ctx, uint32_t members, const struct council_message *m)
{
	const struct member *from = ctx;

	/* One in two calls is one word. */
	if (word[from->node].heard != m->heard)
		word_to[from->node] = 0;
	word[from->node] = *m;
	word_to[from->node] |= members;
}

static void on_deliver(void *ctx, uint64_t order, const uint8_t command[COMMAND_BYTES])
{
	struct member *m = ctx;

	CHECK(command);
	CHECK_EQ(order, m->order + 1);
	CHECK(m->quorum);
	m->order = order;
}

static void on_quorum(void *ctx, bool have)
{
	((struct member *)ctx)->quorum = have;
}

static void on_began(void *ctx)
{
	((struct member *)ctx)->begun++;
}

static void on_numbered(void *ctx)
{
	((struct member *)ctx)->numbered++;
}

static void on_out(void *ctx, struct council_point seen)
{
	((struct member *)ctx)->out = true;
	((struct member *)ctx)->seen = seen;
}

static void fresh(int node, struct council_point seen)
{
	static const struct council_calls calls = { on_send,  on_aside,	   on_deliver, on_quorum,
						    on_began, on_numbered, on_out };
	struct command join = {
		.version = COMMAND_VERSION, .kind = COMMAND_NODE_JOIN, .origin = node, .node = node
	};
	static uint64_t life;
	uint8_t bytes[COMMAND_BYTES];

	member[node] = (struct member){ .node = node };
	command_encode(&join, bytes);
	council_init(&member[node].council, node, ++life, seen, bytes, &calls, &member[node]);
}

/* The members of the set hear what was said from there on, and what they say of it, and so on. */
static void hear_all(uint32_t set, unsigned from)
{
	for (; from < said_count; from++)
		for (int i = 0; i < NODES; i++) {
			if (!(set >> i & 1) || member[i].out)
				continue;
			council_hear(&member[i].council, &said[from]);
			council_settle(&member[i].council);
		}
}

static void form(uint64_t ring, uint32_t set, bool quorate)
{
	unsigned from = said_count;

	for (int i = 0; i < NODES; i++)
		if (set >> i & 1) {
			council_view(&member[i].council, ring, set);
			council_quorum(&member[i].council, ring, quorate, MAJORITY);
		}
	hear_all(set, from);
}

/* A joiner gets what another one has, at one point of the order. */
static void give(int giver, int joiner)
{
	static uint8_t image[COUNCIL_IMAGE_MAX];
	unsigned from = said_count;
	size_t len = council_encode(&member[giver].council, image);

	CHECK_EQ(council_decode(&member[joiner].council, image, len), 0);
	member[joiner].order = member[giver].order;
	member[joiner].quorum = true;
	council_settle(&member[joiner].council);
	hear_all(7, from);
}

static void three(void)
{
	said_count = 0;
	for (int i = 0; i < NODES; i++)
		fresh(i, (struct council_point){ 0 });
	/* Each Corosync is alone until it has found the others. */
	for (int i = 0; i < NODES; i++)
		form(1 + (uint64_t)i, 1u << i, false);
	form(100, 7, true);
	give(0, 1);
	give(0, 2);
	for (int i = 0; i < NODES; i++) {
		CHECK_EQ(member[i].order, 3);
		CHECK(member[i].quorum && council_takes(&member[i].council));
	}
}

static void propose(int node)
{
	struct command cmd = { .version = COMMAND_VERSION, .kind = COMMAND_SYNC, .origin = node };
	uint8_t bytes[COMMAND_BYTES];

	command_encode(&cmd, bytes);
	council_propose(&member[node].council, bytes, 1);
}

/* More is decided than may be undecided, between the state of a joiner and its NODE_JOIN. */
static void test_joiner_under_load(void)
{
	static uint8_t image[COUNCIL_IMAGE_MAX];

	said_count = 0;
	for (int i = 0; i < NODES; i++)
		fresh(i, (struct council_point){ 0 });
	form(100, 7, true);
	give(0, 1);
	CHECK_EQ(council_decode(&member[2].council, image,
				council_encode(&member[0].council, image)),
		 0);
	member[2].order = member[0].order;
	member[2].quorum = true;
	for (unsigned i = 0; i < COUNCIL_TAIL + 100 && !member[2].out; i++) {
		said_count = 0;
		propose(0);
		hear_all(3, 0);
		for (unsigned k = 0; k < said_count && !member[2].out; k++)
			council_hear(&member[2].council, &said[k]);
	}
	CHECK(!member[2].out);
	CHECK_EQ(member[2].order, member[0].order);
	said_count = 0;
	council_settle(&member[2].council);
	hear_all(7, 0);
	CHECK_EQ(member[0].council.roll, 7);
}

static void test_lowest_begins(void)
{
	three();
	CHECK_EQ(member[0].council.roll, 7);
	CHECK(member[1].begun == 1 && member[2].begun == 1);
}

/* Agreed delivery is not safe: one that heard it alone may not act on it. */
static void test_a_majority_has_to_hold_it(void)
{
	unsigned from;

	three();
	from = said_count;
	propose(0);
	council_hear(&member[0].council, &said[from]);
	council_settle(&member[0].council);
	CHECK_EQ(member[0].numbered, 1);
	CHECK_EQ(member[0].order, 3); /* heard, and not decided */
	form(200, 6, true);	      /* the others go on and never hear it */
	CHECK_EQ(member[1].council.roll, 6);
	CHECK_EQ(member[1].order, 4); /* node 0 has left */
	form(300, 7, true);
	CHECK(member[0].out);
	CHECK_EQ(member[0].order, 3);
	CHECK_EQ(member[0].seen.epoch, 200);
	CHECK_EQ(member[0].seen.heard, 4);
}

static void test_decided_by_two_of_three(void)
{
	unsigned from;

	three();
	from = said_count;
	propose(0);
	hear_all(3, from); /* node 2 hears nothing */
	CHECK(member[0].order == 4 && member[1].order == 3);
	CHECK(!council_owes(&member[0].council) && council_owes(&member[1].council));
	from = said_count;
	council_say_held(&member[1].council); /* it asks both others */
	CHECK_EQ(said[from].to, 5);
	hear_all(3, from);
	CHECK(member[0].order == 4 && member[1].order == 4);
	CHECK(!council_owes(&member[1].council));
	CHECK_EQ(member[2].order, 3);
	form(200, 6,
	     true); /* and is with one that holds it: that one knows more, so node 2 is out */
	CHECK(member[2].out && !member[1].out);
	CHECK_EQ(member[1].council.heard, 6); /* both others have left */
	CHECK(!member[1].quorum);	      /* alone it decides nothing */
	CHECK_EQ(member[1].order, 4);
	fresh(2, member[2].seen);
	form(300, 6, true);
	give(1, 2);
	CHECK(member[1].quorum && member[2].quorum);
	CHECK(member[1].order == 7 && member[2].order == 7);
}

/* Its proposer says nothing of a command that the others decide among themselves. */
static void test_two_words_of_three(void)
{
	unsigned from;

	three();
	from = said_count;
	propose(0);
	hear_all(7, from);
	CHECK_EQ(said_count - from, 3);
	for (int i = 0; i < NODES; i++) {
		CHECK_EQ(member[i].order, 4);
		CHECK(!council_owes(&member[i].council));
	}
	/* Of two machines both words are needed. */
	form(200, 3, true);
	from = said_count;
	propose(0);
	hear_all(3, from);
	CHECK_EQ(said_count - from, 3);
	CHECK(member[0].order == 6 && member[1].order == 6);
}

/* One that is no command of its sender gets no number, and those around it do, at all members alike. */
static void test_commands_in_one_message(void)
{
	static const int origin[] = { 0, 0, 1, 0 };
	uint8_t bytes[4 * COMMAND_BYTES];
	unsigned from;

	three();
	for (int i = 0; i < 4; i++) {
		struct command cmd = { .version = COMMAND_VERSION,
				       .kind = COMMAND_SYNC,
				       .origin = origin[i],
				       .request = (uint64_t)i };

		command_encode(&cmd, bytes + i * COMMAND_BYTES);
	}
	from = said_count;
	council_propose(&member[0].council, bytes, 4);
	hear_all(7, from);
	CHECK_EQ(said_count - from, 3); /* it, and one word of each of the others */
	CHECK_EQ(member[0].numbered, 3);
	for (int i = 0; i < NODES; i++) {
		CHECK_EQ(member[i].council.heard, 6);
		CHECK_EQ(member[i].order, 6);
	}
}

/* All hear what was said from there on, and each other's words aside. */
static void hear_near(unsigned from)
{
	for (; from < said_count; from++) {
		for (int i = 0; i < NODES; i++) {
			council_hear(&member[i].council, &said[from]);
			council_settle(&member[i].council);
		}
		for (int i = 0; i < NODES; i++)
			for (int to = 0; to < NODES; to++)
				if (word_to[i] >> to & 1)
					council_hear_aside(&member[to].council, &word[i]);
	}
}

static void test_word_aside_decides(void)
{
	unsigned from;

	three();
	from = said_count;
	propose(0);
	council_hear(&member[0].council, &said[from]);
	council_settle(&member[0].council);
	council_hear(&member[1].council, &said[from]);
	council_settle(&member[1].council);
	CHECK_EQ(word_to[1], 5);
	CHECK_EQ(member[0].order, 3);
	council_hear_aside(&member[2].council, &word[1]); /* before the command that it is about */
	CHECK_EQ(member[2].order, 3);
	council_hear_aside(&member[0].council, &word[1]);
	CHECK_EQ(member[0].order, 4);
	council_hear(&member[2].council, &said[from]);
	CHECK_EQ(member[2].order, 4);
	council_hear_aside(&member[0].council, &word[1]); /* again */
	CHECK_EQ(member[0].order, 4);
}

/* Members that hear each other aside say nothing more in the order, and begin to when they are missed. */
static void test_near_members_say_it_once(void)
{
	unsigned from;

	three();
	for (int round = 0; round < 3; round++) {
		from = said_count;
		propose(0);
		hear_near(from);
	}
	CHECK_EQ(said_count - from, 1);
	for (int i = 0; i < NODES; i++) {
		CHECK_EQ(member[i].order, 6);
		CHECK(!council_owes(&member[i].council));
	}
	/* The ways aside are gone. */
	from = said_count;
	propose(0);
	hear_all(7, from);
	CHECK_EQ(said_count - from, 1);
	CHECK_EQ(member[0].order, 6);
	CHECK(council_owes(&member[1].council));
	from = said_count;
	council_say_held(&member[1].council);
	hear_all(7, from);
	CHECK(member[0].order == 7 && member[2].order == 7);
	from = said_count;
	propose(0);
	hear_all(7, from);
	CHECK_EQ(said_count - from, 3);
	CHECK_EQ(member[0].order, 8);
}

/* The same number, and another command: of another epoch, or behind one that this member has not heard. */
static void test_word_of_other_commands(void)
{
	struct council_message other;
	unsigned from;

	three();
	from = said_count;
	propose(0);
	propose(2);
	council_hear(&member[0].council, &said[from]);
	council_settle(&member[0].council);
	council_hear(&member[1].council, &said[from + 1]);
	council_settle(&member[1].council);
	CHECK_EQ(word[1].heard, 4);
	council_hear_aside(&member[0].council, &word[1]);
	CHECK_EQ(member[0].order, 3);
	CHECK_EQ(member[0].council.held[1], 3);
	other = word[1];
	other.token = member[0].council.chain;
	other.ring++; /* the same commands, in another epoch */
	council_hear_aside(&member[0].council, &other);
	CHECK_EQ(member[0].order, 3);
	other.ring--;
	council_hear_aside(&member[0].council, &other);
	CHECK_EQ(member[0].order, 4);
}

static void test_minority_waits(void)
{
	three();
	form(200, 4, false);
	CHECK(!member[2].quorum && !council_takes(&member[2].council));
	CHECK(!member[2].out);
	form(201, 3, true);
	CHECK_EQ(member[0].order, 4);
	form(300, 7, true);
	CHECK(member[2].out && !member[0].out);
}

/* All fall apart, nobody goes on, and nothing was lost by it. */
static void test_all_minorities_come_back(void)
{
	three();
	for (int i = 0; i < NODES; i++)
		form(200 + (uint64_t)i, 1u << i, false);
	form(300, 7, true);
	for (int i = 0; i < NODES; i++)
		CHECK(!member[i].out && member[i].quorum && member[i].order == 3);
	CHECK_EQ(member[0].council.roll, 7);
}

/* All fall apart, and two of them find each other before the third is there: they wait for it, and not for ever. */
static void test_those_that_were_apart_wait(void)
{
	for (int late = 0; late < NODES; late++) {
		uint32_t first = 7 & ~(1u << late);

		three();
		for (int i = 0; i < NODES; i++) {
			if (i == late)
				council_cut(&member[i].council);
			else
				form(200 + (uint64_t)i, 1u << i, false);
		}
		form(300, first, true);
		for (int i = 0; i < NODES; i++) {
			CHECK_EQ(council_waits(&member[i].council), i != late);
			CHECK_EQ(member[i].council.roll, 7);
			CHECK(!member[i].council.running);
		}
		form(301, 7, true);
		for (int i = 0; i < NODES; i++)
			CHECK(!member[i].out && member[i].quorum && member[i].order == 3);
		form(400, first, true); /* one that fails now is not waited for */
		CHECK_EQ(member[(late + 1) % NODES].order, 4);
	}
}

/* The first that has waited long enough goes on with those that miss nobody, or have waited as well. */
static void test_waiting_ends(void)
{
	unsigned from;

	three();
	for (int i = 0; i < NODES; i++)
		form(200 + (uint64_t)i, 1u << i, false);
	form(300, 3, true);
	for (int i = 0; i < 2; i++) {
		CHECK(council_waits(&member[i].council));
		from = said_count;
		council_waited(&member[i].council);
		CHECK(!council_waits(&member[i].council));
		hear_all(3, from);
		CHECK_EQ(member[1].council.running, i == 1);
	}
	CHECK(member[0].order == 4 && member[1].order == 4);
	CHECK_EQ(member[0].council.roll, 3);
	form(400, 7, true);
	CHECK(member[2].out);
}

/* A member that alone was without its multicast is not waited with: the others have gone on, or will. */
static void test_a_majority_that_was_not_apart_goes_on(void)
{
	three();
	council_cut(&member[2].council);
	form(200, 3, true);
	CHECK(member[0].order == 4 && member[1].order == 4);
	form(300, 7, true);
	CHECK(member[2].out && !member[0].out);
}

/* Those that were put out know what put them out: less than that does not begin. */
static void test_less_does_not_begin(void)
{
	three();
	form(200, 3, true); /* 0 and 1 go on: node 2 is behind */
	form(201, 4, false);
	fresh(0, (struct council_point){ 200, 4 });
	fresh(1, (struct council_point){ 200, 4 });
	form(300, 7, true);
	CHECK(!member[2].council.running && !member[2].out);
	CHECK(!member[0].council.has_state);
}

/* One that missed what the majority decided begins nothing: its machines are a quorum, but it is alone on them. */
static void test_one_alone_does_not_begin(void)
{
	unsigned from;

	three();
	form(200, 6, true); /* node 0 has left */
	form(201, 1, false);
	fresh(1, (struct council_point){ 200, 4 });
	form(300, 1, true); /* machines 0 and 1: the daemon of the second is not there yet */
	CHECK(!member[0].council.running);
	from = said_count;
	for (int i = 0; i < 2; i++)
		council_present(&member[i].council, 3);
	council_view(&member[1].council, 300, 3);
	council_quorum(&member[1].council, 300, true, MAJORITY);
	hear_all(3, from);
	CHECK(!member[0].council.running && !member[1].council.running);
	CHECK_EQ(member[0].order, 3);
}

static void test_process_leaves(void)
{
	three();
	for (int i = 0; i < 2; i++)
		council_present(&member[i].council, 3);
	for (int i = 0; i < 2; i++)
		council_settle(&member[i].council);
	hear_all(3, said_count - 2);
	CHECK(member[0].order == 4 && member[1].order == 4);
	CHECK_EQ(member[0].council.roll, 3);
}

static void test_messages_of_no_member(void)
{
	struct council_message m;
	unsigned from;

	three();
	from = said_count;
	propose(0);
	m = said[from];
	m.ring = 99; /* of another epoch */
	council_hear(&member[1].council, &m);
	m = said[from];
	m.node = 1; /* in another one's name */
	council_hear(&member[1].council, &m);
	m.kind = COUNCIL_HELD;
	m.heard = 1000;
	council_hear(&member[1].council, &m);
	CHECK_EQ(member[1].council.heard, 3);
	CHECK_EQ(member[1].council.held[1], 3);
}

static void test_damaged_image(void)
{
	static uint8_t image[COUNCIL_IMAGE_MAX];
	size_t len;

	three();
	propose(0);
	council_hear(&member[0].council, &said[said_count - 1]);
	len = council_encode(&member[0].council, image);
	CHECK_EQ(len, COUNCIL_IMAGE_HEAD + COMMAND_BYTES);
	fresh(1, (struct council_point){ 0 });
	member[1].council.ring = 100;
	for (size_t cut = 0; cut < len; cut++)
		CHECK_EQ(council_decode(&member[1].council, image, cut), -EBADMSG);
	image[0] ^= 1; /* of another view */
	CHECK_EQ(council_decode(&member[1].council, image, len), -EBADMSG);
	image[0] ^= 1;
	image[COUNCIL_IMAGE_HEAD + 2] = 0xff; /* a command of no kind */
	CHECK_EQ(council_decode(&member[1].council, image, len), -EBADMSG);
	CHECK(!member[1].council.has_state);
}

int main(void)
{
	TEST(test_lowest_begins);
	TEST(test_joiner_under_load);
	TEST(test_a_majority_has_to_hold_it);
	TEST(test_decided_by_two_of_three);
	TEST(test_two_words_of_three);
	TEST(test_commands_in_one_message);
	TEST(test_word_aside_decides);
	TEST(test_near_members_say_it_once);
	TEST(test_word_of_other_commands);
	TEST(test_minority_waits);
	TEST(test_all_minorities_come_back);
	TEST(test_those_that_were_apart_wait);
	TEST(test_waiting_ends);
	TEST(test_a_majority_that_was_not_apart_goes_on);
	TEST(test_less_does_not_begin);
	TEST(test_one_alone_does_not_begin);
	TEST(test_process_leaves);
	TEST(test_messages_of_no_member);
	TEST(test_damaged_image);
	return test_end();
}
