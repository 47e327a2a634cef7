/* SPDX-License-Identifier: Apache-2.0 */
#include "node/bind/backup.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "base/refusal.h"
#include "dvk.h"
#include "node/bind/by_hand.h"
#include "node/state/order.h"
#include "node/bind/binding.h"
#include "node/task/task.h"
#include "os/lock.h"
#include "os/pid.h"
#include "os/signals.h"

/*
 * A backup maps the bell of its slot, as the primary would here, and a status page of its own. The
 * daemon holds the bell as for any endpoint that is elsewhere, so nothing reaches the backup before it
 * is promoted; then the same pages are those of the endpoint's process, and only hold and the bell's
 * holder change.
 */

struct binding *backup_find(const struct bindings *bindings, int dcid, int p_nr)
{
	return binding_find_as(bindings, dcid, p_nr, BINDING_BACKUP);
}

int backup_check(struct bindings *bindings, int dcid, int p_nr, int primary, struct refusal *why)
{
	const struct directory_endpoint *ep = order_endpoint(bindings->order, dcid, p_nr);

	assert(os_lock_protects());
	if (!ep || !ep->bound)
		return refusal_set(
			why, EDVSNOTBIND,
			"endpoint %d of DC %d has no primary: bind that first, on node %d", p_nr,
			dcid, primary);
	if (ep->node == bindings->order->self)
		return refusal_set(why, EDVSSLOTUSED,
				   "endpoint %d of DC %d runs on this node; its backup belongs on "
				   "another",
				   p_nr, dcid);
	if (ep->node != primary)
		return refusal_set(why, EDVSNONODE,
				   "endpoint %d of DC %d runs on node %d, not on node %d", p_nr,
				   dcid, ep->node, primary);
	if (backup_find(bindings, dcid, p_nr))
		return refusal_set(why, EDVSSLOTUSED,
				   "endpoint %d of DC %d has a backup on this node already (dvs ps "
				   "%d --proc)",
				   p_nr, dcid, dcid);
	return 0;
}

int backup_begin(struct task *task, int dcid, int p_nr, struct binding **bindingp)
{
	struct bindings *bindings = task->tasks->bindings;
	const struct directory_endpoint *ep = order_endpoint(bindings->order, dcid, p_nr);
	struct exchange_bell *bell;
	int r = exchange_bell(bindings->exchange, dcid, p_nr, &bell);

	assert(ep && ep->bound);
	assert(os_lock_protects());
	if (r == 0)
		r = binding_new(task, BINDING_BACKUP, dcid, p_nr,
				directory_endpoint_number(ep, p_nr), ep->generation, bindingp);
	if (r < 0)
		return r;
	os_comm_of(task->lpid, (*bindingp)->name, sizeof((*bindingp)->name));
	(*bindingp)->status->page->hold = 1;
	return 0;
}

void backup_of_arrival(struct binding *binding)
{
	struct task *task = binding->task;

	assert(binding->role == BINDING_ARRIVING);
	assert(os_lock_protects());
	binding->role = BINDING_BACKUP;
	os_comm_of(task->lpid, binding->name, sizeof(binding->name));
	binding->status->page->hold = 1;
	task->loading = false;
	os_kept_note(&binding->in_state);
	os_kept_note(&task->in_state);
	if (task->ended) /* while it was held */
		task_end(task);
}

void backup_end(struct binding *binding)
{
	assert(os_lock_protects());
	binding_detach(binding);
}

void backup_row(const struct binding *binding, proc_usr_t *row)
{
	const struct status_page *page = binding->status->page;

	assert(os_lock_protects());
	row->p_rts_flags = REMOTE;
	row->p_misc_flags =
		MIS_RMTBACKUP | (binding->task->lpid == binding->task->tgid ? MIS_GRPLEADER : 0);
	row->p_lpid = binding->task->lpid;
	row->p_vpid = binding->task->vpid;
	memcpy(row->p_name, binding->name, sizeof(row->p_name));
	/* Held in a call: it waits for its own migration. */
	if (page->rts_flags & MIGRATING) {
		row->p_rts_flags |= WAITMIGR;
		row->p_waitmigr = binding->p_nr;
	}
}

/* The commit named nobody: the directory learns who has taken the endpoint over. */
static void propose_attached(const struct binding *binding)
{
	struct bindings *bindings = binding->bindings;
	struct command cmd = { .kind = COMMAND_MOVE_COMMIT,
			       .dcid = binding->dcid,
			       .p_nr = binding->p_nr,
			       .generation = binding->generation,
			       .target = bindings->order->self,
			       .flags = COMMAND_FLAG_BY_HAND | COMMAND_FLAG_ATTACH,
			       .lpid = binding->task->lpid,
			       .vpid = binding->task->vpid };

	memcpy(cmd.name, binding->name, sizeof(cmd.name));
	/* Refused, if the endpoint ended or moved on; then its effects say so. */
	order_propose(bindings->order, &cmd, &right_root, NULL, NULL);
}

void backup_on_committed(struct bindings *bindings, const struct directory_effect *effect)
{
	struct binding *binding = backup_find(bindings, effect->dcid, effect->p_nr);
	const struct directory_endpoint *ep =
		order_endpoint(bindings->order, effect->dcid, effect->p_nr);

	assert(os_lock_protects());
	if (!binding)
		return;
	/* Another process came, by dvs migrate or because a commit named it. */
	if (!effect->by_hand || (ep->attached && ep->lpid != binding->task->lpid)) {
		backup_end(binding);
		return;
	}
	if (by_hand_take_over(binding) == 0 && !ep->attached)
		propose_attached(binding);
}

void backup_on_dead(struct bindings *bindings, const struct directory_effect *effect)
{
	struct binding *binding = backup_find(bindings, effect->dcid, effect->p_nr);

	assert(os_lock_protects());
	if (!binding || binding->generation != effect->generation)
		return;
	if (!binding->task->managed && !bindings->order->directory.dc[effect->dcid].running)
		os_pidfd_signal(binding->task->pidfd, OS_SIGTERM);
	backup_end(binding);
}
