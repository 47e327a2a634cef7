/* SPDX-License-Identifier: Apache-2.0 */
#include "node/bind/by_hand.h"

#include <assert.h>
#include <stdlib.h>

#include "base/result.h"
#include "core/channel.h"
#include "core/duty.h"
#include "dvk.h"
#include "node/bind/backup.h"
#include "node/calls.h"
#include "node/task/named.h"
#include "node/task/caller.h"
#include "node/state/order.h"
#include "node/bind/binding.h"
#include "node/task/task.h"
#include "node/ask/request.h"
#include "node/task/rights.h"
#include "os/lock.h"
#include "os/pid.h"
#include "os/signals.h"
#include "proxy/proxy.h"

/*
 * For those who bring their own checkpointer. One call on any node speaks for all: it is a command of
 * the order. A commit that names a process on the new node attaches it; one that names none leaves the
 * endpoint there without a process until somebody commits with one; unless a backup stands by there,
 * which then takes it over.
 */

struct hand {
	struct request *request;
	struct task *task; /* to be attached, kept; or NULL */
};

static const char *why(const struct order *order, int step, int code)
{
	switch (code) {
	case EDVSPROCSTS:
		return "it is not migrating; begin with dvs_migrate -s";
	case EDVSMIGRATE:
		if (step == MIGR_ROLLBACK)
			return "its last move was committed, so nothing is left to roll back; "
			       "move it again (dvs migrate)";
		return "another migration of it is under way; wait for its end";
	case EDVSDCNODE:
		return "the new node does not belong to the DC (dvs dc, dvs nodes)";
	case EDVSNOPROXY:
		return "the new node is not up (dvs nodes)";
	case EDVSBADPROC:
		return "it is not bound (dvs ps)";
	}
	return order_why(order, code);
}

/* The nodes of the others know the endpoint's messages to them: its lines are busy until those nodes have answered. */
static void begin_channels(const struct binding *binding)
{
	struct bindings *bindings = binding->bindings;
	struct exchange_channel *channel;

	for (int index = 0; index < SHM_SLOTS; index++) {
		int p_nr = index - SHM_TASKS;
		const struct directory_endpoint *ep =
			order_endpoint(bindings->order, binding->dcid, p_nr);

		if (!ep->bound || ep->node == bindings->order->self || p_nr == binding->p_nr ||
		    exchange_channel(bindings->exchange, binding->dcid, binding->endpoint,
				     directory_endpoint_number(ep, p_nr), &channel) < 0)
			continue;
		channel_begin(channel->page, exchange_side(channel, binding->p_nr));
	}
}

int by_hand_take_over(struct binding *binding)
{
	struct bindings *bindings = binding->bindings;
	int dcid = binding->dcid, p_nr = binding->p_nr;
	const struct directory_endpoint *ep = order_endpoint(bindings->order, dcid, p_nr);
	int r;

	assert(binding->role != BINDING_ARRIVING);
	assert(os_lock_protects());
	rights_reset(&bindings->tasks->rights, dcid, p_nr);
	r = binding_take(binding, directory_endpoint_number(ep, p_nr), ep->generation);
	if (r < 0)
		return r;
	binding->status->page->hold = 0;
	begin_channels(binding);
	exchange_unhold(bindings->exchange, dcid, p_nr, 0);
	binding_refresh_channels(binding);
	proxy_offer(bindings->proxy, dcid, p_nr, binding->endpoint);
	return task_watch(binding->task);
}

void by_hand_stand(struct binding *binding)
{
	assert(os_lock_protects());
	binding->task->stands = true;
}

/* To it, and to all that came from it. */
static void signal_all(const struct task *task, int signo)
{
	pid_t pids[CGROUP_OTHERS_MAX];
	int others = cgroup_others(task, pids, CGROUP_OTHERS_MAX);

	os_pidfd_signal(task->pidfd, signo);
	for (int i = 0; i < others && i < CGROUP_OTHERS_MAX; i++)
		os_pid_signal(pids[i], signo);
}

void by_hand_go_on(struct binding *binding)
{
	assert(os_lock_protects());
	if (binding->task->stands)
		signal_all(binding->task, OS_SIGCONT);
	binding->task->stands = false;
}

/* The directory says that a process has the endpoint, and there is none. */
static void propose_unbind(struct bindings *bindings, int dcid, int p_nr)
{
	struct command cmd = { .kind = COMMAND_UNBIND,
			       .dcid = dcid,
			       .p_nr = p_nr,
			       .generation =
				       order_endpoint(bindings->order, dcid, p_nr)->generation,
			       .flags = COMMAND_FLAG_DIED };

	order_propose(bindings->order, &cmd, &right_root, NULL, NULL);
}

/* The commit that named the task has been delivered. */
static void attach(struct task *task, int dcid, int p_nr)
{
	struct bindings *bindings = task->tasks->bindings;
	const struct directory_endpoint *ep = order_endpoint(bindings->order, dcid, p_nr);
	enum duty_attach duty = duty_of_attach(binding_find(bindings, dcid, p_nr), task->gone);
	struct binding *binding;

	if (duty == DUTY_ATTACH_NOTHING)
		return;
	if (duty == DUTY_ATTACH_UNBIND ||
	    binding_new(task, BINDING_PRIMARY, dcid, p_nr, directory_endpoint_number(ep, p_nr),
			ep->generation, &binding) < 0) {
		propose_unbind(bindings, dcid, p_nr);
		return;
	}
	by_hand_take_over(binding);
	if (task->ended) /* while the order decided */
		task_end(task);
}

static void by_hand_done(struct order *order, void *ctx, const struct directory_result *result)
{
	struct hand *hand = ctx;
	struct request *request = hand->request;
	struct task *task = hand->task;

	free(hand);
	if (task && result->code >= 0)
		attach(task, request->head.dcid, request->head.endpoint);
	if (task)
		task_let(task);
	if (result->code < 0)
		request_fail_number(request, result->code, "endpoint %d of DC %d: %s",
				    request->head.endpoint, request->head.dcid,
				    why(order, request->head.cmd, result->code));
	else
		request_end(request, 0, NULL, 0, NULL, 0);
}

static int no_such_pid(struct request *request)
{
	request_fail(request, EDVSBADPID, "there is no process %d on node %d", request->head.pid,
		     request->requests->order->self);
	return -1;
}

static void name_target(struct command *cmd, pid_t tid, int vpid)
{
	cmd->flags |= COMMAND_FLAG_ATTACH;
	cmd->lpid = tid;
	cmd->vpid = vpid;
	os_comm_of(tid, cmd->name, sizeof(cmd->name));
}

/* Nobody is named, or just the backup: the commit promotes it when it is delivered. */
static int promote_target(struct request *request, struct command *cmd,
			  const struct binding *backup)
{
	int pid = request->head.pid;
	pid_t tid = backup->task->lpid;

	if (pid > 0 && named_task(request, &tid, handle_migrate) == NAMED_E_LATER)
		return -1;
	if (tid <= 0)
		return no_such_pid(request);
	if (tid != backup->task->lpid) {
		request_fail(request, EDVSBADPID,
			     "process %d is the backup of endpoint %d on node %d: name it, or none",
			     backup->task->lpid, request->head.endpoint,
			     request->requests->order->self);
		return -1;
	}
	name_target(cmd, backup->task->lpid, backup->task->vpid);
	return 0;
}

/* The process that takes the endpoint over: the caller, or a pid that it names. */
static int attach_target(struct request *request, struct command *cmd, struct task **taskp)
{
	struct bindings *bindings = binding_part(request);
	const struct binding *backup = backup_find(bindings, cmd->dcid, cmd->p_nr);
	pid_t tid = 0;

	*taskp = NULL;
	if (request->head.nodeid != bindings->order->self)
		return 0;
	if (backup)
		return promote_target(request, cmd, backup);
	if (request->head.pid > 0) {
		if (named_task(request, &tid, handle_migrate) == NAMED_E_LATER)
			return -1;
	} else if (request->head.flags & CTL_FLAG_HAND_COMMIT) {
		return 0;
	} else {
		tid = request->pid;
	}
	if (tid <= 0 || task_keep_for(bindings->tasks, os_tgid_of(tid), tid, os_pid_innermost(tid),
				      -1, taskp) < 0)
		return no_such_pid(request);
	name_target(cmd, tid, (*taskp)->vpid);
	return 0;
}

static int check(struct request *request)
{
	int dcid = request->head.dcid;

	if (request->head.cmd < MIGR_START || request->head.cmd > MIGR_ROLLBACK) {
		request_fail(request, EDVSNOSYS, "%d is none of start 0, commit 1, rollback 2",
			     request->head.cmd);
		return -1;
	}
	if (caller_check_dc(request, dcid, handle_migrate) < 0)
		return -1;
	return caller_check_slot(request, dcid, request->head.endpoint, EDVSRANGE);
}

void handle_migrate(struct request *request)
{
	static const uint16_t kinds[] = { [MIGR_START] = COMMAND_MOVE_START,
					  [MIGR_COMMIT] = COMMAND_MOVE_COMMIT,
					  [MIGR_ROLLBACK] = COMMAND_MOVE_ROLLBACK };
	struct bindings *bindings = binding_part(request);
	struct command cmd = { .dcid = request->head.dcid,
			       .p_nr = request->head.endpoint,
			       .target = -1,
			       .flags = COMMAND_FLAG_BY_HAND };
	const struct directory_endpoint *ep;
	struct task *task = NULL;
	struct hand *hand;

	if (check(request) < 0)
		return;
	ep = order_endpoint(bindings->order, cmd.dcid, cmd.p_nr);
	if (!ep->bound && caller_catch_up(request, handle_migrate))
		return;
	/* The life that has the slot now, and none that takes it before the order decides. */
	cmd.generation = ep->generation;
	cmd.kind = kinds[request->head.cmd];
	if (request->head.cmd == MIGR_COMMIT) {
		/* And the move that is under way now, whose START holds the process. */
		cmd.move = ep->moving && ep->by_hand ? ep->move : 0;
		cmd.target = request->head.nodeid;
		if (attach_target(request, &cmd, &task) < 0)
			return;
	}
	hand = calloc(1, sizeof(*hand));
	if (!hand) {
		if (task)
			task_let(task);
		request_fail(request, EDVSALLOCMEM, "no memory");
		return;
	}
	*hand = (struct hand){ request, task };
	order_propose(bindings->order, &cmd, &request->user, by_hand_done, hand);
}

void by_hand_on_committed(struct bindings *bindings, const struct directory_effect *effect)
{
	struct binding *binding = binding_find(bindings, effect->dcid, effect->p_nr);

	assert(os_lock_protects());
	exchange_hold(bindings->exchange, effect->dcid, effect->p_nr);
	if (!binding)
		return;
	binding->task->end_reason = CTL_ENDED_MOVED;
	if (binding->task->stands)
		signal_all(binding->task, OS_SIGKILL);
	else
		os_pidfd_signal(binding->task->pidfd, OS_SIGKILL);
	binding_detach(binding);
	/* The rest of them here would be old news when the endpoint comes back. */
	binding_drop_far_channels(bindings, effect->dcid, effect->p_nr);
	proxy_resend(bindings->proxy, effect->dcid, effect->p_nr);
}
