/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Bindings of this process: one of the process itself, in static memory, and one per thread that is
 * bound for itself.
 *
 *	thread -> its own binding, if it is bound itself
 *	       -> the binding of the process
 *	       -> asks the daemon (HELLO): bound from outside, or by the image before exec
 *
 * A binding's memory is only given back by the thread it belongs to, so that a thread that has found the
 * process's binding may look at it at any time; the pages it points to are only unmapped by the thread that
 * holds `busy`. A child after fork() starts unbound, and with none of the pages: they are mapped so that fork
 * leaves them out.
 */

#include "libdvk/binding.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "libdvk/channel.h"
#include "libdvk/control.h"
#include "libdvk/look.h"
#include "libdvk/wait.h"
#include "os/clock.h"
#include "os/memfd.h"
#include "os/thread.h"

static struct binding of_process;
static pthread_mutex_t attach_lock = PTHREAD_MUTEX_INITIALIZER; /* taken with signals blocked */
static pthread_once_t prepared = PTHREAD_ONCE_INIT;
static pthread_key_t thread_end;

static _Thread_local struct binding *of_thread;
static _Thread_local int thread_number = -1; /* 0: main thread; -1: not asked yet */
static _Thread_local bool thread_asked; /* the daemon said whether this thread is bound itself */

/* In a child: everything known so far is the parent's. Another thread may have held the lock. */
static void forget_in_child(void)
{
	pthread_mutex_init(&attach_lock, NULL);
	memset(&of_process, 0, sizeof(of_process));
	of_thread = NULL;
	thread_number = -1;
	thread_asked = false;
	pthread_setspecific(thread_end, NULL);
}

/* The end of a bound thread is the end of its binding; nobody else notices a thread's end at once. */
static void end_of_thread(void *memory)
{
	struct binding *binding = memory;
	struct control control = control_request(CTL_UNBIND);

	DVK_ASSERT(binding == of_thread);
	if (atomic_load(&binding->attached)) {
		control.request.dcid = binding->dcid;
		control.request.endpoint = binding->p_nr;
		control.request.timeout_ms = 0;
		control.request.flags = CTL_FLAG_ENDS;
		control_call(&control);
		binding_detach(binding);
	}
	of_thread = NULL;
	free(binding);
}

static void prepare(void)
{
	pthread_key_create(&thread_end, end_of_thread);
	pthread_atfork(NULL, NULL, forget_in_child);
}

int binding_thread_id(void)
{
	if (thread_number < 0) {
		int tid = os_thread_id();

		thread_number = tid == os_process_id() ? 0 : tid;
		DVK_ASSERT(thread_number >= 0);
	}
	return thread_number;
}

struct binding *binding_held(bool whole)
{
	struct binding *binding = whole ? &of_process : of_thread;

	/* Acquire: the pages were stored before; partner in binding_attach(). */
	if (!binding || !atomic_load_explicit(&binding->attached, memory_order_acquire))
		return NULL;
	return binding;
}

struct binding *binding_known(void)
{
	struct binding *own = binding_held(false);

	return own ? own : binding_held(true);
}

static struct binding *binding_of_thread(void)
{
	if (!of_thread) {
		of_thread = calloc(1, sizeof(*of_thread));
		pthread_setspecific(thread_end, of_thread);
	}
	return of_thread;
}

static void fill(struct binding *binding, void *const page[3])
{
	struct status_page *status = page[2];

	/* Pages that an earlier binding of this task had mapped: it has ended, or we would not be here. */
	if (binding->status)
		binding_detach(binding);
	DVK_ASSERT(!binding->status);
	binding->node_bell = page[0];
	binding->bell = page[1];
	binding->status = status;
	binding->dcid = status->dcid;
	binding->p_nr = status->p_nr;
	binding->life = status->endpoint;
	DVK_ASSERT(!binding->owed);
	look_learn(binding);
	atomic_store_explicit(&status->rts_flags, 0, memory_order_relaxed);
	atomic_store_explicit(&status->getfrom, NONE, memory_order_relaxed);
	atomic_store_explicit(&status->sendto, NONE, memory_order_relaxed);
	atomic_store_explicit(&status->waitunbind, NONE, memory_order_relaxed);
	atomic_store_explicit(&status->attached, 1, memory_order_relaxed);
	/* Release: partner in binding_known(). */
	atomic_store_explicit(&binding->attached, true, memory_order_release);
}

/* Two threads asked at once, and the other one was first; its pages may be in use by now. */
static bool is_known(const struct binding *binding, const struct status_page *status)
{
	return atomic_load(&binding->attached) && binding->dcid == status->dcid &&
	       binding->life == status->endpoint && !atomic_load(&binding->status->unbound);
}

static void unmap(void *const page[3])
{
	for (int i = 0; i < 3; i++)
		os_memfd_unmap(page[i], SHM_PAGE_BYTES);
}

/* The status page is the daemon's word. The bells are not: anybody may have written into them. */
static bool pages_are_ours(void *const page[3])
{
	const struct status_page *status = page[2];

	return status->magic == SHM_MAGIC_STATUS && status->version == SHM_VERSION &&
	       status->p_nr >= -SHM_TASKS && status->p_nr < SHM_SLOTS - SHM_TASKS;
}

int binding_attach(bool whole, struct control *control)
{
	void *page[3] = { NULL, NULL, NULL };
	struct binding *binding;
	int r;

	pthread_once(&prepared, prepare);
	binding = whole ? &of_process : binding_of_thread();
	r = !binding ? EDVSALLOCMEM : control->fd_count < 3 ? EDVSDVSINIT : 0;
	for (int i = 0; i < 3 && !r; i++)
		r = os_memfd_map(control->fds[i], SHM_PAGE_BYTES, OS_MAP_NOFORK, &page[i])
			    ? EDVSALLOCMEM
			    : 0;
	for (int i = 0; i < control->fd_count; i++)
		os_close(control->fds[i]);
	control->fd_count = 0;
	if (!r && !pages_are_ours(page))
		r = EDVSVERSION;
	if (r) {
		unmap(page);
		return r;
	}
	pthread_mutex_lock(&attach_lock);
	if (is_known(binding, page[2]))
		unmap(page);
	else
		fill(binding, page);
	pthread_mutex_unlock(&attach_lock);
	return 0;
}

void binding_detach(struct binding *binding)
{
	atomic_store(&binding->attached, false);
	for (int i = 0; i < SHM_SLOTS; i++)
		channel_close(binding, i);
	binding->status = os_memfd_unmap(binding->status, SHM_PAGE_BYTES);
	binding->bell = os_memfd_unmap(binding->bell, SHM_PAGE_BYTES);
	binding->node_bell = os_memfd_unmap(binding->node_bell, SHM_PAGE_BYTES);
	DVK_ASSERT(!binding->status && !binding->bell && !binding->node_bell);
	memset(binding->news, 0, sizeof(binding->news));
	memset(binding->notes, 0, sizeof(binding->notes));
	memset(binding->ready, 0, sizeof(binding->ready));
	/* The channels that owed an answer took their share with them. */
	DVK_ASSERT(!binding->owed);
	binding->system_slots = 0;
}

int binding_hello(bool whole, int *errnop)
{
	struct control control = control_request(CTL_HELLO);
	int r;

	if (whole)
		control.request.tid = 0;
	r = control_ask(&control, errnop);
	if (r)
		return r;
	if (control.fd_count >= 3)
		return binding_attach(whole, &control);
	for (int i = 0; i < control.fd_count; i++)
		os_close(control.fds[i]);
	return 0;
}

/* Asks what the daemon knows of the calling thread. */
static int ask(void)
{
	struct control_scope scope;
	int r = 0;

	control_begin(&scope);
	if (binding_thread_id() != 0 && !thread_asked) {
		thread_asked = true;
		r = binding_hello(false, NULL);
	}
	DVK_ASSERT(binding_thread_id() == 0 || thread_asked);
	if (!r && !binding_known())
		r = binding_hello(true, NULL);
	control_end(&scope);
	return r;
}

int binding_current(struct binding **bindingp)
{
	struct binding *binding = binding_known();
	int r;

	/* A thread that has not asked yet may be bound itself, from outside. */
	if (!binding || (binding == &of_process && binding_thread_id() != 0 && !thread_asked)) {
		r = ask();
		binding = binding_known();
		if (!binding)
			return r ? r : EDVSNOTBIND;
		DVK_ASSERT(binding == of_thread || binding == &of_process);
	}
	*bindingp = binding;
	return 0;
}

bool binding_allows(const struct binding *binding, int call)
{
	uint64_t allowed;

	if (call < 0)
		return true;
	DVK_ASSERT(call < 64);
	allowed = atomic_load_explicit(&binding->status->calls_allowed, memory_order_relaxed);
	return allowed >> call & 1;
}

/*
 * One call at a time. A locked instruction would hold up all that comes after it until the stores before are done, and
 * a process with one thread needs none: a signal's handler that runs in between has left its calls when it returns.
 */
static bool occupy(struct binding *binding)
{
	if (!os_thread_is_only())
		return !atomic_exchange_explicit(&binding->busy, 1, memory_order_acquire);
	if (atomic_load_explicit(&binding->busy, memory_order_relaxed))
		return false;
	atomic_store_explicit(&binding->busy, 1, memory_order_relaxed);
	return true;
}

static int enter(struct binding **bindingp, int call, int64_t deadline_ns)
{
	struct binding *binding;
	int r = binding_current(&binding);

	if (r)
		return r;
	if (!occupy(binding))
		return EDVSPROCRUN;
	if (!atomic_load_explicit(&binding->attached, memory_order_relaxed))
		r = EDVSNOTBIND; /* unbound between the look and the lock */
	else
		r = wait_gate(binding, deadline_ns);
	if (!r && !binding_allows(binding, call))
		r = EDVSBADCALL;
	if (r)
		return (int)binding_leave(binding, r);
	*bindingp = binding;
	return 0;
}

int binding_enter(struct binding **bindingp, int call)
{
	return enter(bindingp, call, -1);
}

int binding_enter_timed(struct binding **bindingp, int call, long *timeout_ms)
{
	int64_t deadline = os_deadline_ns(*timeout_ms);
	int64_t left_ns;
	int r = enter(bindingp, call, deadline);

	if (r == WAIT_E_LATE)
		return *timeout_ms ? EDVSTIMEDOUT : EDVSAGAIN;
	if (r || *timeout_ms == 0 || deadline < 0)
		return r;
	/* Rounded up: a call may end late by the fraction, and never early. */
	left_ns = deadline - os_now_ns();
	*timeout_ms = left_ns < OS_MS_NS ? 1 : (long)((left_ns + OS_MS_NS - 1) / OS_MS_NS);
	DVK_ASSERT(*timeout_ms > 0);
	return 0;
}

long binding_leave(struct binding *binding, long result)
{
	struct status_page *status = binding->status;

	if (status) {
		if (atomic_load_explicit(&status->rts_flags, memory_order_relaxed))
			binding_show(binding, 0, NONE, NONE);
		if (atomic_load_explicit(&status->unbound, memory_order_relaxed))
			binding_detach(binding);
	}
	atomic_store_explicit(&binding->busy, 0, memory_order_release);
	return result;
}

void binding_show(struct binding *binding, uint32_t flags, int getfrom, int sendto)
{
	struct status_page *status = binding->status;

	/* Only looked at by people: no order is needed. */
	if (atomic_load_explicit(&status->rts_flags, memory_order_relaxed) == flags &&
	    atomic_load_explicit(&status->getfrom, memory_order_relaxed) == getfrom &&
	    atomic_load_explicit(&status->sendto, memory_order_relaxed) == sendto)
		return;
	atomic_store_explicit(&status->getfrom, getfrom, memory_order_relaxed);
	atomic_store_explicit(&status->sendto, sendto, memory_order_relaxed);
	atomic_store_explicit(&status->rts_flags, flags, memory_order_relaxed);
	/* We are the only writer. A reader reads it before and after the rest. */
	atomic_store_explicit(&status->waits,
			      atomic_load_explicit(&status->waits, memory_order_relaxed) + 1,
			      memory_order_release);
}

void binding_misc(struct binding *binding, uint32_t set, uint32_t clear)
{
	struct status_page *status = binding->status;
	uint32_t misc = atomic_load_explicit(&status->misc_flags, memory_order_relaxed);

	if (((misc | set) & ~clear) != misc)
		atomic_store_explicit(&status->misc_flags, (misc | set) & ~clear,
				      memory_order_relaxed);
}
