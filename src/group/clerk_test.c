// SPDX-License-Identifier: Apache-2.0
/* The clerk on places whose connections are made up here: each word that it has for a place is noted. */
#include "group/clerk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/test.h"

#define WORDS_MAX 64
#define LIMIT_NS  1000

static struct clerk clerk;
static int64_t now_ns;
static int gone, asked, put_error;
static char words[CLERK_PLACES][WORDS_MAX]; /* W R D A: of the frames */
static uint64_t last_order[CLERK_PLACES], last_token;
static struct command last_command;

static int64_t on_now(void *ctx)
{
	CHECK(ctx == &clerk);
	return now_ns;
}

static int on_put(void *ctx, int place, enum group_kind kind, const void *head, size_t head_bytes,
		  const void *body, size_t body_bytes)
{
	static const char letter[GROUP_KIND_LAST + 1] = { [GROUP_WELCOME] = 'W',
							  [GROUP_RESTORE] = 'R',
							  [GROUP_DELIVER] = 'D',
							  [GROUP_ASK] = 'A' };
	size_t length = strlen(words[place]);

	(void)ctx;
	(void)body;
	(void)body_bytes;
	CHECK_EQ(head_bytes, 8);
	CHECK(length + 1 < WORDS_MAX);
	words[place][length] = letter[kind];
	if (kind == GROUP_DELIVER || kind == GROUP_RESTORE)
		last_order[place] = group_number_decode(head);
	if (kind == GROUP_ASK)
		last_token = group_number_decode(head);
	return put_error;
}

static void on_ordered(void *ctx, uint64_t order, const struct command *cmd)
{
	(void)ctx;
	CHECK_EQ(order, clerk.order);
	last_command = *cmd;
}

static void on_asked(void *ctx)
{
	(void)ctx;
	asked++;
}

static void on_gone(void *ctx, int place, const struct clerk_place *was)
{
	(void)ctx;
	CHECK(was->doomed);
	memset(words[place], 0, WORDS_MAX);
	gone++;
}

static void set_up(void)
{
	static const struct clerk_calls calls = { on_now, on_put, on_ordered, on_asked, on_gone };

	memset(words, 0, sizeof(words));
	now_ns = 1;
	gone = asked = put_error = 0;
	clerk_init(&clerk, &calls, &clerk);
}

/* A connection that says HELLO: its place. */
static int come(int node)
{
	struct group_hello hello = { .node = node, .secret = 7, .speaker = protocol_own };
	int place = clerk_come(&clerk);

	CHECK_EQ(clerk_hello(&clerk, place, &hello), 0);
	return place;
}

static int give(int place, uint64_t token, uint64_t order)
{
	uint8_t payload[GROUP_STATE_HEAD + 1] = { 0 };

	group_number_encode(payload, token);
	group_number_encode(payload + 8, order);
	return clerk_state(&clerk, place, payload, sizeof(payload));
}

static int say(int place, struct command cmd)
{
	uint8_t bytes[COMMAND_BYTES];

	cmd.version = COMMAND_VERSION;
	command_encode(&cmd, bytes);
	return clerk_command(&clerk, place, bytes, sizeof(bytes));
}

static int say_of(int place, int node)
{
	return say(place, (struct command){ .kind = COMMAND_UNBIND, .origin = node });
}

static void go(int place)
{
	clerk_doom(&clerk, place, -ECONNRESET);
	clerk_settle(&clerk);
}

/* The state goes out before all that was ordered after the question, and the NODE_JOIN behind that. */
static void test_join(void)
{
	int first, second;

	set_up();
	first = come(3);
	CHECK_EQ(clerk.order, 1);
	CHECK(!strcmp(words[first], "WD"));
	second = come(4);
	CHECK(!strcmp(words[first], "WDA"));
	CHECK_EQ(asked, 1);
	CHECK_EQ(say_of(first, 3), 0);
	CHECK_EQ(say_of(second, 4), -EBADMSG); /* not a member yet */
	CHECK(!strcmp(words[second], "W"));
	CHECK_EQ(give(first, last_token, 1), 0);
	CHECK(!strcmp(words[second], "WRDD"));
	CHECK(!strcmp(words[first], "WDADD"));
	CHECK_EQ(last_order[second], 3);
	CHECK(last_command.kind == COMMAND_NODE_JOIN && last_command.node == 4);
	CHECK_EQ(give(first, last_token, 1), 0); /* nobody waits for it */
	CHECK_EQ(clerk.order, 3);
	clerk_deinit(&clerk);
}

/* A joiner that goes leaves no trace, a member that goes is replaced, and the last one takes the order with it. */
static void test_goings(void)
{
	int first, second, third;

	set_up();
	first = come(0);
	second = come(1);
	go(second);
	CHECK_EQ(clerk.order, 1);
	CHECK_EQ(give(first, last_token, 1), 0);
	second = come(1);
	CHECK_EQ(give(first, last_token, 1), 0);
	third = come(2);
	CHECK_EQ(clerk.order, 2);
	go(strchr(words[first] + 4, 'A') ? first : second);
	CHECK(last_command.kind == COMMAND_NODE_LEAVE);
	CHECK(clerk.place[third].transfer.asked);
	CHECK_EQ(clerk.place[third].transfer.order, 3);
	go(clerk.place[third].transfer.provider);
	CHECK_EQ(clerk.order, 1);
	CHECK(last_command.kind == COMMAND_NODE_JOIN && last_command.node == 2);
	CHECK(!strcmp(words[third], "WD"));
	CHECK_EQ(gone, 3);
	clerk_deinit(&clerk);
}

static void test_silent_member(void)
{
	int first, second, third, was;

	set_up();
	first = come(0);
	second = come(1);
	CHECK_EQ(give(first, last_token, 1), 0);
	CHECK(!clerk_check(&clerk, LIMIT_NS)); /* nobody waits */
	third = come(2);
	was = clerk.place[third].transfer.provider;
	CHECK(clerk_check(&clerk, LIMIT_NS));
	CHECK_EQ(clerk.place[third].transfer.provider, was);
	now_ns += LIMIT_NS + 1;
	CHECK(clerk_check(&clerk, LIMIT_NS));
	CHECK_EQ(clerk.place[third].transfer.provider, first + second - was);
	CHECK_EQ(give(was, last_token - 1, 2), 0); /* too late */
	CHECK(clerk.place[third].transfer.asked);
	CHECK_EQ(give(first + second - was, last_token, 1), -EBADMSG); /* of another point */
	CHECK_EQ(give(first + second - was, last_token, 2), 0);
	CHECK_EQ(clerk.place[third].state, CLERK_MEMBER);
	clerk_deinit(&clerk);
}

static void test_refusals(void)
{
	struct group_hello hello = { .node = 0, .secret = 8, .speaker = protocol_own };
	int first, other;

	set_up();
	first = come(0);
	CHECK_EQ(clerk_hello(&clerk, first, &hello), -EBADMSG);
	other = clerk_come(&clerk);
	CHECK_EQ(clerk_hello(&clerk, other, &hello), -EEXIST);
	CHECK(!strcmp(words[other], "W"));
	CHECK_EQ(say_of(other, 0), -EBADMSG);
	CHECK_EQ(give(other, last_token, 1), -EBADMSG);
	hello.node = 1;
	hello.speaker.least = hello.speaker.most = protocol_own.most + 1;
	CHECK_EQ(clerk_hello(&clerk, other, &hello), -EPROTO);
	CHECK_EQ(say_of(first, 1), -EBADMSG); /* in another's name */
	CHECK_EQ(say(first, (struct command){ .kind = COMMAND_NODE_LEAVE, .node = 1 }), -EBADMSG);
	CHECK_EQ(clerk.order, 1);
	while (clerk_come(&clerk) >= 0)
		continue;
	CHECK_EQ(clerk_come(&clerk), -EUSERS);
	clerk_deinit(&clerk);
}

/* A member that nothing can be written to is out, and so is one that is a stranger no longer where another goes on. */
static void test_dooms(void)
{
	int first, second, next;

	set_up();
	first = come(0);
	second = come(1);
	CHECK_EQ(give(first, last_token, 1), 0);
	next = clerk_come(&clerk);
	clerk_take_over(&clerk, next, second);
	clerk_settle(&clerk);
	CHECK_EQ(clerk.order, 2); /* the others see nothing of it */
	CHECK_EQ(clerk_find(&clerk, 1), next);
	put_error = -ENOBUFS;
	CHECK_EQ(say_of(first, 0), 0);
	clerk_settle(&clerk);
	CHECK_EQ(clerk_find(&clerk, 0), -1);
	CHECK_EQ(clerk_find(&clerk, 1), -1);
	CHECK_EQ(clerk.order, 5); /* the command, and both have left */
	clerk_deinit(&clerk);
}

int main(void)
{
	TEST(test_join);
	TEST(test_goings);
	TEST(test_silent_member);
	TEST(test_refusals);
	TEST(test_dooms);
	return test_end();
}
