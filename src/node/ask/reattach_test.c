/* SPDX-License-Identifier: Apache-2.0 */

/* Which requests that wait for another node's answer hold up a restart of this daemon. */
#include "node/ask/reattach.h"

#include "base/test.h"
#include "node/ask/request.h"

static void told(void *asker, int node, const struct ctl_reply *reply, const void *payload)
{
	(void)asker;
	(void)node;
	(void)reply;
	(void)payload;
}

static struct request asked(uint32_t call, uint32_t flags, int fd, int from)
{
	return (struct request){ .head = { .call = call, .flags = flags },
				 .fd = fd,
				 .from = from,
				 .told = fd < 0 ? told : NULL };
}

static void test_asker_inside(void)
{
	struct request request = asked(CTL_MOVE, 0, -1, -1);

	CHECK(reattach_without(&request));
}

static void test_client(void)
{
	struct request request = asked(CTL_MOVE, 0, 5, -1);

	CHECK(!reattach_without(&request));
	request = asked(CTL_PS, 0, 5, -1); /* it would get no answer */
	CHECK(!reattach_without(&request));
	request = asked(CTL_LOGS, CTL_FLAG_FOLLOW, 5, -1);
	CHECK(reattach_without(&request));
	request = asked(CTL_RUN, CTL_FLAG_FOLLOW, 5, -1); /* perhaps begun */
	CHECK(!reattach_without(&request));
	request.answered = true;
	CHECK(reattach_without(&request));
}

/* Passed on for a node whose process had moved on: the daemon inside has a function for the answer, too. */
static void test_another_node(void)
{
	struct request request = asked(CTL_MOVE, 0, -1, 2);

	CHECK(!reattach_without(&request));
	request = asked(CTL_LOGS, CTL_FLAG_FOLLOW, -1, 2); /* may follow for days */
	CHECK(reattach_without(&request));
	request = asked(CTL_PS, 0, -1, 2);
	CHECK(reattach_without(&request));
}

int main(void)
{
	TEST(test_asker_inside);
	TEST(test_client);
	TEST(test_another_node);
	return test_end();
}
