/* SPDX-License-Identifier: Apache-2.0 */
/* bind and its kinds, unbind, getep, wait4bind: who owns an endpoint, and for how long. */
#include "conformance/stage.h"

#include <signal.h>
#include <unistd.h>

#define NO_SUCH_DC  30
#define OTHER_DC    6
#define NO_SUCH_PID 4190000

static void test_bind_fills_the_row(void)
{
	struct puppet *a = stage_bound(1, 10);

	for (int role = 0; role < 2; role++) {
		CHECK_EQ(row(role, 10, ROW_RESULT), 0);
		CHECK_EQ(row(role, 10, ROW_NR), 10);
		CHECK_EQ(row(role, 10, ROW_ENDPOINT), a->ep);
		CHECK_EQ(row(role, 10, ROW_DCID), STAGE_DCID);
		CHECK_EQ(row(role, 10, ROW_NODE), stage_node(1));
		CHECK(row(role, 10, ROW_NODEMAP) & 1L << stage_node(1));
	}
	CHECK_EQ(row(1, 10, ROW_FLAGS), 0);
	CHECK_EQ(row(1, 10, ROW_MISC), MIS_GRPLEADER);
	CHECK(row(1, 10, ROW_LPID) > 0);
	CHECK_EQ(row(1, 10, ROW_VPID), a->own_pid);
	CHECK_EQ(row(1, 10, ROW_GETFROM), NONE);
	CHECK_EQ(row(1, 10, ROW_SENDTO), NONE);
	if (!stage_together(0, 1)) {
		CHECK_EQ(row(0, 10, ROW_FLAGS), REMOTE);
		CHECK_EQ(row(0, 10, ROW_LPID), -1);
	}
}

static void test_end_of_the_process_frees_the_slot(void)
{
	struct puppet *a = stage_bound(1, 10);

	stage_kill(a, SIGKILL);
	CHECK(row_becomes(1, 10, ROW_FLAGS, ~0L, SLOT_FREE, 1000));
	CHECK(row_becomes(0, 10, ROW_FLAGS, ~0L, SLOT_FREE, 1000));
	CHECK_EQ(row(0, 10, ROW_NODE), -1);
	a = stage_bound(0, 10);
	CHECK_EQ(ask(a, "getep 0"), a->ep);
}

static void test_a_slot_is_bound_once(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_puppet(1);

	CHECK_EQ(ask(b, "bind %d %d -1 10 -1", SELF_BIND, STAGE_DCID), EDVSSLOTUSED);
	CHECK_EQ(ask(b, "bind %d %d -1 10 -1", REPLICA_BIND, STAGE_DCID), EDVSSLOTUSED);
	CHECK_EQ(ask(a, "getep 0"), a->ep);
}

static void test_bind_errors(void)
{
	struct puppet *a = stage_puppet(0);

	CHECK_EQ(ask(a, "bind %d %d -1 10 3", SELF_BIND, STAGE_DCID), EDVSBADNODEID);
	CHECK_EQ(ask(a, "bind %d %d -1 10 40", RMT_BIND, STAGE_DCID), EDVSBADNODEID);
	CHECK_EQ(ask(a, "bind %d %d -1 10 %d", RMT_BIND, STAGE_DCID, stage_node(0)), EDVSBADNODEID);
	CHECK_EQ(ask(a, "bind 9 %d -1 10 -1", STAGE_DCID), EDVSBINDTYPE);
	CHECK_EQ(ask(a, "bind %d 99 -1 10 -1", SELF_BIND), EDVSBADDCID);
	CHECK_EQ(ask(a, "bind %d %d -1 10 -1", SELF_BIND, NO_SUCH_DC), EDVSDCNOTRUN);
	CHECK_EQ(ask(a, "bind %d %d -1 500 -1", SELF_BIND, STAGE_DCID), EDVSBADDCID);
	CHECK_EQ(ask(a, "bind %d %d %d 10 -1", LCL_BIND, STAGE_DCID, NO_SUCH_PID), EDVSBADPID);
	CHECK_EQ(row(0, 10, ROW_FLAGS), SLOT_FREE);
}

/* Of two things that are wrong, the one that the contract names first. */
static void test_bind_errors_in_their_order(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_puppet(0);

	CHECK_EQ(ask(b, "bind 9 99 -1 500 3"), EDVSBADNODEID);
	CHECK_EQ(ask(b, "bind %d 99 -1 500 %d", BKUP_BIND, stage_node(0)), EDVSBADNODEID);
	CHECK_EQ(ask(b, "bind -1 99 -1 500 -1"), EDVSBINDTYPE);
	CHECK_EQ(ask(b, "bind %d 99 -1 500 -1", LCL_BIND), EDVSBADDCID);
	CHECK_EQ(ask(b, "bind %d %d -1 500 -1", LCL_BIND, NO_SUCH_DC), EDVSDCNOTRUN);
	CHECK_EQ(ask(b, "bind %d %d -1 500 31", RMT_BIND, STAGE_DCID), EDVSBADDCID);
	CHECK_EQ(ask(b, "bind %d %d -1 %d 31", RMT_BIND, STAGE_DCID, a->nr), EDVSNODCNODE);
	CHECK_EQ(ask(b, "bind %d %d %d %d -1", LCL_BIND, STAGE_DCID, NO_SUCH_PID, a->nr),
		 EDVSSLOTUSED);
	CHECK_EQ(ask(b, "bind %d %d %d %d -1", USERMODE_BIND, STAGE_DCID, NO_SUCH_PID, a->nr),
		 EDVSSLOTUSED);
	CHECK_EQ(ask(b, "bind %d %d %d %d -1", REPLICA_BIND, STAGE_DCID, NO_SUCH_PID, a->nr),
		 EDVSBADPID);
}

static void test_a_thread_stays_in_the_dc_of_its_leader(void)
{
	struct puppet *a = stage_bound(0, 10), *thread;

	CHECK_EQ(ask(a, "dcinit %d 221 35 64 32", OTHER_DC), stage_node(0));
	CHECK_EQ(ask(a, "thread"), 0);
	thread = stage_offspring(a);
	CHECK_EQ(ask(thread, "bind %d %d -1 11 -1", SELF_BIND, OTHER_DC), EDVSBADDCID);
	CHECK_EQ(ask(a, "dcend %d", OTHER_DC), 0);
	CHECK_EQ(ask(a, "getep 0"), a->ep);
}

/* Bound again, the task acts as the newer one; the older slot stays with it until it ends. */
static void test_bound_twice(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);
	long ep = ask(a, "bind %d %d -1 12 -1", SELF_BIND, STAGE_DCID);

	CHECK_EQ(_ENDPOINT_P(ep), 12);
	CHECK_EQ(ask(a, "getep 0"), ep);
	CHECK_EQ(row(0, 10, ROW_FLAGS) & SLOT_FREE, 0);
	tell(b, "receive %ld 2000", ep);
	CHECK(is_blocked(b));
	CHECK_EQ(ask(a, "send %d 7 2000 1", b->ep), 0);
	CHECK_EQ(hear(b), 0);
	stage_kill(a, SIGKILL);
	CHECK(row_becomes(1, 10, ROW_FLAGS, SLOT_FREE, SLOT_FREE, 2000));
	CHECK(row_becomes(1, 12, ROW_FLAGS, SLOT_FREE, SLOT_FREE, 2000));
}

static void test_one_binds_another(void)
{
	struct puppet *a = stage_puppet(0), *b = stage_bound(0, 11);
	long ep;

	tell(a, "wait4bind %d %d 5000", WAIT_BIND, SELF);
	CHECK(is_silent(a, 100));
	ep = ask(b, "bind %d %d %d 10 -1", LCL_BIND, STAGE_DCID, a->own_pid);
	CHECK_EQ(_ENDPOINT_P(ep), 10);
	CHECK_EQ(hear(a), ep);
	CHECK_EQ(ask(a, "getep 0"), ep);
	CHECK_EQ(ask(b, "getep %d", a->own_pid), ep);
	a->nr = 10;
	tell(a, "receive %d 5000", b->ep);
	CHECK(is_blocked(a));
	CHECK_EQ(ask(b, "send %ld 7 1000 1", ep), 0);
	CHECK_EQ(hear(a), 0);
}

static void test_kinds_show_in_the_row(void)
{
	struct puppet *a = stage_puppet(1), *b = stage_puppet(1);

	a->nr = 10;
	b->nr = 11;
	CHECK(ask(a, "bind %d %d -1 10 -1", REPLICA_BIND, STAGE_DCID) >= EDVSERRCODE);
	CHECK(ask(b, "bind %d %d -1 11 -1", USERMODE_BIND, STAGE_DCID) >= EDVSERRCODE);
	CHECK_EQ(row(1, 10, ROW_MISC) & (MIS_REPLICATED | MIS_USERMODE), MIS_REPLICATED);
	CHECK_EQ(row(1, 11, ROW_MISC) & (MIS_REPLICATED | MIS_USERMODE), MIS_USERMODE);
}

static void test_a_remote_bind_states_what_is_so(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	if (stage_together(0, 1)) {
		CHECK_EQ(ask(a, "rmtbind %d 11 %d", STAGE_DCID, stage_node(1)), EDVSBADNODEID);
		return;
	}
	CHECK_EQ(ask(a, "rmtbind %d 11 %d", STAGE_DCID, stage_node(1)), b->ep);
	CHECK_EQ(ask(a, "bind %d %d -1 11 %d", RMT_BIND, STAGE_DCID, stage_node(1)), b->ep);
	CHECK_EQ(ask(a, "rmtbind %d 10 %d", STAGE_DCID, stage_node(1)), EDVSSLOTUSED);
	CHECK_EQ(row(0, 11, ROW_FLAGS), REMOTE);
	CHECK_EQ(ask(b, "getep 0"), b->ep);
}

/* One node: nothing can be stated of it. Two: the receive waits for the bind that is to come. */
static void test_a_receive_from_a_stated_slot_waits(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_puppet(1);

	if (stage_together(0, 1)) {
		CHECK_EQ(ask(a, "rmtbind %d 11 %d", STAGE_DCID, stage_node(1)), EDVSBADNODEID);
		CHECK_EQ(ask(a, "receive 11 100"), EDVSSRCDIED);
		return;
	}
	CHECK_EQ(ask(a, "rmtbind %d 11 %d", STAGE_DCID, stage_node(1)), 11);
	CHECK_EQ(ask(a, "rmtbind %d 11 %d", STAGE_DCID, stage_node(1)), 11);
	CHECK_EQ(row(0, 11, ROW_FLAGS), REMOTE);
	CHECK_EQ(row(0, 11, ROW_NODE), stage_node(1));
	CHECK_EQ(row(1, 11, ROW_FLAGS), SLOT_FREE);
	CHECK_EQ(ask(a, "bind %d %d -1 11 -1", SELF_BIND, STAGE_DCID), EDVSSLOTUSED);
	CHECK_EQ(ask(a, "wait4bind %d 11 0", WAIT_BIND), 11);
	CHECK_EQ(ask(a, "send 11 7 100 1"), EDVSDSTDIED);
	CHECK_EQ(ask(a, "receive 11 0"), EDVSAGAIN);
	CHECK_EQ(ask(a, "receive 11 100"), EDVSTIMEDOUT);
	tell(a, "receive 11 5000");
	CHECK(is_blocked(a));
	CHECK_EQ(row(0, 10, ROW_GETFROM), 11);
	b->ep = (int)ask(b, "bind %d %d -1 11 -1", SELF_BIND, STAGE_DCID);
	b->nr = 11;
	CHECK_EQ(b->ep, 11);
	CHECK(is_silent(a, 50));
	CHECK_EQ(ask(b, "send %d 7 5000 1", a->ep), 0);
	CHECK_EQ(hear(a), 0);
	/* The bind has used the statement up. */
	stage_end(b);
	CHECK_EQ(ask(a, "receive 11 2000"), EDVSSRCDIED);
}

/* Taken back, by whom it concerns on any node; a notification ends the wait as any other. */
static void test_what_ends_the_wait_for_a_stated_slot(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(0, 12);

	if (stage_together(0, 1))
		return;
	CHECK_EQ(ask(a, "rmtbind %d 11 %d", STAGE_DCID, stage_node(1)), 11);
	tell(a, "receive 11 5000");
	CHECK(is_blocked(a));
	CHECK_EQ(ask(b, "notify %d %d 0", SELF, a->ep), 0);
	CHECK_EQ(hear(a), 0);
	CHECK_EQ(a->value[1], b->ep);
	tell(a, "receive 11 5000");
	CHECK(is_blocked(a));
	CHECK_EQ(hear_interrupted(a), EDVSINTR);
	tell(a, "receive 11 5000");
	tell(b, "wait4bind %d 11 5000", WAIT_UNBIND);
	CHECK(is_blocked(a));
	CHECK(row_becomes(0, 12, ROW_FLAGS, WAITUNBIND, WAITUNBIND, 1000));
	CHECK_EQ(ask(stage_puppet(0), "unbind %d 11 -1", STAGE_DCID), 0);
	CHECK_EQ(hear(a), EDVSSRCDIED);
	CHECK_EQ(hear(b), 0);
	CHECK_EQ(row(0, 11, ROW_FLAGS), SLOT_FREE);
	CHECK_EQ(ask(a, "unbind %d 11 -1", STAGE_DCID), EDVSNOTBIND);
}

static void test_a_task_has_a_negative_endpoint(void)
{
	struct puppet *a = stage_puppet(0);
	long ep = ask(a, "bind %d %d -1 %d -1", SELF_BIND, STAGE_DCID, SYSTASK(9));

	a->nr = SYSTASK(9);
	CHECK_EQ(_ENDPOINT_P(ep), SYSTASK(9));
	CHECK_EQ(ask(a, "getep 0"), ep);
	CHECK_EQ(ask(a, "wait4bind %d %d 100", WAIT_BIND, SELF), ep);
}

static void test_a_thread_has_its_own_endpoint(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 12), *thread;

	CHECK_EQ(ask(a, "thread"), 0);
	thread = stage_offspring(a);
	/* Unbound, it acts as its main thread. */
	CHECK_EQ(ask(thread, "send %d 7 0 1", a->ep), EDVSBADDEST);
	thread->ep = (int)ask(thread, "bind %d %d -1 11 -1", SELF_BIND, STAGE_DCID);
	thread->nr = 11;
	CHECK_EQ(_ENDPOINT_P(thread->ep), 11);
	CHECK_EQ(row(0, 11, ROW_MISC) & MIS_GRPLEADER, 0);
	tell(thread, "receive %d 5000", ANY);
	tell(a, "receive %d 5000", ANY);
	CHECK(is_blocked(thread) && is_blocked(a));
	CHECK_EQ(ask(b, "send %d 1 1000 1", thread->ep), 0);
	CHECK_EQ(hear(thread), 0);
	CHECK(is_silent(a, 50));
	CHECK_EQ(ask(b, "send %d 2 1000 1", a->ep), 0);
	CHECK_EQ(hear(a), 0);
	CHECK_EQ(a->value[2], 2);
}

/* The end of a thread that only borrowed is no end of the endpoint. */
static void test_a_thread_gives_back_what_it_borrowed(void)
{
	struct puppet *a = stage_bound(0, 10), *thread;

	CHECK_EQ(ask(a, "thread"), 0);
	thread = stage_offspring(a);
	CHECK_EQ(ask(thread, "getep 0"), a->ep);
	CHECK_EQ(ask(thread, "wait4bind %d %d 0", WAIT_BIND, SELF), a->ep);
	close(thread->fd);
	thread->fd = -1;
	thread->pid = 0;
	stage_sleep_ms(100);
	CHECK_EQ(row(0, 10, ROW_FLAGS), 0);
	CHECK_EQ(ask(a, "receive %d 0", ANY), EDVSAGAIN);
}

static void test_threads_of_one_process_talk(void)
{
	struct puppet *a = stage_bound(0, 10), *thread;

	CHECK_EQ(ask(a, "thread"), 0);
	thread = stage_offspring(a);
	thread->nr = 11;
	thread->ep = (int)ask(thread, "bind %d %d -1 11 -1", SELF_BIND, STAGE_DCID);
	tell(thread, "serve 100");
	CHECK_EQ(ask(a, "calls %d 100", thread->ep), 0);
	CHECK_EQ(hear(thread), 0);
}

static void test_a_child_starts_unbound(void)
{
	struct puppet *a = stage_bound(0, 10), *child;

	CHECK_EQ(ask(a, "fork"), 0);
	child = stage_offspring(a);
	CHECK_EQ(ask(child, "getep 0"), EDVSNOTBIND);
	CHECK_EQ(ask(child, "receive %d 0", ANY), EDVSNOTBIND);
	child->nr = 11;
	child->ep = (int)ask(child, "bind %d %d -1 11 -1", SELF_BIND, STAGE_DCID);
	CHECK_EQ(_ENDPOINT_P(child->ep), 11);
	tell(child, "serve 10");
	CHECK_EQ(ask(a, "calls %d 10", child->ep), 0);
	CHECK_EQ(hear(child), 0);
	CHECK_EQ(ask(a, "getep 0"), a->ep);
}

static void test_exec_keeps_the_binding(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11), *after;

	tell(a, "exec");
	after = stage_offspring(a);
	after->nr = 10;
	CHECK_EQ(after->own_pid, a->own_pid);
	CHECK(ask(after, "open") >= 0);
	CHECK_EQ(ask(after, "wait4bind %d %d 1000", WAIT_BIND, SELF), a->ep);
	tell(after, "receive %d 5000", b->ep);
	CHECK(is_blocked(after));
	CHECK_EQ(ask(b, "send %d 7 1000 1", a->ep), 0);
	CHECK_EQ(hear(after), 0);
}

static void test_unbind_oneself_and_bind_again(void)
{
	struct puppet *a = stage_bound(0, 10);

	CHECK_EQ(ask(a, "unbind %d %d -1", STAGE_DCID, a->ep), 0);
	CHECK_EQ(ask(a, "getep 0"), EDVSNOTBIND);
	CHECK(row_becomes(1, 10, ROW_FLAGS, SLOT_FREE, SLOT_FREE, 1000));
	a->ep = (int)ask(a, "bind %d %d -1 12 -1", SELF_BIND, STAGE_DCID);
	a->nr = 12;
	CHECK_EQ(_ENDPOINT_P(a->ep), 12);
	CHECK_EQ(ask(a, "getep 0"), a->ep);
}

static void test_unbind_another(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(0, 11), *c = stage_bound(0, 12),
		      *unbound = stage_puppet(0);

	CHECK_EQ(ask(a, "unbind %d %d 5000", STAGE_DCID, b->ep), 0);
	CHECK_EQ(row(0, 11, ROW_FLAGS), SLOT_FREE);
	CHECK_EQ(ask(unbound, "unbind %d %d -1", STAGE_DCID, c->ep), EDVSAGAIN);
	CHECK(row_becomes(0, 12, ROW_FLAGS, SLOT_FREE, SLOT_FREE, 2000));
}

/* A process that ignores SIGTERM stays; its wait ends all the same. */
static void test_unbind_of_one_that_will_not_go(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(0, 11);

	CHECK_EQ(ask(b, "ignore %d", SIGTERM), 0);
	CHECK_EQ(ask(a, "unbind %d %d 0", STAGE_DCID, b->ep), EDVSAGAIN);
	CHECK_EQ(ask(b, "receive %d 0", ANY), EDVSAGAIN); /* it did not wait: nothing is kept */
	tell(b, "receive %d -1", ANY);
	CHECK(is_blocked(b));
	tell(a, "unbind %d %d 300", STAGE_DCID, b->ep);
	CHECK_EQ(hear(b), EDVSSHUTDOWN);
	CHECK_EQ(hear(a), EDVSTIMEDOUT);
	CHECK_EQ(ask(b, "getep 0"), b->ep);
	CHECK_EQ(row(0, 10, ROW_FLAGS), 0);
	tell(a, "unbind %d %d -1", STAGE_DCID, b->ep);
	CHECK(row_becomes(0, 10, ROW_FLAGS, WAITUNBIND, WAITUNBIND, 1000));
	CHECK_EQ(row(0, 10, ROW_WAITUNBIND), b->ep);
	CHECK_EQ(ask(b, "unbind %d %d 0", STAGE_DCID, b->ep), 0);
	CHECK_EQ(hear(a), 0);
}

/* Elsewhere it is only registered, and stays so: every node knows where it is. */
static void test_unbind_of_one_elsewhere(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	if (stage_together(0, 1))
		return;
	CHECK_EQ(ask(a, "unbind %d %d -1", STAGE_DCID, b->ep), 0);
	CHECK_EQ(ask(b, "getep 0"), b->ep);
	CHECK_EQ(row(0, 11, ROW_FLAGS), REMOTE);
}

static void test_unbind_errors(void)
{
	struct puppet *a = stage_bound(0, 10);
	int nobody = (int)row(0, STAGE_FREE_SERVER, ROW_ENDPOINT);

	CHECK_EQ(ask(a, "unbind 99 %d -1", a->ep), EDVSBADDCID);
	CHECK_EQ(ask(a, "unbind %d %d -1", NO_SUCH_DC, a->ep), EDVSDCNOTRUN);
	CHECK_EQ(ask(a, "unbind %d 300 -1", STAGE_DCID), EDVSENDPOINT);
	CHECK_EQ(ask(a, "unbind %d %d -1", STAGE_DCID, nobody), EDVSNOTBIND);
	CHECK_EQ(ask(a, "getep 0"), a->ep);
}

static void test_getep_errors(void)
{
	struct puppet *a = stage_bound(0, 10), *unbound = stage_puppet(0);

	CHECK_EQ(ask(a, "getep -7"), EDVSBADRANGE);
	CHECK_EQ(ask(a, "getep %d", PID_MAX + 1), EDVSBADRANGE);
	CHECK_EQ(ask(a, "getep -1"), EDVSBADPID);
	CHECK_EQ(ask(a, "getep %d", NO_SUCH_PID), EDVSBADPID);
	CHECK_EQ(ask(a, "getep %d", unbound->own_pid), EDVSNOTBIND);
}

static void test_wait_for_the_bind_of_another(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_puppet(1);
	long ep;

	CHECK_EQ(ask(a, "wait4bind %d %d 150", WAIT_BIND, (int)row(0, 11, ROW_ENDPOINT)),
		 EDVSTIMEDOUT);
	tell(a, "wait4bind %d %d 5000", WAIT_BIND, (int)row(0, 11, ROW_ENDPOINT));
	CHECK(is_silent(a, 100));
	ep = ask(b, "bind %d %d -1 11 -1", SELF_BIND, STAGE_DCID);
	b->nr = 11;
	CHECK_EQ(hear(a), ep);
	CHECK_EQ(ask(a, "wait4bind %d %ld 0", WAIT_BIND, ep), ep);
}

static void test_wait_for_the_unbind_of_another(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	CHECK_EQ(ask(a, "wait4bind %d %d 0", WAIT_UNBIND, b->ep), EDVSAGAIN);
	CHECK_EQ(ask(a, "wait4bind %d %d 150", WAIT_UNBIND, b->ep), EDVSTIMEDOUT);
	tell(a, "wait4bind %d %d 5000", WAIT_UNBIND, b->ep);
	CHECK(row_becomes(0, a->nr, ROW_FLAGS, WAITUNBIND, WAITUNBIND, 1000));
	CHECK_EQ(row(0, a->nr, ROW_WAITUNBIND), b->ep);
	stage_kill(b, SIGKILL);
	CHECK_EQ(hear(a), 0);
	CHECK_EQ(ask(a, "wait4bind %d %d 0", WAIT_UNBIND, b->ep), 0);
}

static void test_wait_errors(void)
{
	struct puppet *a = stage_bound(0, 10);

	CHECK_EQ(ask(a, "wait4bind 7 11 100"), EDVSBADCALL);
	CHECK_EQ(ask(a, "wait4bind %d %d 100", WAIT_BIND, a->ep), EDVSENDPOINT);
	CHECK_EQ(ask(a, "wait4bind %d 300 100", WAIT_BIND), EDVSRANGE);
	CHECK_EQ(ask(a, "wait4bind %d %d 100", WAIT_BIND, SELF), a->ep);
	CHECK_EQ(ask(a, "wait4bind %d %d 100", WAIT_UNBIND, SELF), EDVSRANGE);
	CHECK_EQ(ask(a, "wait4bind %d %d 100", WAIT_UNBIND, a->ep), EDVSENDPOINT);
}

static void test_wait_by_slot_and_by_generation(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);
	int other = b->ep + 3 * _ENDPOINT_GENERATION_SIZE;
	int nobody = (int)row(0, STAGE_FREE_SERVER, ROW_ENDPOINT);

	CHECK_EQ(ask(a, "wait4bind %d %d 0", WAIT_BIND, b->nr), b->ep);
	CHECK_EQ(ask(a, "wait4bind %d %d 0", WAIT_BIND, other), EDVSENDPOINT);
	CHECK_EQ(ask(a, "wait4bind %d %d 0", WAIT_UNBIND, other), EDVSENDPOINT);
	CHECK_EQ(ask(a, "wait4bind %d %d 0", WAIT_UNBIND, nobody), 0);
	CHECK_EQ(ask(a, "wait4bind %d %d 0", WAIT_BIND, nobody), EDVSTIMEDOUT);
}

static void test_wait_for_oneself(void)
{
	struct puppet *a = stage_puppet(0);

	CHECK_EQ(ask(a, "wait4bind %d %d 0", WAIT_BIND, SELF), EDVSTIMEDOUT);
	CHECK_EQ(ask(a, "wait4bind %d %d 120", WAIT_BIND, SELF), EDVSTIMEDOUT);
	CHECK_EQ(ask(a, "wait4bind %d %d 0", WAIT_UNBIND, SELF), EDVSNOTBIND);
	tell(a, "wait4bind %d %d -1", WAIT_BIND, SELF);
	CHECK_EQ(hear_interrupted(a), EDVSINTR);
}

static void test_a_wait_for_another_is_interrupted(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	tell(a, "wait4bind %d %d -1", WAIT_UNBIND, b->ep);
	CHECK(row_becomes(0, 10, ROW_FLAGS, WAITUNBIND, WAITUNBIND, 1000));
	CHECK_EQ(hear_interrupted(a), EDVSINTR);
	CHECK_EQ(row(0, 10, ROW_FLAGS), 0);
	CHECK_EQ(row(0, 10, ROW_WAITUNBIND), NONE);
}

int main(int argc, char **argv)
{
	static const struct stage_test tests[] = {
		STAGE_TEST(test_bind_fills_the_row),
		STAGE_TEST(test_end_of_the_process_frees_the_slot),
		STAGE_TEST(test_a_slot_is_bound_once),
		STAGE_TEST(test_bind_errors),
		STAGE_TEST(test_bind_errors_in_their_order),
		STAGE_TEST(test_a_thread_stays_in_the_dc_of_its_leader),
		STAGE_TEST(test_bound_twice),
		STAGE_TEST(test_one_binds_another),
		STAGE_TEST(test_kinds_show_in_the_row),
		STAGE_TEST(test_a_remote_bind_states_what_is_so),
		STAGE_TEST(test_a_receive_from_a_stated_slot_waits),
		STAGE_TEST(test_what_ends_the_wait_for_a_stated_slot),
		STAGE_TEST(test_a_task_has_a_negative_endpoint),
		STAGE_TEST(test_a_thread_has_its_own_endpoint),
		STAGE_TEST(test_a_thread_gives_back_what_it_borrowed),
		STAGE_TEST(test_threads_of_one_process_talk),
		STAGE_TEST(test_a_child_starts_unbound),
		STAGE_TEST(test_exec_keeps_the_binding),
		STAGE_TEST(test_unbind_oneself_and_bind_again),
		STAGE_TEST(test_unbind_another),
		STAGE_TEST(test_unbind_of_one_that_will_not_go),
		STAGE_TEST(test_unbind_of_one_elsewhere),
		STAGE_TEST(test_unbind_errors),
		STAGE_TEST(test_getep_errors),
		STAGE_TEST(test_wait_for_the_bind_of_another),
		STAGE_TEST(test_wait_for_the_unbind_of_another),
		STAGE_TEST(test_wait_errors),
		STAGE_TEST(test_wait_by_slot_and_by_generation),
		STAGE_TEST(test_wait_for_oneself),
		STAGE_TEST(test_a_wait_for_another_is_interrupted),
	};

	return stage_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
