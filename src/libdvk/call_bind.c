/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Opening the DVS, getting an endpoint, giving it back, and waiting for either.
 *
 * The library needs no descriptor and uses none. Programs of the original close the number that dvk_open
 * returned, look at the result of close, open again and hand the number on by exec. So each dvk_open gives them
 * one of /dev/null, which any move can carry.
 */

#include <errno.h>

#include "dvk.h"
#include "libdvk/binding.h"
#include "libdvk/control.h"
#include "libdvk/wait.h"
#include "os/clock.h"
#include "os/null.h"
#include "os/thread.h"

#define NO_DESCRIPTOR (1 << 30) /* in a root without /dev/null */
#define POLL_FIRST_NS (2 * OS_MS_NS)
#define POLL_LAST_NS  (20 * OS_MS_NS)

int dvk_fd = -1;
/* Weak: programs written for the original have a variable of their own by this name. */
__attribute__((weak)) int local_nodeid = -1;

long dvk_open(void)
{
	struct control_scope scope;
	int error, errno_of_it = 0, fd;

	control_begin(&scope);
	error = binding_known() ? 0 : binding_hello(binding_thread_id() == 0, &errno_of_it);
	control_end(&scope);
	if (error)
		return errno_of_it < 0 ? errno_of_it : error;
	fd = os_null_open();
	if (fd < 0 && fd != -ENOENT)
		return fd;
	dvk_fd = fd < 0 ? NO_DESCRIPTOR : fd;
	return dvk_fd;
}

/* The answer says who we are if the task bound is the caller, its thread or its process. */
static int bind_ask(struct control *control, bool whole)
{
	struct control_scope scope;
	int r;

	control_begin(&scope);
	r = control_ask(control, NULL);
	if (!r && control->fd_count >= 3)
		r = binding_attach(whole, control);
	for (int i = 0; i < control->fd_count; i++)
		os_close(control->fds[i]);
	control_end(&scope);
	return r;
}

/* The task meant is the calling thread, or its process. */
static bool is_of_caller(int cmd, int pid)
{
	return cmd != RMT_BIND && (pid <= 0 || pid == os_process_id() || pid == os_thread_id());
}

/* Bound, and there is no descriptor for the pages: as a bind that failed it leaves no trace. */
static void bind_undo(const struct control *bound)
{
	struct control control = control_request(CTL_UNBIND);

	DVK_ASSERT(bound->done);
	control.request.tid = bound->request.tid;
	control.request.dcid = bound->request.dcid;
	control.request.endpoint = (int)bound->value;
	control.request.timeout_ms = 0;
	control_call(&control);
}

static long bind_named(int cmd, int dcid, int pid, int endpoint, int nodeid, const char *name)
{
	struct control control = control_request(CTL_BIND);
	bool whole = binding_thread_id() == 0 || pid == os_process_id();
	struct binding *known = is_of_caller(cmd, pid) ? binding_held(whole) : NULL;
	int r;

	control.request.cmd = cmd;
	control.request.dcid = dcid;
	control.request.pid = pid > 0 ? pid : PROC_NO_PID;
	control.request.endpoint = endpoint;
	control.request.nodeid = nodeid;
	for (unsigned i = 0; name && name[i] && i < sizeof(control.request.name) - 1; i++)
		control.request.name[i] = name[i];
	/* Pages that are about to be replaced: nobody may be inside a call with them. */
	if (known && atomic_exchange_explicit(&known->busy, 1, memory_order_acquire))
		return EDVSPROCRUN;
	if (pid == os_process_id())
		control.request.tid = 0;
	r = bind_ask(&control, whole);
	if (known)
		binding_leave(known, 0);
	if (r == EDVSMFILE && control.done)
		bind_undo(&control);
	return r ? r : (long)control.value;
}

long dvk_bind_X(int cmd, int dcid, int pid, int endpoint, int nodeid)
{
	if (cmd == RMT_BIND)
		return bind_named(cmd, dcid, PROC_NO_PID, endpoint, nodeid, "remote");
	return bind_named(cmd, dcid, pid, endpoint, nodeid, NULL);
}

long dvk_rmtbind_N(int dcid, const char *name, int endpoint, int nodeid)
{
	return bind_named(RMT_BIND, dcid, PROC_NO_PID, endpoint, nodeid, name ? name : "");
}

/* ---- waiting for a bind or unbind ---- */

struct bind_wait {
	int cmd, endpoint;
	long timeout_ms;
	int64_t value;
	uint64_t life; /* 1 + generation of the one whose end is waited for; 0: not told yet */
	bool has_asked;
};

/* Whether what is waited for is so now. EDVSAGAIN: not yet. */
static int bind_wait_ask(struct bind_wait *wait, bool attach)
{
	struct control control = control_request(CTL_WAIT4BIND);
	int r;

	DVK_ASSERT(wait->cmd == WAIT_BIND || wait->cmd == WAIT_UNBIND);
	control.request.cmd = wait->cmd;
	control.request.endpoint = wait->endpoint;
	control.request.addr[0] = wait->life;
	/* The first answer is as new as the order; after that the daemon rings for all that comes. */
	if (wait->has_asked || wait->timeout_ms == 0)
		control.request.timeout_ms = 0;
	wait->has_asked = true;
	r = attach ? bind_ask(&control, binding_thread_id() == 0) : control_call(&control);
	wait->value = control.value;
	if (r || wait->cmd != WAIT_UNBIND || !control.value)
		return r;
	wait->life = (uint64_t)control.value;
	wait->value = 0;
	return EDVSAGAIN;
}

/* WAIT_UNBIND has a code of its own for "not yet", see the contract. */
static int bind_wait_late(const struct bind_wait *wait)
{
	DVK_ASSERT(wait->cmd == WAIT_BIND || wait->cmd == WAIT_UNBIND);
	return wait->timeout_ms == 0 && wait->cmd == WAIT_UNBIND ? EDVSAGAIN : EDVSTIMEDOUT;
}

/* With all signals blocked but while it sleeps, so that none is missed in between. */
static int bind_wait_polls(struct bind_wait *wait, const sigset_t *signals)
{
	int64_t deadline = os_deadline_ns(wait->timeout_ms);
	int64_t pause = POLL_FIRST_NS;
	int r;

	for (;;) {
		r = bind_wait_ask(wait, true);
		if (r != EDVSAGAIN)
			return r;
		if (deadline >= 0 && os_now_ns() >= deadline)
			return bind_wait_late(wait);
		if (deadline >= 0 && deadline - os_now_ns() < pause)
			pause = deadline - os_now_ns();
		if (os_thread_sleep_with(pause, signals))
			return EDVSINTR;
		pause = pause * 3 / 2 < POLL_LAST_NS ? pause * 3 / 2 : POLL_LAST_NS;
	}
}

/* Nobody rings an unbound task: it asks again, ever less often. */
static int bind_wait_unbound(struct bind_wait *wait)
{
	DVK_ASSERT(wait->endpoint == SELF);
	sigset_t signals;
	int r;

	os_signals_block(&signals);
	r = bind_wait_polls(wait, &signals);
	os_signals_restore(&signals);
	return r;
}

/* A bound one is rung by the daemon on every bind and unbind while it says that it waits. */
static int bind_wait_entered(struct binding *binding, struct bind_wait *ask)
{
	struct status_page *status = binding->status;
	struct wait wait;
	int r;

	binding_entered_assert(binding);
	wait_init(&wait, binding, ask->timeout_ms, 0);
	wait.late = bind_wait_late(ask);
	wait.news = true;
	if (ask->cmd == WAIT_UNBIND) {
		wait.flags = WAITUNBIND;
		atomic_store(&status->waitunbind, ask->endpoint);
	}
	atomic_store(&status->waitbind, 1);
	for (;;) {
		wait_begin(&wait);
		r = bind_wait_ask(ask, false);
		if (r != EDVSAGAIN)
			break;
		/* Messages that arrive meanwhile are for a later call; keep their news for it. */
		for (int i = 0; i < SHM_NEWS_WORDS; i++)
			binding->news[i] |= atomic_exchange(&binding->bell->news[i], 0);
		r = wait_step(&wait);
		if (r)
			break;
	}
	atomic_store(&status->waitbind, 0);
	atomic_store(&status->waitunbind, NONE);
	return r;
}

static long wait_for_other(struct bind_wait *wait)
{
	struct binding *binding;
	int r = binding_enter_timed(&binding, -1, &wait->timeout_ms);

	if (r == EDVSTIMEDOUT || r == EDVSAGAIN)
		return bind_wait_late(wait);
	if (r)
		return r;
	binding_entered_assert(binding);
	if (wait->endpoint == binding->p_nr)
		r = EDVSENDPOINT;
	else
		r = bind_wait_entered(binding, wait);
	return binding_leave(binding, r ? r : (long)wait->value);
}

long dvk_wait4bindep_X(int cmd, int endpoint, unsigned long timeout)
{
	struct bind_wait wait = { .cmd = cmd, .endpoint = endpoint, .timeout_ms = (long)timeout };
	struct binding *binding;
	int r;

	if (cmd != WAIT_BIND && cmd != WAIT_UNBIND)
		return EDVSBADCALL;
	if (endpoint != SELF || cmd == WAIT_UNBIND)
		return wait_for_other(&wait);
	for (;;) {
		/* A backup waits in here until it is promoted. */
		r = binding_enter(&binding, -1);
		if (!r)
			return binding_leave(binding, binding->p_nr);
		if (r != EDVSNOTBIND)
			return r;
		r = bind_wait_unbound(&wait);
		if (r)
			return r;
	}
}

/* ---- giving an endpoint back ---- */

static int unbind_ask(int dcid, int endpoint)
{
	struct control control = control_request(CTL_UNBIND);

	control.request.dcid = dcid;
	control.request.endpoint = endpoint;
	control.request.timeout_ms = 0;
	return control_call(&control);
}

static bool is_own(const struct binding *binding, int dcid, int endpoint)
{
	return binding->dcid == dcid && binding->p_nr == endpoint;
}

/* The other one was asked to end: a bound caller waits for that. */
static int unbind_wait(struct binding *binding, int endpoint, long timeout_ms)
{
	struct bind_wait wait = { .cmd = WAIT_UNBIND,
				  .endpoint = endpoint,
				  .timeout_ms = timeout_ms };

	binding_entered_assert(binding);
	return timeout_ms ? bind_wait_entered(binding, &wait) : EDVSAGAIN;
}

static int unbind_entered(struct binding *binding, int dcid, int endpoint, long timeout_ms)
{
	int r = unbind_ask(dcid, endpoint);

	binding_entered_assert(binding);
	if (!r && is_own(binding, dcid, endpoint))
		binding_detach(binding);
	else if (r == EDVSAGAIN && dcid == binding->dcid)
		r = unbind_wait(binding, endpoint, timeout_ms);
	return r;
}

long dvk_unbind_T(int dcid, int endpoint, unsigned long timeout)
{
	struct binding *binding;
	long left = (long)timeout;
	int r = binding_enter_timed(&binding, -1, &left);

	if (r == EDVSNOTBIND)
		return unbind_ask(dcid, endpoint);
	if (r)
		return r;
	return binding_leave(binding, unbind_entered(binding, dcid, endpoint, left));
}

long dvk_getep(int pid)
{
	struct control control = control_request(CTL_GETEP);
	struct binding *binding;
	int r;

	r = binding_enter(&binding, -1);
	if (r != EDVSDVSINIT && ((pid < 1 && pid != PROC_NO_PID) || pid > PID_MAX))
		return r ? EDVSBADRANGE : binding_leave(binding, EDVSBADRANGE);
	if (r)
		return r;
	control.request.pid = pid;
	r = pid == PROC_NO_PID ? EDVSBADPID : control_call(&control);
	return binding_leave(binding, r ? r : (long)control.value);
}
