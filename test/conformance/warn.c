/* SPDX-License-Identifier: Apache-2.0 */
/* Exit warnings: the process of one slot of a DC is told when any other that is bound there ends. */
#include "conformance/stage.h"

#include <signal.h>
#include <unistd.h>

#define WARNED_DC 9
#define WARN_NR	  5
#define WARN_TYPE 7777

static struct puppet *maker;

static void make_dc(void)
{
	maker = stage_puppet(0);
	CHECK_EQ(ask(maker, "dcinit %d 221 35 64 32 %d %d", WARNED_DC, WARN_NR, WARN_TYPE),
		 stage_node(0));
}

static void end_dc(void)
{
	CHECK_EQ(ask(maker, "dcend %d", WARNED_DC), 0);
}

static struct puppet *bound(int role, int nr)
{
	struct puppet *p = stage_puppet(role);

	p->ep = (int)ask(p, "bind %d %d -1 %d -1", SELF_BIND, WARNED_DC, nr);
	CHECK_EQ(_ENDPOINT_P(p->ep), nr);
	return p;
}

static long value_of(int nr, int value)
{
	CHECK_EQ(ask(maker, "procinfo %d %d", WARNED_DC, nr), 0);
	return maker->value[value];
}

static bool becomes(int nr, int value, long mask, long want)
{
	long end = stage_now_ms() + 3000;

	while (stage_now_ms() < end) {
		if ((value_of(nr, value) & mask) == want)
			return true;
		stage_sleep_ms(5);
	}
	return false;
}

static void hears_of(struct puppet *warned, const struct puppet *ended, int status)
{
	CHECK_EQ(ask(warned, "receive %d 3000", ANY), 0);
	CHECK_EQ(warned->value[1], ended->ep);
	CHECK_EQ(warned->value[2], WARN_TYPE);
	CHECK_EQ(warned->value[3], status);
	CHECK_EQ(warned->value[4], -1);
}

static void test_an_exit_is_told_and_the_answer_unbinds(void)
{
	struct puppet *warned, *a;

	make_dc();
	warned = bound(1, WARN_NR);
	a = bound(0, 10);
	tell(a, "exit 7");
	hears_of(warned, a, 7 << 8);
	CHECK(becomes(10, ROW_MISC, MIS_KILLED, MIS_KILLED));
	CHECK_EQ(ask(warned, "reply %d 1 1000 0", a->ep), 0);
	CHECK(becomes(10, ROW_FLAGS, SLOT_FREE, SLOT_FREE));
	CHECK_EQ(ask(warned, "receive %d 100", ANY), EDVSTIMEDOUT);
	end_dc();
}

static void test_a_kill_is_told_and_an_unbind_ends_it(void)
{
	struct puppet *warned, *a;

	make_dc();
	warned = bound(1, WARN_NR);
	a = bound(0, 10);
	stage_kill(a, SIGKILL);
	hears_of(warned, a, SIGKILL);
	CHECK_EQ(ask(warned, "unbind %d %d -1", WARNED_DC, a->ep), 0);
	CHECK(becomes(10, ROW_FLAGS, SLOT_FREE, SLOT_FREE));
	end_dc();
}

static void test_others_hear_of_it_afterwards(void)
{
	struct puppet *warned, *a, *c;

	make_dc();
	warned = bound(1, WARN_NR);
	a = bound(0, 10);
	c = bound(2, 12);
	tell(c, "receive %d -1", a->ep);
	CHECK(is_silent(c, 50));
	stage_kill(a, SIGKILL);
	hears_of(warned, a, SIGKILL);
	CHECK(is_silent(c, 50));
	CHECK_EQ(ask(warned, "send %d 1 1000 0", a->ep), 0);
	CHECK_EQ(hear(c), EDVSSRCDIED);
	end_dc();
}

/* It dies while the warn process serves it: first that, then the warning. */
static void test_of_a_client_of_the_warn_process(void)
{
	struct puppet *warned, *a;

	make_dc();
	warned = bound(1, WARN_NR);
	a = bound(0, 10);
	tell(a, "sendrec %d 3 -1 1", warned->ep);
	CHECK_EQ(ask(warned, "receive %d 3000", ANY), 0);
	CHECK_EQ(warned->value[2], 3);
	stage_kill(a, SIGKILL);
	hears_of(warned, a, SIGKILL);
	CHECK_EQ(ask(warned, "reply %d 1 1000 0", a->ep), 0);
	CHECK(becomes(10, ROW_FLAGS, SLOT_FREE, SLOT_FREE));
	end_dc();
}

static void test_without_a_warn_process_nothing_waits(void)
{
	struct puppet *warned, *a, *b;

	make_dc();
	a = bound(0, 10);
	stage_kill(a, SIGKILL);
	CHECK(becomes(10, ROW_FLAGS, SLOT_FREE, SLOT_FREE));
	warned = bound(1, WARN_NR);
	b = bound(0, 11);
	stage_kill(b, SIGKILL);
	CHECK(becomes(11, ROW_MISC, MIS_KILLED, MIS_KILLED));
	stage_kill(warned, SIGKILL);
	CHECK(becomes(11, ROW_FLAGS, SLOT_FREE, SLOT_FREE));
	CHECK(becomes(WARN_NR, ROW_FLAGS, SLOT_FREE, SLOT_FREE));
	end_dc();
}

static void test_an_unbind_of_its_own_warns_nobody(void)
{
	struct puppet *warned, *a;

	make_dc();
	warned = bound(1, WARN_NR);
	a = bound(0, 10);
	CHECK_EQ(ask(a, "unbind %d %d -1", WARNED_DC, a->ep), 0);
	CHECK_EQ(ask(warned, "receive %d 100", ANY), EDVSTIMEDOUT);
	end_dc();
}

static void test_the_end_of_a_bound_thread_is_told(void)
{
	struct puppet *warned, *a, *thread;

	make_dc();
	warned = bound(1, WARN_NR);
	a = bound(0, 10);
	CHECK_EQ(ask(a, "thread"), 0);
	thread = stage_offspring(a);
	thread->ep = (int)ask(thread, "bind %d %d -1 11 -1", SELF_BIND, WARNED_DC);
	CHECK_EQ(_ENDPOINT_P(thread->ep), 11);
	close(thread->fd);
	thread->fd = -1;
	thread->pid = 0;
	hears_of(warned, thread, 0);
	CHECK(becomes(11, ROW_MISC, MIS_KILLED, MIS_KILLED));
	CHECK_EQ(ask(warned, "reply %d 1 1000 0", thread->ep), 0);
	CHECK(becomes(11, ROW_FLAGS, SLOT_FREE, SLOT_FREE));
	CHECK_EQ(ask(a, "getep 0"), a->ep);
	end_dc();
}

int main(int argc, char **argv)
{
	static const struct stage_test tests[] = {
		STAGE_TEST(test_an_exit_is_told_and_the_answer_unbinds),
		STAGE_TEST(test_a_kill_is_told_and_an_unbind_ends_it),
		STAGE_TEST(test_others_hear_of_it_afterwards),
		STAGE_TEST(test_of_a_client_of_the_warn_process),
		STAGE_TEST(test_without_a_warn_process_nothing_waits),
		STAGE_TEST(test_the_end_of_a_bound_thread_is_told),
		STAGE_TEST(test_an_unbind_of_its_own_warns_nobody),
	};

	return stage_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
