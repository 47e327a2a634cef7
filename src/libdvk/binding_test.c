/* SPDX-License-Identifier: Apache-2.0 */

/* The identity of the caller, the pages that are believed, and the one caller that gets into a call. */

#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>

#include "libdvk/rig_test.h"

static struct binding *binding;

static void test_unknown(void)
{
	CHECK(!binding_known());
	CHECK_EQ(binding_current(&binding), EDVSNOTBIND);
	CHECK_EQ(rig.asked[CTL_HELLO], 1);
	CHECK_EQ(rig.request.tid, 0);
	rig.connect = -ECONNREFUSED;
	CHECK_EQ(binding_current(&binding), EDVSDVSINIT);
	CHECK_EQ(binding_enter(&binding, DVK_SEND), EDVSDVSINIT);
	rig.connect = 0;
	rig.bound = true;
	CHECK_EQ(binding_current(&binding), 0);
	CHECK(binding == binding_held(true));
	CHECK(!binding_held(false));
	CHECK_EQ(binding->dcid, RIG_DC);
	CHECK_EQ(binding->p_nr, RIG_SELF);
	CHECK_EQ(rig.status->attached, 1);
	CHECK_EQ(rig.status->getfrom, NONE);
	rig.asked[CTL_HELLO] = 0;
	CHECK_EQ(binding_current(&binding), 0);
	CHECK_EQ(rig.asked[CTL_HELLO], 0);
	CHECK_EQ(binding_thread_id(), 0);
}

static int attach_with(int count)
{
	struct control control = { .fd_count = 0 };

	for (int i = 0; i < count; i++)
		control.fds[control.fd_count++] = dup(rig.page_fd[i]);
	return binding_attach(true, &control);
}

static void test_wrong_pages(void)
{
	CHECK_EQ(attach_with(2), EDVSDVSINIT);
	rig.status->magic++;
	CHECK_EQ(attach_with(3), EDVSVERSION);
	rig.status->magic--;
	rig.status->version++;
	CHECK_EQ(attach_with(3), EDVSVERSION);
	rig.status->version--;
	rig.status->p_nr = SHM_SLOTS - SHM_TASKS;
	CHECK_EQ(attach_with(3), EDVSVERSION);
	rig.status->p_nr = -SHM_TASKS - 1;
	CHECK_EQ(attach_with(3), EDVSVERSION);
	rig.status->p_nr = RIG_SELF;
	CHECK(!binding_known());
	/* Bells are written by anybody: their own words about themselves do not matter. */
	rig.bell->magic = rig.node_bell->magic = 1;
	CHECK_EQ(attach_with(3), 0);
	CHECK(binding_known());
}

static void test_no_pages(void)
{
	struct control control = { .fd_count = 3 };

	for (int i = 0; i < 3; i++)
		control.fds[i] = dup(0); /* no memfd */
	CHECK_EQ(binding_attach(true, &control), EDVSALLOCMEM);
	CHECK_EQ(control.fd_count, 0);
	CHECK(!binding_known());
}

/* Asked twice at once: the pages that came first may be in use, and stay. */
static void test_attached_twice(void)
{
	struct status_page *page;
	struct channel *channel;

	CHECK_EQ(attach_with(3), 0);
	page = binding_known()->status;
	CHECK_EQ(attach_with(3), 0);
	CHECK(binding_known()->status == page);
	binding = rig_enter();
	CHECK_EQ(channel_get(binding, RIG_LOW, CHANNEL_RECEIVE, &channel), 0);
	binding_leave(binding, 0);
	/* Another life, or one whose end the page says: the new ones are taken. */
	rig.status->endpoint = _ENDPOINT(1, RIG_SELF);
	CHECK_EQ(attach_with(3), 0);
	CHECK_EQ(binding_known()->life, _ENDPOINT(1, RIG_SELF));
	CHECK(!channel->page); /* that was the other life's */
	page = binding_known()->status;
	rig.status->unbound = 1;
	CHECK_EQ(attach_with(3), 0);
	CHECK(binding_known()->status != page);
	rig.status->unbound = 0;
}

/* ---- entering and leaving ---- */

static void test_one_at_a_time(void)
{
	struct binding *other;

	for (int many = 0; many < 2; many++) {
		rig.many_threads = many;
		CHECK_EQ(binding_enter(&binding, -1), 0);
		CHECK_EQ(binding_enter(&other, -1), EDVSPROCRUN);
		CHECK_EQ(binding_leave(binding, 17), 17);
		CHECK_EQ(binding_enter(&binding, -1), 0);
		binding_leave(binding, 0);
	}
}

static void test_allowed(void)
{
	rig.status->calls_allowed = UINT64_C(1) << DVK_RECEIVE;
	CHECK_EQ(binding_enter(&binding, DVK_RECEIVE), 0);
	CHECK(!binding_allows(binding, DVK_SEND));
	CHECK(binding_allows(binding, -1));
	binding_leave(binding, 0);
	CHECK_EQ(binding_enter(&binding, DVK_SEND), EDVSBADCALL);
	rig.status->calls_allowed = 0;
	CHECK_EQ(binding_enter(&binding, -1), 0);
	binding_leave(binding, 0);
}

static int lets_go_after_a_while(void)
{
	rig.now_ns += 30 * OS_MS_NS;
	rig.status->hold = 0;
	return 0;
}

/* A hold is taken off the call's time, which it does not prolong. */
static void test_hold_and_time(void)
{
	long timeout = 100;

	rig.status->hold = 1;
	rig.on_sleep = lets_go_after_a_while;
	CHECK_EQ(binding_enter_timed(&binding, -1, &timeout), 0);
	CHECK(timeout >= 69 && timeout <= 70);
	binding_leave(binding, 0);
	rig.status->hold = 1;
	timeout = 30;
	CHECK_EQ(binding_enter_timed(&binding, -1, &timeout), 0);
	CHECK_EQ(timeout, 1); /* never 0, which means something else */
	binding_leave(binding, 0);
	rig.on_sleep = NULL;
	rig.status->hold = 1;
	timeout = 30;
	CHECK_EQ(binding_enter_timed(&binding, -1, &timeout), EDVSTIMEDOUT);
	timeout = TIMEOUT_NOWAIT;
	CHECK_EQ(binding_enter_timed(&binding, -1, &timeout), EDVSAGAIN);
	rig.status->hold = 0;
	timeout = TIMEOUT_NOWAIT;
	CHECK_EQ(binding_enter_timed(&binding, -1, &timeout), 0);
	CHECK_EQ(timeout, TIMEOUT_NOWAIT);
	binding_leave(binding, 0);
	timeout = -1;
	CHECK_EQ(binding_enter_timed(&binding, -1, &timeout), 0);
	CHECK_EQ(timeout, -1);
	binding_leave(binding, 0);
}

static void test_unbound(void)
{
	struct channel *channel;

	rig.status->unbound = 1;
	rig.bound = false;
	CHECK_EQ(binding_enter(&binding, -1), EDVSNOTBIND);
	CHECK(!binding_known()); /* its pages are gone with that */
	CHECK_EQ(binding_enter(&binding, -1), EDVSNOTBIND);
	CHECK_EQ(rig.asked[CTL_HELLO], 1);
	/* Bound anew, unbound in the middle of a call: the end of it forgets the channels, and what was owed. */
	rig.status->unbound = 0;
	rig.bound = true;
	binding = rig_enter();
	CHECK_EQ(channel_get(binding, RIG_LOW, CHANNEL_RECEIVE, &channel), 0);
	channel->owes = true;
	binding->owed = 1;
	binding->news[0] = binding->ready[1] = binding->notes[2] = 1;
	binding->system_slots = 7;
	rig.status->unbound = 1;
	binding_leave(binding, 0);
	CHECK(!binding_known());
	CHECK(!binding->channel[shm_index(RIG_LOW)].page);
	CHECK_EQ(binding->owed, 0);
	CHECK_EQ(binding->news[0] | binding->ready[1] | binding->notes[2], 0);
	CHECK_EQ(binding->system_slots, 0);
}

/* Each state that is shown has a number, and one that is shown already none. */
static void test_shows(void)
{
	uint64_t waits;

	binding = rig_enter();
	waits = rig.status->waits;
	binding_show(binding, RECEIVING, ANY, NONE);
	binding_show(binding, RECEIVING, ANY, NONE);
	CHECK_EQ(rig.status->waits, waits + 1);
	binding_show(binding, RECEIVING, RIG_LOW, NONE);
	CHECK_EQ(rig.status->waits, waits + 2);
	binding_show(binding, RECEIVING, RIG_LOW, RIG_HIGH);
	CHECK_EQ(rig.status->waits, waits + 3);
	CHECK_EQ(rig.status->getfrom, RIG_LOW);
	CHECK_EQ(rig.status->sendto, RIG_HIGH);
	binding_misc(binding, MIS_NOMIGRATE | 2, 0);
	binding_misc(binding, 1, 2);
	CHECK_EQ(rig.status->misc_flags, MIS_NOMIGRATE | 1);
	binding_leave(binding, 0);
	CHECK_EQ(rig.status->rts_flags, 0);
	CHECK_EQ(rig.status->getfrom, NONE);
	CHECK_EQ(rig.status->waits, waits + 4);
}

/* ---- threads and children ---- */

static void *other_thread(void *unused)
{
	struct binding *own, *again;

	(void)unused;
	/* Not bound itself: it acts as the process, and asks once. */
	CHECK_EQ(binding_current(&own), 0);
	CHECK(own == binding_held(true));
	CHECK_EQ(rig.asked[CTL_HELLO], 1);
	CHECK(rig.request.tid > RIG_PID);
	CHECK_EQ(rig.request.tid, binding_thread_id());
	CHECK_EQ(binding_current(&again), 0);
	CHECK_EQ(rig.asked[CTL_HELLO], 1);
	return NULL;
}

static void *bound_thread(void *unused)
{
	struct binding *own = NULL;

	(void)unused;
	CHECK_EQ(binding_current(&own), 0);
	CHECK(own == binding_held(false));
	CHECK(own != binding_held(true));
	return NULL;
}

static void in_thread(void *(*fn)(void *))
{
	pthread_t thread;

	rig.many_threads = true;
	CHECK_EQ(pthread_create(&thread, NULL, fn, NULL), 0);
	pthread_join(thread, NULL);
}

static void test_threads(void)
{
	in_thread(other_thread);
	CHECK_EQ(rig.asked[CTL_UNBIND], 0);
	rig.thread_bound = true;
	in_thread(bound_thread);
	/* Its end is the end of its binding, and of nobody else's. */
	CHECK_EQ(rig.asked[CTL_UNBIND], 1);
	CHECK_EQ(rig.request.endpoint, RIG_SELF);
	CHECK_EQ(rig.request.dcid, RIG_DC);
	CHECK_EQ(rig.request.flags, CTL_FLAG_ENDS);
	CHECK_EQ(rig.request.timeout_ms, 0);
	CHECK(binding_held(true) != NULL);
}

static void test_fork(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		test_failures = 0;
		CHECK(!binding_known());
		rig.bound = false;
		CHECK_EQ(binding_enter(&binding, -1), EDVSNOTBIND);
		_exit((int)test_failures);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK_EQ(status, 0);
	CHECK(binding_known() != NULL);
}

int main(void)
{
	RIG_TEST_IN(rig_begin_unbound, test_unknown);
	RIG_TEST_IN(rig_begin_unbound, test_wrong_pages);
	RIG_TEST_IN(rig_begin_unbound, test_no_pages);
	RIG_TEST_IN(rig_begin_unbound, test_attached_twice);
	RIG_TEST(test_one_at_a_time);
	RIG_TEST(test_allowed);
	RIG_TEST(test_hold_and_time);
	RIG_TEST(test_unbound);
	RIG_TEST(test_shows);
	RIG_TEST(test_threads);
	RIG_TEST(test_fork);
	return test_end();
}
