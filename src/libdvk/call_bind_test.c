/* SPDX-License-Identifier: Apache-2.0 */

/* Opening, binding, waiting for a bind, unbinding: each question and its failures. */

#include <errno.h>

#include "libdvk/rig_test.h"

static int asked(enum ctl_call call)
{
	int count = rig.asked[call];

	rig.asked[call] = 0;
	return count;
}

/* ---- dvk_open ---- */

static void test_open(void)
{
	long fd = dvk_open();

	CHECK(fd >= 0);
	CHECK_EQ(dvk_fd, fd);
	CHECK_EQ(asked(CTL_HELLO), 1);
	CHECK_EQ(os_close((int)fd), -1);
	rig.bound = true;
	os_close((int)dvk_open());
	CHECK(binding_known() != NULL);
	asked(CTL_HELLO);
	os_close((int)dvk_open()); /* all is known */
	CHECK_EQ(asked(CTL_HELLO), 0);
}

static void test_open_fails(void)
{
	rig.connect = -ECONNREFUSED;
	CHECK_EQ(dvk_open(), -ECONNREFUSED); /* programs of the original expect the errno */
	rig.connect = 0;
	rig.refuse[CTL_HELLO] = EDVSPRIVILEGES;
	CHECK_EQ(dvk_open(), EDVSPRIVILEGES);
}

/* ---- bind ---- */

static void test_bind(void)
{
	CHECK_EQ(dvk_bind(RIG_DC, RIG_SELF), RIG_SELF);
	CHECK_EQ(rig.request.cmd, SELF_BIND);
	CHECK_EQ(rig.request.dcid, RIG_DC);
	CHECK_EQ(rig.request.endpoint, RIG_SELF);
	CHECK_EQ(rig.request.pid, PROC_NO_PID);
	CHECK_EQ(rig.request.nodeid, LOCALNODE);
	CHECK(binding_known() != NULL);
	CHECK_EQ(binding_known()->p_nr, RIG_SELF);
	CHECK_EQ(asked(CTL_HELLO), 0); /* the answer said who we are */
	rig.refuse[CTL_BIND] = EDVSSLOTUSED;
	CHECK_EQ(dvk_bind(RIG_DC, RIG_SELF), EDVSSLOTUSED);
	CHECK(binding_known() != NULL); /* the earlier binding stays */
}

static void only_number(void)
{
	rig_say(0, rig.request.endpoint, rig.page_fd, 1); /* one descriptor is no set of pages */
}

static void test_bind_of_others(void)
{
	rig.daemon = only_number;
	CHECK_EQ(dvk_lclbind(RIG_DC, 55, 30), 30);
	CHECK_EQ(rig.request.pid, 55);
	CHECK_EQ(dvk_rmtbind(RIG_DC, "a name that is longer than it may be", 30, 7), 30);
	CHECK_EQ(rig.request.cmd, RMT_BIND);
	CHECK_EQ(rig.request.nodeid, 7);
	CHECK_EQ(rig.request.pid, PROC_NO_PID);
	CHECK(!strcmp(rig.request.name, "a name that is "));
	CHECK_EQ(dvk_bind_X(RMT_BIND, RIG_DC, 1234, 30, 7), 30);
	CHECK(!strcmp(rig.request.name, "remote"));
	CHECK_EQ(dvk_rmtbind_N(RIG_DC, NULL, 30, 7), 30);
	CHECK_EQ(rig.request.name[0], 0);
	CHECK_EQ(dvk_lclbind(RIG_DC, RIG_PID, 30), 30); /* the process by its number */
	CHECK_EQ(rig.request.tid, 0);
	CHECK(!binding_known());
}

/* Inside a call with pages that a bind would replace. */
static void test_bind_in_a_call(void)
{
	struct binding *binding = rig_enter();

	CHECK_EQ(dvk_bind(RIG_DC, 30), EDVSPROCRUN);
	CHECK_EQ(dvk_lclbind(RIG_DC, RIG_PID, 30), EDVSPROCRUN);
	CHECK_EQ(asked(CTL_BIND), 0);
	CHECK_EQ(dvk_rmtbind(RIG_DC, "x", RIG_SELF, 7), RIG_SELF); /* another's */
	CHECK_EQ(asked(CTL_BIND), 1);
	binding_leave(binding, 0);
	CHECK_EQ(dvk_bind(RIG_DC, RIG_SELF), RIG_SELF);
	CHECK_EQ(binding_enter(&binding, -1), 0);
	binding_leave(binding, 0);
}

static void loses_descriptors(void)
{
	if (rig.request.call == CTL_BIND)
		rig_say(0, RIG_SELF, rig.page_fd, 1)->head.fds = 3;
	else
		rig_say(0, 0, NULL, 0);
}

/* The daemon has bound us, and its pages did not get here: the bind is taken back. */
static void test_bind_without_descriptors(void)
{
	rig.daemon = loses_descriptors;
	CHECK_EQ(dvk_bind(RIG_DC, RIG_SELF), EDVSMFILE);
	CHECK_EQ(asked(CTL_UNBIND), 1);
	CHECK_EQ(rig.request.dcid, RIG_DC);
	CHECK_EQ(rig.request.endpoint, RIG_SELF);
	CHECK_EQ(rig.request.timeout_ms, 0);
	CHECK(!binding_known());
	/* Nothing could be asked: nothing is to be taken back. */
	rig.connect = -EMFILE;
	CHECK_EQ(dvk_bind(RIG_DC, RIG_SELF), EDVSMFILE);
	CHECK_EQ(asked(CTL_UNBIND), 0);
}

/* ---- waiting for a bind ---- */

static void test_wait_refusals(void)
{
	CHECK_EQ(dvk_wait4bindep_X(WAIT_BIND + WAIT_UNBIND + 5, RIG_HIGH, 10), EDVSBADCALL);
	CHECK_EQ(dvk_wait4bindep_T(RIG_SELF, 10), EDVSENDPOINT);
	CHECK_EQ(asked(CTL_WAIT4BIND), 0);
	CHECK_EQ(dvk_wait4bindep_X(WAIT_BIND, SELF, 10), RIG_SELF); /* bound already */
	CHECK_EQ(asked(CTL_WAIT4BIND), 0);
	rig.refuse[CTL_WAIT4BIND] = EDVSRANGE;
	CHECK_EQ(dvk_wait4bindep_T(RIG_HIGH, 10), EDVSRANGE);
}

static int is_bound_at_third(void)
{
	CHECK_EQ(rig.status->waitbind, 1);
	CHECK_EQ(rig.request.timeout_ms,
		 rig.sleeps == 1 ? -1 : 0); /* the daemon rings for later binds */
	rig.bell->news[0] |= 1;		    /* a message comes meanwhile */
	if (rig.sleeps == 3)
		rig.refuse[CTL_WAIT4BIND] = 0;
	rig.bell->seq++;
	return 0;
}

static void answers_endpoint(void)
{
	rig_say(0, rig.request.endpoint, NULL, 0);
}

static void test_wait_for_bind(void)
{
	rig.daemon = answers_endpoint;
	rig.refuse[CTL_WAIT4BIND] = EDVSAGAIN;
	rig.on_sleep = is_bound_at_third;
	CHECK_EQ(dvk_wait4bindep_X(WAIT_BIND, RIG_HIGH, -1), RIG_HIGH);
	CHECK_EQ(rig.sleeps, 3);
	CHECK_EQ(rig.status->waitbind, 0);
	CHECK_EQ(binding_known()->news[0] & 1, 1); /* kept for a later call */
	rig.on_sleep = NULL;
	rig.refuse[CTL_WAIT4BIND] = EDVSAGAIN;
	CHECK_EQ(dvk_wait4bindep_T(RIG_HIGH, 30), EDVSTIMEDOUT);
	CHECK_EQ(dvk_wait4bindep_T(RIG_HIGH, 0), EDVSTIMEDOUT); /* its own word for "not yet" */
	CHECK_EQ(rig.request.timeout_ms, 0);
	CHECK_EQ(dvk_wait4bindep_X(WAIT_UNBIND, RIG_HIGH, 30), EDVSTIMEDOUT);
	CHECK_EQ(dvk_wait4bindep_X(WAIT_UNBIND, RIG_HIGH, 0), EDVSAGAIN);
	rig.status->hold = 1; /* the same, if it does not even get in */
	CHECK_EQ(dvk_wait4bindep_T(RIG_HIGH, 0), EDVSTIMEDOUT);
	CHECK_EQ(dvk_wait4bindep_X(WAIT_UNBIND, RIG_HIGH, 0), EDVSAGAIN);
	rig.status->hold = 0;
}

static int64_t lives;

/* The daemon tells the life that it sees; asked for that one, whether it is over. */
static void tells_life(void)
{
	CHECK_EQ(rig.request.addr[0], rig.asked[CTL_WAIT4BIND] == 1 ? 0 : 5);
	rig_say(0, lives, NULL, 0);
}

static int life_is_over(void)
{
	CHECK_EQ(rig.status->rts_flags, WAITUNBIND);
	CHECK_EQ(rig.status->waitunbind, RIG_HIGH);
	if (rig.sleeps == 2)
		lives = 0;
	rig.bell->seq++;
	return 0;
}

static void test_wait_for_unbind(void)
{
	lives = 5;
	rig.daemon = tells_life;
	rig.on_sleep = life_is_over;
	CHECK_EQ(dvk_wait4bindep_X(WAIT_UNBIND, RIG_HIGH, -1), 0);
	CHECK_EQ(rig.sleeps, 2);
	CHECK_EQ(rig.status->waitunbind, NONE);
}

/* Nobody rings a task that is not bound: it asks again, ever less often, and has its pages when it is. */
static int bound_at_last(void)
{
	if (rig.sleeps == 1)
		CHECK(rig.slept_ns <= 2 * OS_MS_NS);
	if (rig.sleeps == 20) {
		CHECK_EQ(rig.slept_ns, 20 * OS_MS_NS);
		rig.refuse[CTL_WAIT4BIND] = 0;
	}
	return 0;
}

static void answers_with_pages(void)
{
	rig_say(0, rig.request.call == CTL_WAIT4BIND ? RIG_SELF : RIG_NODE, rig.page_fd,
		rig.request.call == CTL_WAIT4BIND ? 3 : 1);
}

static int interrupted(void)
{
	return -EINTR;
}

static void test_wait_unbound(void)
{
	int64_t before = rig.now_ns;

	rig.refuse[CTL_WAIT4BIND] = EDVSAGAIN;
	CHECK_EQ(dvk_wait4bindep_X(WAIT_BIND, SELF, 50), EDVSTIMEDOUT);
	CHECK(rig.now_ns - before >= 50 * OS_MS_NS && rig.now_ns - before < 53 * OS_MS_NS);
	CHECK_EQ(dvk_wait4bindep_X(WAIT_BIND, SELF, 0), EDVSTIMEDOUT);
	rig.on_sleep = interrupted;
	CHECK_EQ(dvk_wait4bindep_X(WAIT_BIND, SELF, -1), EDVSINTR);
	rig.sleeps = 0;
	rig.on_sleep = bound_at_last;
	rig.daemon = answers_with_pages;
	CHECK_EQ(dvk_wait4bindep_X(WAIT_BIND, SELF, -1), RIG_SELF);
	CHECK_EQ(rig.sleeps, 20);
	/* Of others only a bound one can wait. */
	binding_detach(binding_known());
	CHECK_EQ(dvk_wait4bindep_T(RIG_HIGH, 10), EDVSNOTBIND);
	CHECK_EQ(dvk_wait4bindep_X(WAIT_UNBIND, SELF, 10), EDVSNOTBIND);
}

/* ---- unbind ---- */

static void test_unbind(void)
{
	CHECK_EQ(dvk_unbind(RIG_DC, RIG_HIGH), OK);
	CHECK(binding_known() != NULL); /* another's end */
	rig.refuse[CTL_UNBIND] = EDVSBADDCID;
	CHECK_EQ(dvk_unbind(RIG_DC, RIG_SELF), EDVSBADDCID);
	CHECK(binding_known() != NULL);
	rig.refuse[CTL_UNBIND] = 0;
	CHECK_EQ(dvk_unbind(RIG_DC + 1, RIG_SELF), OK); /* the same slot of another DC */
	CHECK(binding_known() != NULL);
	rig.bound = false;
	CHECK_EQ(dvk_unbind(RIG_DC, RIG_SELF), OK);
	CHECK(!binding_known());
	asked(CTL_UNBIND);
	CHECK_EQ(dvk_unbind(RIG_DC, RIG_HIGH), OK); /* unbound callers may, too */
	CHECK_EQ(asked(CTL_UNBIND), 1);
}

/* It was asked to end: a bound caller waits for that, if the DC is its own and it has time. */
static void test_unbind_waits(void)
{
	rig.refuse[CTL_UNBIND] = EDVSAGAIN;
	rig.refuse[CTL_WAIT4BIND] = EDVSAGAIN;
	CHECK_EQ(dvk_unbind_T(RIG_DC, RIG_HIGH, 0), EDVSAGAIN);
	CHECK_EQ(dvk_unbind_T(RIG_DC + 1, RIG_HIGH, 50), EDVSAGAIN);
	CHECK_EQ(rig.sleeps, 0);
	CHECK_EQ(dvk_unbind_T(RIG_DC, RIG_HIGH, 50), EDVSTIMEDOUT);
	rig.refuse[CTL_WAIT4BIND] = 0;
	CHECK_EQ(dvk_unbind_T(RIG_DC, RIG_HIGH, 50), OK);
}

/* ---- dvk_getep ---- */

static void answers_31(void)
{
	rig_say(0, 31, NULL, 0);
}

static void test_getep(void)
{
	rig.daemon = answers_31;
	CHECK_EQ(dvk_getep(0), EDVSBADRANGE);
	CHECK_EQ(dvk_getep(-7), EDVSBADRANGE);
	CHECK_EQ(dvk_getep(PID_MAX + 1), EDVSBADRANGE);
	CHECK_EQ(dvk_getep(PROC_NO_PID), EDVSBADPID);
	CHECK_EQ(asked(CTL_GETEP), 0);
	CHECK_EQ(dvk_getep(77), 31);
	CHECK_EQ(rig.request.pid, 77);
	rig.refuse[CTL_GETEP] = EDVSBADPID;
	CHECK_EQ(dvk_getep(77), EDVSBADPID);
	/* The order of the contract: no DVS, a bad number, not bound. */
	binding_detach(binding_known());
	rig.bound = false;
	rig.daemon = NULL;
	CHECK_EQ(dvk_getep(0), EDVSBADRANGE);
	CHECK_EQ(dvk_getep(77), EDVSNOTBIND);
	rig.connect = -ECONNREFUSED;
	CHECK_EQ(dvk_getep(0), EDVSDVSINIT);
}

int main(void)
{
	RIG_TEST_IN(rig_begin_unbound, test_open);
	RIG_TEST_IN(rig_begin_unbound, test_open_fails);
	RIG_TEST_IN(rig_begin_unbound, test_bind);
	RIG_TEST_IN(rig_begin_unbound, test_bind_of_others);
	RIG_TEST(test_bind_in_a_call);
	RIG_TEST_IN(rig_begin_unbound, test_bind_without_descriptors);
	RIG_TEST(test_wait_refusals);
	RIG_TEST(test_wait_for_bind);
	RIG_TEST(test_wait_for_unbind);
	RIG_TEST_IN(rig_begin_unbound, test_wait_unbound);
	RIG_TEST(test_unbind);
	RIG_TEST(test_unbind_waits);
	RIG_TEST(test_getep);
	return test_end();
}
