/* SPDX-License-Identifier: Apache-2.0 */
#include "node/hand.h"

#include <signal.h>
#include <stdlib.h>

#include "base/result.h"
#include "dvk.h"
#include "node/handlers.h"
#include "node/node.h"
#include "node/order.h"
#include "node/process.h"
#include "node/request.h"
#include "node/rights.h"
#include "os/pid.h"

/*
 * For those who bring their own checkpointer. One call on any node speaks for all: it is a command of
 * the order. A commit that names a process on the new node attaches it; one that names none leaves the
 * endpoint there without a process until somebody commits with one.
 */

struct hand {
	struct request *request;
	struct process *process; /* to be attached, or NULL */
};

static const char *why(const struct request *request, int code)
{
	switch (code) {
	case EDVSPROCSTS:
		return "it is not migrating; begin with dvs_migrate -s";
	case EDVSMIGRATE:
		return request->head.cmd == MIGR_ROLLBACK
			       ? "it is not migrating; there is nothing to roll back"
			       : "another migration of it is under way; wait for its end";
	case EDVSDCNODE:
		return "the new node does not belong to the DC (dvs dc, dvs nodes)";
	case EDVSNOPROXY:
		return "the new node is not up (dvs nodes)";
	case EDVSBADPROC:
		return "it is not bound (dvs ps)";
	}
	return result_text(code);
}

static void hand_done(struct node *node, void *ctx, const struct directory_result *result)
{
	struct hand *hand = ctx;
	struct request *request = hand->request;
	struct process *process = hand->process;
	const struct directory_endpoint *ep;
	int p_nr = _ENDPOINT_P(request->head.endpoint);

	free(hand);
	if (result->code < 0) {
		if (process)
			process_free(process);
		request_fail(request, result->code, "endpoint %d of DC %d: %s",
			     request->head.endpoint, request->head.dcid,
			     why(request, result->code));
		return;
	}
	if (process) {
		ep = node_endpoint(node, request->head.dcid, p_nr);
		rights_reset(node, request->head.dcid, p_nr);
		if (process_attach(process, request->head.dcid, p_nr,
				   directory_endpoint_number(ep, p_nr), ep->generation) == 0) {
			proxy_offer(node->proxy, process->dcid, p_nr, process->endpoint);
			process_watch(process);
		}
	}
	request_end(request, 0, NULL, 0, NULL, 0);
}

/* The process that takes the endpoint over: the caller, or a pid that it names. */
static int attach_target(struct request *request, struct command *cmd, struct process **processp)
{
	struct node *node = request->node;
	pid_t tid = 0;

	*processp = NULL;
	if (request->head.nodeid != node->options.id)
		return 0;
	if (request->head.pid > 0)
		tid = os_pid_here(request->pid, request->head.pid);
	else if (!(request->head.flags & CTL_FLAG_HAND_COMMIT))
		tid = request->pid;
	else
		return 0;
	if (tid <= 0 ||
	    process_new(node, tid, os_tgid_of(tid), os_pid_innermost(tid), -1, processp) < 0) {
		request_fail(request, EDVSBADPID, "there is no process %d on node %d",
			     request->head.pid, node->options.id);
		return -1;
	}
	cmd->flags |= COMMAND_FLAG_ATTACH;
	cmd->lpid = tid;
	cmd->vpid = (*processp)->vpid;
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
	if (dcid < 0 || dcid >= SHM_DCS || !request->node->directory.dc[dcid].running) {
		request_fail(request, EDVSBADDCID, "DC %d is not running", dcid);
		return -1;
	}
	if (!node_endpoint(request->node, dcid, _ENDPOINT_P(request->head.endpoint))) {
		request_fail(request, EDVSRANGE, "DC %d has no endpoint %d", dcid,
			     request->head.endpoint);
		return -1;
	}
	return 0;
}

void handle_migrate(struct request *request)
{
	static const uint16_t kinds[] = { [MIGR_START] = COMMAND_MOVE_START,
					  [MIGR_COMMIT] = COMMAND_MOVE_COMMIT,
					  [MIGR_ROLLBACK] = COMMAND_MOVE_ROLLBACK };
	struct node *node = request->node;
	struct command cmd = { .dcid = request->head.dcid,
			       .p_nr = _ENDPOINT_P(request->head.endpoint),
			       .target = -1,
			       .generation = COMMAND_GENERATION_ANY,
			       .flags = COMMAND_FLAG_BY_HAND };
	struct process *process = NULL;
	struct hand *hand;

	if (check(request) < 0)
		return;
	cmd.kind = kinds[request->head.cmd];
	if (request->head.cmd == MIGR_COMMIT) {
		cmd.target = request->head.nodeid;
		if (attach_target(request, &cmd, &process) < 0)
			return;
	}
	hand = calloc(1, sizeof(*hand));
	if (!hand) {
		if (process)
			process_free(process);
		request_fail(request, EDVSALLOCMEM, "no memory");
		return;
	}
	*hand = (struct hand){ request, process };
	order_propose(node, &cmd, hand_done, hand);
}

void hand_on_committed(struct node *node, const struct directory_effect *effect)
{
	struct process *process = process_find(node, effect->dcid, effect->p_nr);

	exchange_hold(node->exchange, effect->dcid, effect->p_nr);
	if (!process)
		return;
	os_pidfd_signal(process->pidfd, SIGKILL);
	process_detach(process);
	proxy_resend(node->proxy, effect->dcid, effect->p_nr);
}
