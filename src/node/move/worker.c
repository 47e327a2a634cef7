/* SPDX-License-Identifier: Apache-2.0 */
#include "node/move/worker.h"

#include <assert.h>
#include <errno.h>

#include "core/directory.h"
#include "core/duty.h"
#include "node/state/fault.h"
#include "os/clock.h"
#include "os/lock.h"
#include "os/log.h"
#include "os/loop.h"
#include "os/threads.h"

/* Progress is seen this often; a limit is seen when it has passed. */
#define LOOK_US 500000

void worker_wake(struct worker *worker)
{
	assert(os_lock_protects());
	os_condition_signal(&worker->cond);
}

void worker_wait(struct worker *worker)
{
	assert(os_lock_protects());
	os_condition_wait(&worker->cond, worker->lock, 0);
}

static void log_event(const struct worker *worker, const struct plan_event *event)
{
	os_log(OS_LOG_DEBUG, "endpoint %d %s: %s %d after %llu us, %s", worker->endpoint,
	       worker->driver.side->is_source ? "leaves" : "arrives", plan_event_name(event->kind),
	       event->code, (unsigned long long)(event->now_ns - worker->begin_ns) / 1000,
	       driver_state_name(&worker->driver));
}

void worker_tell(struct worker *worker, enum plan_event_kind kind, int code, uint32_t move)
{
	struct plan_event event = { .kind = kind,
				    .now_ns = (uint64_t)os_now_ns(),
				    .code = code,
				    .move = move,
				    .dry_run = worker->dry_run };

	assert(os_lock_protects());
	log_event(worker, &event);
	driver_event(&worker->driver, &event);
	worker_wake(worker);
}

void worker_hear(struct worker *worker, const struct directory_effect *effect, bool is_fellow)
{
	enum plan_event_kind kind = duty_tells(effect->kind, is_fellow);

	if (kind)
		worker_tell(worker, kind, 0, effect->move);
}

static void look(void *ctx)
{
	struct worker *worker = ctx;
	uint64_t now_ns = (uint64_t)os_now_ns(), deadline_ns;
	int64_t wait_us = LOOK_US;

	driver_look(&worker->driver, now_ns, worker->moved(worker->driver.ctx));
	deadline_ns = driver_deadline_ns(&worker->driver);
	if (deadline_ns && deadline_ns < now_ns + LOOK_US * UINT64_C(1000))
		wait_us = (int64_t)(deadline_ns - now_ns) / 1000 + 1;
	os_timer_set(worker->timer, wait_us);
	worker_wake(worker);
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	struct driver *driver = &worker->driver;

	os_lock_take(worker->lock);
	while (!driver_is_over(driver)) {
		struct plan_effect effect;
		const struct driver_row *row = driver_take(driver, &effect);
		struct plan_event outcome;

		if (!row) {
			worker_wait(worker);
			continue;
		}
		os_lock_release(worker->lock);
		outcome = row->run(driver->ctx, &effect);
		os_lock_take(worker->lock);
		outcome.now_ns = (uint64_t)os_now_ns();
		if (outcome.kind)
			log_event(worker, &outcome);
		driver_done(driver, &outcome);
	}
	worker->timer = os_source_free(worker->timer);
	os_lock_release(worker->lock);
	worker->end(driver->ctx);
	return NULL;
}

static bool told(void *ctx)
{
	return worker_told(ctx);
}

void worker_fault(struct worker *worker, const char *name)
{
	assert(!os_lock_is_held());
	fault_step(name, worker->endpoint, told, worker);
}

void worker_init(struct worker *worker, pthread_mutex_t *lock, struct os_loop *loop,
		 const struct driver_side *side, void *ctx)
{
	assert(os_lock_protects());
	worker->lock = lock;
	worker->loop = loop;
	worker->begin_ns = (uint64_t)os_now_ns();
	os_condition_init(&worker->cond);
	driver_init(&worker->driver, side, &PLAN_LIMITS_DEFAULT, ctx);
}

void worker_deinit(struct worker *worker)
{
	assert(os_lock_protects());
	worker->timer = os_source_free(worker->timer);
	os_condition_deinit(&worker->cond);
}

int worker_start(struct worker *worker)
{
	int r = os_source_timer(worker->loop, LOOK_US, look, worker, &worker->timer);

	assert(os_lock_protects());
	return r < 0 ? r : os_thread_start(work, worker);
}
