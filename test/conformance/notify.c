/* SPDX-License-Identifier: Apache-2.0 */
/* Notifications: they wait for nobody, merge, and come before messages. */
#include "conformance/stage.h"

static void test_notify_a_receiver(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	tell(b, "receive %d -1", ANY);
	CHECK(is_blocked(b));
	CHECK_EQ(ask(a, "notify %d %d %d", SELF, b->ep, HARDWARE), 0);
	CHECK_EQ(hear(b), 0);
	CHECK_EQ(b->value[1], a->ep);
	CHECK_EQ(b->value[2], NOTIFY_FROM(a->nr));
	CHECK_EQ(row(0, a->nr, stage_together(0, 1) ? ROW_LCLSENT : ROW_RMTSENT), 1);
}

static void test_pending_ones_merge(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	for (int i = 0; i < 3; i++)
		CHECK_EQ(ask(a, "notify %d %d %d", SELF, b->ep, HARDWARE), 0);
	stage_sleep_ms(100);
	CHECK_EQ(ask(b, "receive %d 2000", ANY), 0);
	CHECK_EQ(b->value[2], NOTIFY_FROM(a->nr));
	CHECK_EQ(ask(b, "receive %d 100", ANY), EDVSTIMEDOUT);
	CHECK_EQ(ask(a, "notify %d %d %d", SELF, b->ep, HARDWARE), 0);
	CHECK_EQ(ask(b, "receive %d 2000", ANY), 0);
}

static void test_they_come_first_whatever_the_source(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11), *c = stage_bound(2, 12);

	tell(c, "send %d 7 -1 1", b->ep);
	CHECK(is_blocked(c));
	CHECK_EQ(ask(a, "notify %d %d %d", SELF, b->ep, HARDWARE), 0);
	stage_sleep_ms(100);
	CHECK_EQ(ask(b, "receive %d 2000", c->ep), 0);
	CHECK_EQ(b->value[1], a->ep);
	CHECK_EQ(b->value[2], NOTIFY_FROM(a->nr));
	CHECK_EQ(ask(b, "receive %d 2000", c->ep), 0);
	CHECK_EQ(b->value[1], c->ep);
	CHECK_EQ(hear(c), 0);
}

static void test_tasks_come_before_servers(void)
{
	struct puppet *a = stage_bound(0, 12), *b = stage_bound(1, 11),
		      *task = stage_bound(2, SYSTASK(9));

	CHECK_EQ(ask(a, "notify %d %d %d", SELF, b->ep, HARDWARE), 0);
	CHECK_EQ(ask(task, "notify %d %d %d", SELF, b->ep, HARDWARE), 0);
	stage_sleep_ms(100);
	CHECK_EQ(ask(b, "receive %d 2000", ANY), 0);
	CHECK_EQ(b->value[1], task->ep);
	CHECK_EQ(b->value[2], NOTIFY_FROM(task->nr));
	CHECK_EQ(ask(b, "receive %d 2000", ANY), 0);
	CHECK_EQ(b->value[1], a->ep);
}

static void test_a_receive_from_another_is_ended(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	tell(b, "receive %d -1", a->ep);
	CHECK(is_blocked(b));
	CHECK_EQ(ask(a, "notify %d %d %d", SELF, b->ep, HARDWARE), 0);
	CHECK_EQ(hear(b), 0);
	CHECK_EQ(b->value[1], a->ep);
}

static void test_values_of_the_system(void)
{
	struct puppet *a = stage_bound(0, SYSTEM), *b = stage_bound(1, 11);

	CHECK_EQ(ask(a, "notify %d %d 5", SELF, b->ep), 0);
	CHECK_EQ(ask(a, "notify %d %d 9", SELF, b->ep), 0);
	stage_sleep_ms(100);
	CHECK_EQ(ask(b, "receive %d 2000", ANY), 0);
	CHECK_EQ(b->value[1], a->ep);
	CHECK_EQ(b->value[2], SYSTEM);
	CHECK_EQ(b->value[4], 1 << 5 | 1 << 9);
	stage_sleep_ms(100); /* until the poster's node knows that they were read */
	CHECK_EQ(ask(a, "notify %d %d %d", SELF, b->ep, HARDWARE), 0);
	CHECK_EQ(ask(b, "receive %d 2000", ANY), 0);
	CHECK_EQ(b->value[4], 0);
}

static void test_in_the_name_of_another(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(0, 11), *c = stage_bound(0, 12);

	tell(b, "receive %d -1", ANY);
	CHECK(is_blocked(b));
	CHECK_EQ(ask(a, "notify %d %d %d", c->nr, b->ep, HARDWARE), 0);
	CHECK_EQ(hear(b), 0);
	CHECK_EQ(b->value[2], NOTIFY_FROM(c->nr));
}

static void test_of_the_hardware(void)
{
	struct puppet *a = stage_puppet(0), *b = stage_bound(0, 11);

	tell(b, "receive %d -1", ANY);
	CHECK(is_blocked(b));
	CHECK_EQ(ask(a, "notify %d %d %d", HARDWARE, b->ep, STAGE_DCID), 0);
	CHECK_EQ(hear(b), 0);
	CHECK_EQ(b->value[1], HARDWARE);
	CHECK_EQ(b->value[2], NOTIFY_FROM(b->nr));
	CHECK_EQ(ask(a, "notify %d %d %d", HARDWARE, b->ep, STAGE_DCID), 0);
	CHECK_EQ(ask(b, "receive %d 2000", ANY), 0);
	CHECK_EQ(b->value[1], HARDWARE);
	CHECK_EQ(ask(a, "notify %d %d 30", HARDWARE, b->ep), EDVSDCNOTRUN);
	CHECK_EQ(ask(a, "notify %d %d 99", HARDWARE, b->ep), EDVSBADDCID);
}

static void test_of_the_hardware_errors(void)
{
	struct puppet *a = stage_puppet(0), *b = stage_bound(0, 11), *user = stage_bound(0, 40),
		      *far = stage_bound(1, 12);
	int nobody = (int)row(0, STAGE_FREE_SERVER, ROW_ENDPOINT);

	CHECK_EQ(ask(a, "notify %d 300 %d", HARDWARE, STAGE_DCID), EDVSRANGE);
	CHECK_EQ(ask(a, "notify %d %d %d", HARDWARE, HARDWARE, STAGE_DCID), EDVSBADDEST);
	CHECK_EQ(ask(a, "notify %d %d %d", HARDWARE, nobody, STAGE_DCID), EDVSDSTDIED);
	CHECK_EQ(ask(a, "notify %d %d %d", HARDWARE, user->ep, STAGE_DCID), EDVSPRIVILEGES);
	if (!stage_together(0, 1))
		CHECK_EQ(ask(a, "notify %d %d %d", HARDWARE, far->ep, STAGE_DCID), EDVSRMTPROC);
	CHECK_EQ(ask(a, "notify %d %d %d", HARDWARE, b->ep, STAGE_DCID), 0);
	CHECK_EQ(ask(a, "notify %d %d %d", HARDWARE, b->ep, STAGE_DCID), EDVSOVERRUN);
	CHECK_EQ(ask(b, "receive %d 1000", ANY), 0);
	CHECK_EQ(ask(b, "receive %d 0", ANY), EDVSAGAIN);
	CHECK_EQ(ask(a, "migrate %d -1 %d %d -1", MIGR_START, STAGE_DCID, b->ep), 0);
	CHECK_EQ(ask(a, "notify %d %d %d", HARDWARE, b->ep, STAGE_DCID), EDVSMIGRATE);
	CHECK_EQ(ask(a, "wakeup %d %d", STAGE_DCID, b->ep), EDVSMIGRATE);
	CHECK_EQ(ask(a, "migrate %d -1 %d %d -1", MIGR_ROLLBACK, STAGE_DCID, b->ep), 0);
	CHECK_EQ(ask(a, "notify %d %d %d", HARDWARE, b->ep, STAGE_DCID), 0);
}

/*
 * While the receiver moves they merge, as they always do, and one is there afterwards. Between nodes they
 * lie with the poster until then and may find a receiver that waits again, to which the first comes alone.
 */
static void test_to_one_that_stands_still(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);
	int more;

	CHECK_EQ(ask(a, "migrate %d -1 %d %d -1", MIGR_START, STAGE_DCID, b->ep), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(ask(a, "notify %d %d %d", SELF, b->ep, HARDWARE), 0);
	tell(b, "receive %d 3000", ANY);
	CHECK(is_silent(b, 100));
	CHECK_EQ(ask(a, "migrate %d -1 %d %d -1", MIGR_ROLLBACK, STAGE_DCID, b->ep), 0);
	CHECK_EQ(hear(b), 0);
	CHECK_EQ(b->value[2], NOTIFY_FROM(a->nr));
	more = ask(b, "receive %d 100", ANY);
	CHECK(more == EDVSTIMEDOUT || (!more && !stage_together(0, 1)));
	CHECK_EQ(ask(b, "receive %d 100", ANY), EDVSTIMEDOUT);
}

/* A request taken by rcvrqst leaves them where they are. */
static void test_rcvrqst_leaves_them(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	CHECK_EQ(ask(a, "notify %d %d %d", SELF, b->ep, HARDWARE), 0);
	CHECK_EQ(ask(b, "rcvrqst 100"), EDVSTIMEDOUT);
	tell(a, "sendrec %d 7 5000 1", b->ep);
	CHECK_EQ(ask(b, "rcvrqst 3000"), 0);
	CHECK_EQ(b->value[1], a->ep);
	CHECK_EQ(b->value[2], 7);
	CHECK_EQ(ask(b, "receive %d 1000", ANY), 0);
	CHECK_EQ(b->value[2], NOTIFY_FROM(a->nr));
	CHECK_EQ(ask(b, "reply %d 8 1000 1", a->ep), 0);
	CHECK_EQ(hear(a), 0);
}

static void test_values_beyond_the_bits(void)
{
	struct puppet *a = stage_bound(0, SLOTS), *b = stage_bound(1, 11);

	CHECK_EQ(ask(a, "notify %d %d 31", SELF, b->ep), 0);
	CHECK_EQ(ask(a, "notify %d %d 64", SELF, b->ep), 0);
	CHECK_EQ(ask(a, "notify %d %d -5", SELF, b->ep), 0);
	stage_sleep_ms(50);
	CHECK_EQ(ask(b, "receive %d 2000", ANY), 0);
	CHECK_EQ(b->value[2], SLOTS);
	CHECK_EQ(b->value[4], (int)(1u << 31));
}

static void test_only_to_system_processes(void)
{
	struct puppet *a = stage_bound(0, 10), *user = stage_bound(1, 40);

	CHECK_EQ(ask(a, "notify %d %d %d", SELF, user->ep, HARDWARE), EDVSTRAPDENIED);
}

int main(int argc, char **argv)
{
	static const struct stage_test tests[] = {
		STAGE_TEST(test_notify_a_receiver),
		STAGE_TEST(test_pending_ones_merge),
		STAGE_TEST(test_they_come_first_whatever_the_source),
		STAGE_TEST(test_tasks_come_before_servers),
		STAGE_TEST(test_a_receive_from_another_is_ended),
		STAGE_TEST(test_values_of_the_system),
		STAGE_TEST(test_in_the_name_of_another),
		STAGE_TEST(test_of_the_hardware),
		STAGE_TEST(test_of_the_hardware_errors),
		STAGE_TEST(test_to_one_that_stands_still),
		STAGE_TEST(test_rcvrqst_leaves_them),
		STAGE_TEST(test_values_beyond_the_bits),
		STAGE_TEST(test_only_to_system_processes),
	};

	return stage_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
