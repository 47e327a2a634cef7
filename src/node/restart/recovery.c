/* SPDX-License-Identifier: Apache-2.0 */
#include "node/restart/recovery.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "core/recover.h"
#include "node/bind/binding.h"
#include "node/bind/ending.h"
#include "node/restart/adopt.h"
#include "node/state/order.h"
#include "node/task/init.h"
#include "node/task/task.h"
#include "os/descriptors.h"
#include "os/lock.h"
#include "os/log.h"
#include "os/loop.h"
#include "os/pid.h"
#include "os/signals.h"
#include "os/socket.h"
#include "proxy/proxy.h"

/* ---- descriptors ---- */

struct kept {
	int *fds;
	size_t count, room;
};

static void note(void *ctx, int fd)
{
	struct kept *kept = ctx;

	if (kept->count < kept->room)
		kept->fds[kept->count] = fd;
	kept->count++;
}

static void note_all(const struct adoption *adoption, struct kept *kept)
{
	size_t at = HANDOVER_HEAD_BYTES;
	struct state_record record;

	kept->count = 0;
	note(kept, adoption->fd);
	while (state_next(adoption->state, adoption->bytes, &at, note, kept, &record) > 0)
		continue;
}

void recovery_close_others(const struct adoption *adoption)
{
	struct kept kept = { .room = 0 };

	note_all(adoption, &kept);
	kept.fds = calloc(kept.count, sizeof(*kept.fds));
	kept.room = kept.fds ? kept.count : 0;
	note_all(adoption, &kept);
	if (kept.fds)
		os_descriptors_close_others(kept.fds, kept.count);
	free(kept.fds);
}

/* ---- endpoints ---- */

static struct recover_view view_of(const struct bindings *bindings, int dcid, int p_nr,
				   const struct binding *binding)
{
	const struct directory_endpoint *ep = order_endpoint(bindings->order, dcid, p_nr);

	return (struct recover_view){
		.has_binding = binding != NULL,
		.is_leaving = binding && binding->state == BINDING_LEAVING,
		.is_ending = binding && binding->state == BINDING_ENDING,
		.is_bound = ep->bound && (!binding || ep->generation == binding->generation),
		.is_here = ep->node == bindings->order->self,
		.is_attached = ep->attached,
		.is_moving = ep->moving,
		.is_by_hand = ep->by_hand,
	};
}

static void propose(struct bindings *bindings, int kind, int dcid, int p_nr)
{
	const struct directory_endpoint *ep = order_endpoint(bindings->order, dcid, p_nr);
	struct command cmd = {
		.kind = (uint8_t)kind, .dcid = dcid, .p_nr = p_nr, .generation = ep->generation
	};

	if (kind == COMMAND_UNBIND)
		cmd.flags = COMMAND_FLAG_DIED;
	else
		cmd.move = ep->move;
	order_propose(bindings->order, &cmd, &right_root, NULL, NULL);
}

static void stop(struct binding *binding)
{
	struct bindings *bindings = binding->bindings;
	int dcid = binding->dcid, p_nr = binding->p_nr;

	os_log(OS_LOG_WARN,
	       "endpoint %d of DC %d is not this node's any more: its process is ended", p_nr,
	       dcid);
	os_pidfd_signal(binding->task->pidfd, OS_SIGKILL);
	binding_move_away(binding);
	binding_drop_far_channels(bindings, dcid, p_nr);
}

static void take_back(struct binding *binding)
{
	struct bindings *bindings = binding->bindings;

	binding->state = BINDING_BOUND;
	os_kept_note(&binding->in_state);
	exchange_unhold(bindings->exchange, binding->dcid, binding->p_nr, 0);
	proxy_offer(bindings->proxy, binding->dcid, binding->p_nr, binding->endpoint);
}

/* Of a predecessor that was about to look at the process, or had it in its hands. */
static void let_talk(struct binding *binding)
{
	atomic_store(&binding->status->page->quiet, 0);
	binding_refresh_channels(binding);
	binding_poke(binding);
}

static void recover(struct bindings *bindings, int dcid, int p_nr)
{
	struct binding *binding = binding_find(bindings, dcid, p_nr);
	const struct recover_view view = view_of(bindings, dcid, p_nr, binding);
	const struct recover_steps steps = recover_of(&view);

	if (steps.stop) {
		stop(binding);
		return;
	}
	if (steps.take_back)
		take_back(binding);
	if (binding)
		let_talk(binding);
	if (steps.end && binding)
		ending_begin(binding);
	else if (steps.end)
		propose(bindings, COMMAND_UNBIND, dcid, p_nr);
	if (steps.roll_back)
		propose(bindings, COMMAND_MOVE_ROLLBACK, dcid, p_nr);
}

void recovery_look(struct bindings *bindings, int dcid, int p_nr)
{
	assert(os_lock_protects());
	if (order_endpoint(bindings->order, dcid, p_nr))
		recover(bindings, dcid, p_nr);
}

static void gone(void *ctx, const struct dc_init_answer *answer)
{
	(void)ctx;
	os_close(answer->pidfd);
}

/*
 * A run that was cut short: the process of an endpoint may wait for its go, which others have had; one without an
 * endpoint is not wanted any more.
 */
static void finish_run(struct task *task)
{
	struct dc_init *init = task->tasks->init[task->dcid];

	if (task->bindings && init)
		dc_init_go(init, task->vpid, gone, NULL);
	else if (task->starting)
		os_pidfd_signal(task->pidfd, OS_SIGKILL);
}

static void finish_all(struct tasks *tasks)
{
	for (struct task *task = tasks->all, *next; task; task = next) {
		next = task->next;
		if (task->managed && !task->ended)
			finish_run(task);
		else if (!task->managed && !task->bindings)
			task_drop(task);
	}
}

void recovery_run(struct bindings *bindings, struct tasks *tasks)
{
	assert(os_lock_protects());
	for (int dcid = 0; dcid < SHM_DCS; dcid++)
		for (int index = 0; index < SHM_SLOTS; index++)
			recovery_look(bindings, dcid, index - SHM_TASKS);
	finish_all(tasks);
}
