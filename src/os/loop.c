/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One libevent base. Each source owns up to two events: one for reading (or the timer, or the signal)
 * and one for writing, so that a change of the conditions makes no event anew.
 *
 *	loop thread                            another thread, holding the lock
 *	libevent picks an active event
 *	trampoline: waits for the lock         os_source_free(): dead = true, events deleted,
 *	  .                                    source goes to the graveyard
 *	  gets the lock, sees dead, returns    releases the lock
 *	turn ends: buries the graveyard
 *
 * The memory of a source is given back only between two turns on the loop's own thread, where no
 * trampoline can be holding a pointer to it. event_del() would wait for a running callback, which
 * waits for the lock that its caller holds: everything here uses event_del_noblock().
 */
#include "os/loop.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/lock.h"

/* A timer called this much before its time was re-armed while its callback waited for the lock. */
#define TIMER_EARLY_NS OS_MS_NS

#define BETWEEN_MAX 4

struct posted {
	struct posted *next;
	os_timer_fn *fn;
	void *ctx;
};

struct os_source {
	struct os_loop *loop;
	struct os_source *next_dead;
	struct event *event[2]; /* [0] reading, timer or signal; [1] writing */
	os_io_fn *io;
	os_timer_fn *fn;
	void *ctx;
	int64_t deadline_ns; /* timer: below 0 disarmed */
	int events;	     /* io: OS_READ, OS_WRITE that are waited for */
	bool dead;
};

struct os_loop {
	struct event_base *base;
	pthread_mutex_t *lock;
	struct event *wake;
	int wake_fd;
	atomic_bool stopping;
	struct posted *posted, **posted_end;
	struct os_source *graveyard;
	struct {
		os_between_fn *fn;
		void *ctx;
	} between[BETWEEN_MAX];
	unsigned live; /* sources not freed */
};

void os_loop_lock(struct os_loop *loop)
{
	if (loop->lock)
		os_lock_take(loop->lock);
}

void os_loop_unlock(struct os_loop *loop)
{
	if (loop->lock)
		os_lock_release(loop->lock);
}

static void loop_wake(struct os_loop *loop)
{
	uint64_t one = 1;
	/* Fails only when the counter is full, and then the loop is awake. */
	ssize_t n = write(loop->wake_fd, &one, sizeof(one));

	assert(loop->wake_fd >= 0);
	(void)n;
}

/* Runs the functions that had been posted by now. Those that they post run in the next turn. */
static void run_posted(struct os_loop *loop)
{
	struct posted *item = loop->posted;

	assert(loop->posted_end);
	loop->posted = NULL;
	loop->posted_end = &loop->posted;
	while (item) {
		struct posted *next = item->next;

		item->fn(item->ctx);
		free(item);
		item = next;
	}
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct os_loop *loop = arg;
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof(count));

	(void)n;
	(void)what;
	os_loop_lock(loop);
	run_posted(loop);
	os_loop_unlock(loop);
}

static int loop_init_wake(struct os_loop *loop)
{
	loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (loop->wake_fd < 0)
		return -errno;
	loop->wake = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, on_wake, loop);
	if (!loop->wake || event_add(loop->wake, NULL) < 0)
		return -ENOMEM;
	return 0;
}

static struct event_base *base_new(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (!config)
		return NULL;
	/* A cached clock would let timers run early by the length of the callback that set them. */
	if (!event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER) &&
	    !event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME))
		base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

int os_loop_new(struct os_loop **loopp, pthread_mutex_t *lock)
{
	struct os_loop *loop;
	int r;

	if (evthread_use_pthreads() < 0)
		return -ENOMEM;
	loop = calloc(1, sizeof(*loop));
	if (!loop)
		return -ENOMEM;
	loop->lock = lock;
	loop->wake_fd = -1;
	loop->posted_end = &loop->posted;
	loop->base = base_new();
	r = loop->base ? loop_init_wake(loop) : -ENOMEM;
	if (r < 0) {
		os_loop_free(loop);
		return r;
	}
	*loopp = loop;
	return 0;
}

/* Gives back the memory of freed sources; see the top. */
static void bury_dead(struct os_loop *loop)
{
	while (loop->graveyard) {
		struct os_source *source = loop->graveyard;

		assert(source->dead);
		loop->graveyard = source->next_dead;
		for (int i = 0; i < 2; i++)
			if (source->event[i])
				event_free(source->event[i]);
		free(source);
	}
}

struct os_loop *os_loop_free(struct os_loop *loop)
{
	if (!loop)
		return NULL;
	assert(loop->live == 0);
	bury_dead(loop);
	assert(!loop->graveyard);
	while (loop->posted) {
		struct posted *item = loop->posted;

		loop->posted = item->next;
		free(item);
	}
	if (loop->wake)
		event_free(loop->wake);
	if (loop->wake_fd >= 0)
		close(loop->wake_fd);
	if (loop->base)
		event_base_free(loop->base);
	free(loop);
	return NULL;
}

static bool run_between(struct os_loop *loop)
{
	bool again = false;

	for (int i = 0; i < BETWEEN_MAX; i++) {
		if (loop->between[i].fn && loop->between[i].fn(loop->between[i].ctx))
			again = true;
	}
	return again;
}

int os_loop_run(struct os_loop *loop)
{
	bool again = false;
	int r = 0;

	while (r >= 0 && !atomic_exchange(&loop->stopping, false)) {
		r = event_base_loop(loop->base, again ? EVLOOP_NONBLOCK : EVLOOP_ONCE);
		os_loop_lock(loop);
		bury_dead(loop);
		os_loop_unlock(loop);
		again = run_between(loop);
	}
	return r < 0 ? -EIO : 0;
}

int os_loop_between(struct os_loop *loop, os_between_fn *fn, void *ctx)
{
	assert(fn);
	for (int i = 0; i < BETWEEN_MAX; i++) {
		if (loop->between[i].fn)
			continue;
		loop->between[i].fn = fn;
		loop->between[i].ctx = ctx;
		return 0;
	}
	return -ENOSPC;
}

void os_loop_between_end(struct os_loop *loop, os_between_fn *fn, void *ctx)
{
	assert(fn);
	for (int i = 0; i < BETWEEN_MAX; i++) {
		if (loop->between[i].fn == fn && loop->between[i].ctx == ctx)
			loop->between[i].fn = NULL;
	}
}

void os_loop_stop(struct os_loop *loop)
{
	/* The flag first: the loop looks at it after it was woken. */
	atomic_store(&loop->stopping, true);
	loop_wake(loop);
}

int os_loop_post(struct os_loop *loop, os_timer_fn *fn, void *ctx)
{
	struct posted *item = malloc(sizeof(*item));

	assert(fn);
	if (!item)
		return -ENOMEM;
	*item = (struct posted){ .fn = fn, .ctx = ctx };
	assert(!*loop->posted_end);
	*loop->posted_end = item;
	loop->posted_end = &item->next;
	loop_wake(loop);
	return 0;
}

static struct os_source *source_new(struct os_loop *loop, void *ctx)
{
	struct os_source *source = calloc(1, sizeof(*source));

	if (!source)
		return NULL;
	source->loop = loop;
	source->ctx = ctx;
	source->deadline_ns = -1;
	loop->live++;
	assert(loop->live > 0);
	return source;
}

struct os_source *os_source_free(struct os_source *source)
{
	if (!source)
		return NULL;
	assert(!source->dead);
	source->dead = true;
	for (int i = 0; i < 2; i++)
		if (source->event[i])
			event_del_noblock(source->event[i]);
	assert(source->loop->live > 0);
	source->loop->live--;
	source->next_dead = source->loop->graveyard;
	source->loop->graveyard = source;
	return NULL;
}

static void on_io(struct os_source *source, int fd, int events)
{
	struct os_loop *loop = source->loop;

	assert(source->io);
	os_loop_lock(loop);
	if (!source->dead && (source->events & events))
		source->io(source->ctx, fd, events);
	os_loop_unlock(loop);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	on_io(arg, fd, OS_READ);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	on_io(arg, fd, OS_WRITE);
}

int os_source_io(struct os_loop *loop, int fd, int events, os_io_fn *fn, void *ctx,
		 struct os_source **sourcep)
{
	struct os_source *source = source_new(loop, ctx);
	int r;

	assert(fd >= 0);
	assert(fn);
	if (!source)
		return -ENOMEM;
	source->io = fn;
	source->event[0] = event_new(loop->base, fd, EV_READ | EV_PERSIST, on_readable, source);
	source->event[1] = event_new(loop->base, fd, EV_WRITE | EV_PERSIST, on_writable, source);
	r = source->event[0] && source->event[1] ? os_source_set(source, events) : -ENOMEM;
	if (r < 0) {
		os_source_free(source);
		return r;
	}
	*sourcep = source;
	return 0;
}

int os_source_set(struct os_source *source, int events)
{
	static const int bit[2] = { OS_READ, OS_WRITE };

	assert(!(events & ~(OS_READ | OS_WRITE)));
	assert(!source->dead);
	assert(source->io);
	for (int i = 0; i < 2; i++) {
		int had = source->events & bit[i], want = events & bit[i];

		if (want && !had && event_add(source->event[i], NULL) < 0)
			return errno ? -errno : -ENOMEM;
		if (had && !want)
			event_del_noblock(source->event[i]);
		source->events = (source->events & ~bit[i]) | want;
	}
	return 0;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct os_source *source = arg;
	struct os_loop *loop = source->loop;

	assert(source->fn);
	(void)fd;
	(void)what;
	os_loop_lock(loop);
	if (!source->dead && source->deadline_ns >= 0 &&
	    os_now_ns() + TIMER_EARLY_NS >= source->deadline_ns) {
		/* It may be that a re-armed timer is run by its first arming: one run is due. */
		event_del_noblock(source->event[0]);
		source->deadline_ns = -1;
		source->fn(source->ctx);
	}
	os_loop_unlock(loop);
}

int os_source_timer(struct os_loop *loop, int64_t delay_us, os_timer_fn *fn, void *ctx,
		    struct os_source **sourcep)
{
	struct os_source *source = source_new(loop, ctx);
	int r;

	assert(fn);
	if (!source)
		return -ENOMEM;
	source->fn = fn;
	source->event[0] = event_new(loop->base, -1, 0, on_timer, source);
	r = source->event[0] ? os_timer_set(source, delay_us) : -ENOMEM;
	if (r < 0) {
		os_source_free(source);
		return r;
	}
	*sourcep = source;
	return 0;
}

int os_timer_set(struct os_source *source, int64_t delay_us)
{
	struct timeval delay = { .tv_sec = delay_us / 1000000, .tv_usec = delay_us % 1000000 };

	assert(!source->dead);
	assert(!source->io);
	if (delay_us < 0) {
		source->deadline_ns = -1;
		event_del_noblock(source->event[0]);
		return 0;
	}
	source->deadline_ns = os_now_ns() + delay_us * OS_US_NS;
	return event_add(source->event[0], &delay) < 0 ? -ENOMEM : 0;
}

static void on_signal(evutil_socket_t signo, short what, void *arg)
{
	struct os_source *source = arg;
	struct os_loop *loop = source->loop;

	assert(source->fn);
	(void)signo;
	(void)what;
	os_loop_lock(loop);
	if (!source->dead)
		source->fn(source->ctx);
	os_loop_unlock(loop);
}

int os_source_signal(struct os_loop *loop, int signo, os_timer_fn *fn, void *ctx,
		     struct os_source **sourcep)
{
	struct os_source *source = source_new(loop, ctx);

	assert(signo > 0);
	assert(fn);
	if (!source)
		return -ENOMEM;
	source->fn = fn;
	source->event[0] = event_new(loop->base, signo, EV_SIGNAL | EV_PERSIST, on_signal, source);
	if (!source->event[0] || event_add(source->event[0], NULL) < 0) {
		os_source_free(source);
		return -ENOMEM;
	}
	*sourcep = source;
	return 0;
}
