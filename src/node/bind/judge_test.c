/* SPDX-License-Identifier: Apache-2.0 */
#include "node/bind/judge.h"

#include "base/right.h"
#include "node/bind/bind_rig_test.h"

#define STRANGER 1234
#define GROUP	 55

static bool may(uint32_t uid, uint32_t group, int dcid, unsigned rights)
{
	struct request *request = rig_ask(CTL_PS, 0);
	bool answer;

	request->user =
		(struct right_user){ .uid = uid, .gid = 7, .group_count = 1, .group = { group } };
	answer = judge_may(request, dcid, rights);
	request_end(request, 0, NULL, 0, NULL, 0);
	return answer;
}

static void test_the_mode_counts(void)
{
	rig_begin();
	rig.order.directory.dc[RIG_DC].owner =
		(struct right_owner){ .uid = RIG_OWNER, .gid = GROUP, .mode = 0740 };
	CHECK(may(RIG_OWNER, 0, RIG_DC, RIGHT_CHANGE));
	CHECK(may(0, 0, RIG_DC, RIGHT_CHANGE));
	CHECK(may(STRANGER, GROUP, RIG_DC, RIGHT_SEE));
	CHECK(!may(STRANGER, GROUP, RIG_DC, RIGHT_CHANGE));
	CHECK(!may(STRANGER, GROUP, RIG_DC, RIGHT_USE));
	CHECK(!may(STRANGER, GROUP + 1, RIG_DC, RIGHT_SEE));
	rig_end();
}

/* The handler says what is wrong with it. */
static void test_a_dc_that_does_not_run_is_nobodys(void)
{
	rig_begin();
	CHECK(may(STRANGER, 0, RIG_DC + 1, RIGHT_CHANGE));
	CHECK(may(STRANGER, 0, -1, RIGHT_CHANGE));
	CHECK(may(STRANGER, 0, SHM_DCS, RIGHT_CHANGE));
	rig_end();
}

/* By this process, which is bound in the rig's DC. */
static bool member_may(int fd, int dcid, unsigned rights)
{
	struct request *request = rig_ask(CTL_PS, 0);
	bool answer;

	request->pid = getpid();
	request->uid = STRANGER;
	request->fd = fd;
	answer = judge_may(request, dcid, rights);
	request->fd = -1;
	request_end(request, 0, NULL, 0, NULL, 0);
	return answer;
}

static uint32_t visible_to(int fd, uint32_t uid)
{
	struct request *request = rig_ask(CTL_PS, 0);
	uint32_t visible;

	request->pid = getpid();
	request->uid = uid;
	request->fd = fd;
	visible = judge_visible(request);
	request->fd = -1;
	request_end(request, 0, NULL, 0, NULL, 0);
	return visible;
}

/* The same as the answers for each DC. */
static void test_the_dcs_that_a_user_may_see(void)
{
	struct directory_dc *other;
	uint32_t idle;

	rig_begin();
	other = &rig.order.directory.dc[RIG_DC + 1];
	other->running = 1;
	other->owner = (struct right_owner){ .uid = RIG_OWNER + 1, .mode = RIGHT_MODE_DEFAULT };
	idle = ~(3u << RIG_DC);
	CHECK_EQ(visible_to(99, 0), UINT32_MAX);
	CHECK_EQ(visible_to(99, RIG_OWNER), idle | 1u << RIG_DC);
	CHECK_EQ(visible_to(99, STRANGER), idle);
	rig_bind(5, rig_task(getpid()));
	CHECK_EQ(visible_to(99, STRANGER), idle | 1u << RIG_DC);
	CHECK_EQ(visible_to(-1, STRANGER), idle);
	rig_end();
}

static void test_a_bound_process_belongs_to_its_dc(void)
{
	struct directory_dc *other;

	rig_begin();
	other = &rig.order.directory.dc[RIG_DC + 1];
	other->running = 1;
	other->owner = (struct right_owner){ .uid = RIG_OWNER, .mode = RIGHT_MODE_DEFAULT };
	CHECK(!member_may(99, RIG_DC, RIGHT_USE));
	rig_bind(5, rig_task(getpid()));
	CHECK(member_may(99, RIG_DC, RIGHT_USE | RIGHT_SEE));
	CHECK(!member_may(99, RIG_DC, RIGHT_CHANGE));
	CHECK(!member_may(99, RIG_DC, RIGHT_CHANGE | RIGHT_SEE));
	CHECK(!member_may(99, RIG_DC + 1, RIGHT_USE));
	CHECK(!member_may(-1, RIG_DC, RIGHT_USE)); /* a process of another node has that number */
	rig_end();
}

static bool may_ask(int fd, uint32_t uid, uint32_t group)
{
	struct request *request = rig_ask(CTL_NODES, 0);
	bool answer;

	request->pid = getpid();
	request->user =
		(struct right_user){ .uid = uid, .gid = 7, .group_count = 1, .group = { group } };
	request->fd = fd;
	answer = judge_may_ask(request);
	request->fd = -1;
	request_end(request, 0, NULL, 0, NULL, 0);
	return answer;
}

static void test_the_group_that_may_ask(void)
{
	rig_begin();
	rig.requests.users = RIGHT_NO_GROUP;
	CHECK(may_ask(99, STRANGER, 0));
	rig.requests.users = GROUP;
	CHECK(!may_ask(99, STRANGER, 0));
	CHECK(!may_ask(99, STRANGER, RIGHT_NO_GROUP));
	CHECK(may_ask(99, STRANGER, GROUP));
	CHECK(may_ask(99, 0, 0));
	rig.requests.users = 7; /* the first group of each */
	CHECK(may_ask(99, STRANGER, 0));
	rig.requests.users = GROUP;
	rig_bind(5, rig_task(getpid()));
	CHECK(may_ask(99, STRANGER, 0)); /* bound, and moved here perhaps */
	CHECK(!may_ask(-1, STRANGER, 0));
	rig_end();
}

int main(void)
{
	TEST(test_the_mode_counts);
	TEST(test_a_dc_that_does_not_run_is_nobodys);
	TEST(test_the_dcs_that_a_user_may_see);
	TEST(test_a_bound_process_belongs_to_its_dc);
	TEST(test_the_group_that_may_ask);
	return test_end();
}
