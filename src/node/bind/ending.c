/* SPDX-License-Identifier: Apache-2.0 */
#include "node/bind/ending.h"

#include <assert.h>

#include "node/bind/binding.h"
#include "node/bind/warning.h"
#include "node/state/order.h"
#include "node/task/following.h"
#include "node/task/task.h"
#include "os/lock.h"
#include "os/loop.h"
#include "proxy/proxy.h"

void ending_propose(struct binding *binding)
{
	struct command cmd = { .kind = COMMAND_UNBIND,
			       .dcid = binding->dcid,
			       .p_nr = binding->p_nr,
			       .generation = binding->generation,
			       .flags = COMMAND_FLAG_DIED };

	assert(!binding->warning);
	assert(binding->role == BINDING_PRIMARY);
	assert(os_lock_protects());
	/* An answer that it posted in its last moment must leave before the news of its end. */
	proxy_resend(binding->bindings->proxy, binding->dcid, binding->p_nr);
	/* A second UNBIND of the same generation is refused: the endpoint is gone either way. */
	order_propose(binding->bindings->order, &cmd, &right_root, NULL, NULL);
}

void ending_begin(struct binding *binding)
{
	assert(os_lock_protects());
	if (binding->role ==
	    BINDING_ARRIVING) /* the commit, or the discard, of its arrival sees to it */
		return;
	if (binding->role == BINDING_BACKUP) { /* no command of the order */
		binding_detach(binding);
		return;
	}
	binding->state = BINDING_ENDING;
	os_kept_note(&binding->in_state);
	if (warning_begin(binding)) /* the slot is held for that; the process is gone */
		following_end(binding->task);
	else
		ending_propose(binding);
}

bool ending_of_thread(struct binding *binding)
{
	struct task *task = binding->task;

	assert(binding->role == BINDING_PRIMARY);
	assert(os_lock_protects());
	if (task->lpid == task->tgid || !warning_begin(binding))
		return false;
	task->ended = true;
	task->wait_status = -1;
	os_kept_note(&task->in_state);
	binding->state = BINDING_ENDING;
	os_kept_note(&binding->in_state);
	task->exit_source = os_source_free(task->exit_source);
	return true;
}

void ending_on_source_over(struct bindings *bindings, int dcid, int p_nr, uint32_t generation)
{
	struct binding *binding = binding_find(bindings, dcid, p_nr);

	assert(os_lock_protects());
	if (binding && binding->generation == generation && binding->task->ended &&
	    binding->state != BINDING_ENDING)
		task_end(binding->task);
}
