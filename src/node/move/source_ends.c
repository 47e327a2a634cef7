/* SPDX-License-Identifier: Apache-2.0 */
#include "node/move/source_part.h"

#include <assert.h>
#include <stdlib.h>

#include "dvk.h"
#include "node/bind/binding.h"
#include "node/move/copiers.h"
#include "os/clock.h"
#include "os/lock.h"
#include "os/thread.h"
#include "proxy/proxy.h"

/* The far ends of those that stand: the daemon takes them, and gives them back. */

#define COPIES_LOOK_NS 1000000

/* The endpoint is not bound to its process any more: that has ended, or it was unbound and goes on without. */
int source_refuse_gone(struct source *d, int i)
{
	return refusal_set(&d->refusal, EDVSSRCDIED,
			   "endpoint %d has ended or was unbound during the move",
			   source_mover(d, i).p_nr);
}

/* Of one that moves. *copies: those that are under way. */
static int take_far_ends(struct source *d, int i, struct copiers *copiers, int *copies)
{
	int p_nr = source_mover(d, i).p_nr;
	struct binding *binding;

	os_lock_take(d->moves->lock);
	binding = source_binding_of(d, i);
	if (!binding) {
		os_lock_release(d->moves->lock);
		return source_refuse_gone(d, i);
	}
	binding->state = BINDING_LEAVING;
	os_kept_note(&binding->in_state);
	*copies = exchange_hold(d->moves->exchange, d->dcid, p_nr) + binding->copying;
	os_lock_release(d->moves->lock);
	if (*copies)
		*copies = copiers_count(copiers, d->moves->bindings, d->moves->lock, d->dcid, p_nr);
	return 0;
}

static int take_all_far_ends(struct source *d, struct copiers *copiers)
{
	int64_t deadline = os_now_ns() + (int64_t)PLAN_COPIES_NS;

	for (;;) {
		int copies = 0, r = 0;

		for (int i = 0; i <= d->fellows && r == 0; i++) {
			int of_it = 0;

			r = take_far_ends(d, i, &copiers[i], &of_it);
			copies += of_it;
		}
		if (r < 0 || !copies)
			return r;
		if (os_now_ns() > deadline || worker_told(&d->worker))
			return refusal_set(&d->refusal, EDVSBUSY,
					   "somebody copies to or from the process without end");
		os_thread_sleep_ns(COPIES_LOOK_NS);
	}
}

int source_take_far_ends(struct source *d)
{
	struct copiers *copiers = calloc((size_t)d->fellows + 1, sizeof(*copiers));
	int r;

	assert(!os_lock_is_held());
	if (!copiers)
		return refusal_set(&d->refusal, EDVSALLOCMEM, "no memory for the migration");
	/* All of them stand: a mark of one stands too, and it copies nothing. */
	for (int i = 0; i <= d->fellows; i++)
		for (int k = 0; k <= d->fellows; k++)
			copiers_leave_out(&copiers[i], source_mover(d, k).p_nr);
	r = take_all_far_ends(d, copiers);
	free(copiers);
	return r;
}

static void give_far_ends(struct source *d, int i)
{
	struct binding *binding = source_binding_of(d, i);

	if (!binding || binding->state != BINDING_LEAVING)
		return;
	binding->state = BINDING_BOUND;
	os_kept_note(&binding->in_state);
	exchange_unhold(d->moves->exchange, d->dcid, binding->p_nr, 0);
	binding_refresh_channels(binding);
	proxy_offer(d->moves->proxy, d->dcid, binding->p_nr, binding->endpoint);
}

void source_give_far_ends(struct source *d)
{
	assert(!os_lock_is_held());
	os_lock_take(d->moves->lock);
	for (int i = 0; i <= d->fellows; i++)
		give_far_ends(d, i);
	os_lock_release(d->moves->lock);
}
