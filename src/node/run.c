/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/refusal.h"
#include "base/result.h"
#include "dvk.h"
#include "node/backup.h"
#include "node/ended.h"
#include "node/gather.h"
#include "node/handlers.h"
#include "node/init.h"
#include "node/log.h"
#include "node/node.h"
#include "node/order.h"
#include "node/process.h"
#include "node/request.h"
#include "node/rights.h"
#include "os/log.h"
#include "os/loop.h"

/*
 * Starting a command bound to an endpoint, and what it writes. The process waits, all prepared, until
 * the order has delivered its binding, so that its first call finds it bound; a refused binding ends it
 * before it executed anything.
 */

static void on_init(void *ctx, int fd, int events)
{
	struct node *node = ctx;

	(void)events;
	for (int dcid = 0; dcid < SHM_DCS; dcid++) {
		struct dc_exit ended;
		int r = -EAGAIN;

		if (!node->init[dcid] || dc_init_fd(node->init[dcid]) != fd)
			continue;
		while (node->init[dcid] && (r = dc_init_read(node->init[dcid], &ended)) == 0)
			process_on_init_exit(node, dcid, ended.vpid, ended.status);
		if (r != -EAGAIN && node->init[dcid]) {
			os_log(OS_LOG_ERROR, "the init of DC %d is gone, and its processes with it",
			       dcid);
			node_drop_init(node, dcid);
		}
		return;
	}
}

int node_take_init(struct node *node, int dcid, struct dc_init *init)
{
	int r;

	node->init[dcid] = init;
	r = os_source_io(node->loop, dc_init_fd(init), OS_READ, on_init, node,
			 &node->init_source[dcid]);
	if (r < 0)
		node->init[dcid] = dc_init_free(init);
	return r;
}

int node_init_of(struct node *node, int dcid, struct dc_init **initp)
{
	struct dc_init *init;
	int r = 0;

	if (!node->init[dcid]) {
		r = dc_init_start(&init, dcid, node->options.id);
		if (r == 0)
			r = node_take_init(node, dcid, init);
	}
	*initp = node->init[dcid];
	return r;
}

void node_drop_init(struct node *node, int dcid)
{
	struct process *p = node->processes;

	node->init_source[dcid] = os_source_free(node->init_source[dcid]);
	node->init[dcid] = dc_init_free(node->init[dcid]);
	while (p) {
		struct process *next = p->next;

		if (p->managed && p->dcid == dcid && !p->ended)
			process_on_init_exit(node, dcid, p->vpid, 9);
		p = next;
	}
}

/* The vpids of our range that live on elsewhere. */
static void taken_vpids(const struct node *node, int dcid, uint64_t *taken)
{
	int base = dc_vpid_base(node->options.id);

	for (int index = 0; index < SHM_SLOTS; index++) {
		const struct directory_endpoint *ep = &node->directory.dc[dcid].slot[index];

		if (ep->bound && ep->vpid >= base && ep->vpid < base + DC_VPID_COUNT)
			bits_set(taken, (unsigned)(ep->vpid - base));
	}
}

struct arguments {
	struct ctl_run head;
	char **argv, **envp; /* one block, owned through argv */
	const char *cwd;
};

/* The strings lie in the payload, each ended by 0; everything is checked before anything is used. */
static int parse_arguments(struct request *request, struct arguments *args)
{
	size_t left = request->head.payload_bytes;
	char *at = (char *)request->payload;
	uint32_t count;

	if (left < sizeof(args->head) || at[left - 1])
		return -EBADMSG;
	memcpy(&args->head, at, sizeof(args->head));
	at += sizeof(args->head);
	left -= sizeof(args->head);
	if (!args->head.argc || args->head.argc > left || args->head.envc > left)
		return -EBADMSG;
	count = args->head.argc + args->head.envc;
	args->argv = calloc(count + 2, sizeof(char *));
	if (!args->argv)
		return -ENOMEM;
	args->envp = args->argv + args->head.argc + 1;
	for (uint32_t i = 0; i <= count; i++) {
		size_t len = left ? strlen(at) + 1 : 0;

		if (!len)
			return -EBADMSG;
		if (i < args->head.argc)
			args->argv[i] = at;
		else if (i < count)
			args->envp[i - args->head.argc] = at;
		else
			args->cwd = at;
		at += len;
		left -= len;
	}
	return 0;
}

static int spawn(struct request *request, struct process **processp, struct refusal *why)
{
	struct node *node = request->node;
	int dcid = request->head.dcid, vpid, pidfd, r;
	uint64_t taken[BITS_WORDS(DC_VPID_COUNT)] = { 0 };
	struct arguments args = { 0 };
	struct proc_log *log = NULL;
	struct dc_spawn spawn;
	struct dc_init *init;
	pid_t lpid;

	r = parse_arguments(request, &args);
	if (r == 0)
		r = node_init_of(node, dcid, &init);
	if (r == 0)
		r = proc_log_new(node->loop, &log);
	if (r == 0) {
		taken_vpids(node, dcid, taken);
		spawn = (struct dc_spawn){ .argv = args.argv,
					   .envp = args.envp,
					   .cwd = args.cwd,
					   .umask = args.head.umask,
					   .uid = request->uid,
					   .gid = request->gid,
					   .taken = taken,
					   .fds = { -1, proc_log_fd(log), proc_log_fd(log) } };
		r = dc_init_spawn(init, &spawn, &vpid, &lpid, &pidfd, why);
	}
	free(args.argv);
	if (r == 0)
		r = process_new(node, lpid, lpid, vpid, pidfd, processp);
	if (r < 0) {
		proc_log_free(log);
		refusal_set(
			why, result_of_errno(r),
			"the command could not be started: out of memory or descriptors on this node");
		return r;
	}
	(*processp)->managed = true;
	(*processp)->dcid = dcid;
	process_take_log(*processp, log, 0);
	return 0;
}

static void run_row(struct request *request, const struct process *process)
{
	struct ctl_run_row row = { .lpid = process->lpid,
				   .vpid = process->vpid,
				   .endpoint = process->p_nr,
				   .node = request->node->options.id,
				   .serves = node_is_sysproc(request->node, process->dcid,
							     process->p_nr) };

	request_row(request, &row, sizeof(row));
}

static void run_unbound(struct node *node, void *ctx, const struct directory_result *result)
{
	(void)node;
	(void)ctx;
	(void)result; /* refused: it is unbound already, with its DC */
}

/* Its DC may have been removed meanwhile, and its init with it. */
static void cancel_start(struct node *node, const struct process *process)
{
	if (node->init[process->dcid])
		dc_init_cancel(node->init[process->dcid], process->vpid);
}

/* The process ended, or its DC was removed, before its binding came: the binding is nobody's. */
static void run_orphaned(struct request *request, const struct directory_result *result)
{
	struct command cmd = { .kind = COMMAND_UNBIND,
			       .dcid = request->head.dcid,
			       .p_nr = _ENDPOINT_P(request->head.endpoint),
			       .generation = result->generation,
			       .flags = COMMAND_FLAG_DIED };

	if (result->code >= 0)
		order_propose(request->node, &cmd, run_unbound, NULL);
	request_fail(request, EDVSSRCDIED,
		     "the process for endpoint %d of DC %d ended before it could execute its "
		     "command: it was killed, or the DC was removed meanwhile (dvs dc list)",
		     request->head.endpoint, request->head.dcid);
}

static void run_bound(struct node *node, void *ctx, const struct directory_result *result)
{
	struct request *request = ctx;
	struct process *process = request->keeper;
	struct refusal why = REFUSAL_NONE;
	int r;

	if (!process) {
		run_orphaned(request, result);
		return;
	}
	process->starter = NULL;
	request->keeper = NULL;
	process->state = PROCESS_BOUND; /* from now on its exit, which cancel brings, unbinds it */
	if (result->code < 0) {
		process->state = PROCESS_STARTING;
		cancel_start(node, process);
		request_fail(request, result->code, "endpoint %d of DC %d cannot be bound: %s",
			     request->head.endpoint, request->head.dcid,
			     order_why(node, result->code));
		return;
	}
	rights_reset(node, request->head.dcid, request->head.endpoint);
	r = process_attach(process, request->head.dcid, request->head.endpoint, result->value,
			   result->generation);
	if (r == 0)
		proxy_offer(node->proxy, process->dcid, process->p_nr, process->endpoint);
	if (r == 0)
		r = dc_init_go(node->init[process->dcid], process->vpid, &why);
	if (r < 0) {
		cancel_start(node, process);
		refusal_set(
			&why, EDVSNOEXEC,
			"the command could not be executed: its process or its container has just ended");
		request_refuse(request, &why);
		return;
	}
	run_row(request, process);
	if (request->head.flags & CTL_FLAG_FOLLOW)
		process_follow(process, request);
	else
		request_end(request, process->p_nr, NULL, 0, NULL, 0);
}

/* A backup is of this node alone: no command of the order, and no endpoint yet. */
static void run_backup(struct request *request, struct process *process, const struct command *cmd)
{
	struct node *node = request->node;
	struct refusal why = REFUSAL_NONE;
	int dcid = request->head.dcid;
	int r = backup_check(node, dcid, cmd->p_nr, request->head.nodeid, &why);

	if (r == 0 && backup_begin(process, dcid, cmd->p_nr) < 0)
		r = refusal_set(&why, EDVSALLOCMEM, "no memory for the pages of the binding");
	if (r == 0) {
		/* Not that of the init, which it still is. */
		memcpy(process->name, cmd->name, sizeof(process->name));
		r = dc_init_go(node->init[dcid], process->vpid, &why);
		if (r < 0)
			refusal_set(
				&why, EDVSNOEXEC,
				"the command could not be executed: its process or its container has just ended");
	}
	if (r < 0) {
		cancel_start(node, process);
		request_refuse(request, &why);
		return;
	}
	run_row(request, process);
	if (request->head.flags & CTL_FLAG_FOLLOW)
		process_follow(process, request);
	else
		request_end(request, process->p_nr, NULL, 0, NULL, 0);
}

/* The contract's nodes of a backup: another one, and both belong to the DC. */
static int check_primary(struct request *request)
{
	const struct node *node = request->node;
	const struct directory_dc *dc = &node->directory.dc[request->head.dcid];
	int primary = request->head.nodeid;

	if (primary < 0 || primary >= NR_NODES || primary == node->options.id)
		request_fail(request, EDVSBADNODEID,
			     "the primary runs on another node than %d, not on %d",
			     node->options.id, primary);
	else if (!(dc->nodes >> primary & 1))
		request_fail(request, EDVSNODCNODE, "node %d does not belong to DC %d", primary,
			     request->head.dcid);
	else
		return 0;
	return -1;
}

static int check_slot(struct request *request, int p_nr)
{
	const struct node *node = request->node;
	int dcid = request->head.dcid;
	const struct directory_endpoint *ep = node_endpoint(node, dcid, p_nr);
	const struct directory_dc *dc;

	if (dcid < 0 || dcid >= SHM_DCS || !node->directory.dc[dcid].running) {
		request_fail(request, dcid < 0 || dcid >= SHM_DCS ? EDVSBADDCID : EDVSDCNOTRUN,
			     "DC %d is not running; create it with: dvs dc create %d", dcid, dcid);
		return -1;
	}
	dc = &node->directory.dc[dcid];
	if (!ep || p_nr < -dc->nr_tasks || p_nr >= dc->nr_procs) {
		request_fail(request, EDVSRANGE, "DC %d has endpoints %d to %d, not %d", dcid,
			     -dc->nr_tasks, dc->nr_procs - 1, request->head.endpoint);
		return -1;
	}
	if (request->head.cmd == BKUP_BIND)
		return check_primary(request);
	if (ep->bound) {
		request_fail(request, EDVSSLOTUSED,
			     "endpoint %d of DC %d is bound already, on node %d; choose a free one "
			     "(dvs ps %d)",
			     p_nr, dcid, ep->node, dcid);
		return -1;
	}
	return 0;
}

/* What this node knows speaks against the run, and it may be behind. */
static bool is_doubtful(const struct request *request, int p_nr)
{
	int dcid = request->head.dcid;
	const struct directory_endpoint *ep = node_endpoint(request->node, dcid, p_nr);

	if (!ep)
		return false; /* nothing that is ordered makes that number a slot */
	if (!request->node->directory.dc[dcid].running)
		return true;
	return request->head.cmd == BKUP_BIND ? !ep->bound || ep->node != request->head.nodeid
					      : ep->bound;
}

void handle_run(struct request *request)
{
	struct node *node = request->node;
	struct command cmd = { .kind = COMMAND_BIND,
			       .dcid = request->head.dcid,
			       .p_nr = request->head.endpoint,
			       .node = node->options.id,
			       .bind_kind = request->head.cmd,
			       .misc = MIS_GRPLEADER };
	struct refusal why = REFUSAL_NONE;
	struct process *process;
	const char *base;

	if (is_doubtful(request, cmd.p_nr) && order_catch_up(request, handle_run))
		return;
	if (check_slot(request, cmd.p_nr) < 0)
		return;
	if (spawn(request, &process, &why) < 0) {
		request_refuse(request, &why);
		return;
	}
	base = (const char *)request->payload + sizeof(struct ctl_run);
	base = strrchr(base, '/') ? strrchr(base, '/') + 1 : base;
	memcpy(cmd.name, base, strnlen(base, sizeof(cmd.name) - 1));
	if (request->head.cmd == BKUP_BIND) {
		run_backup(request, process, &cmd);
		return;
	}
	cmd.lpid = process->lpid;
	cmd.vpid = process->vpid;
	if (request->head.cmd == REPLICA_BIND)
		cmd.misc |= MIS_REPLICATED;
	request->keeper = process;
	process->starter = request;
	order_propose(node, &cmd, run_bound, request);
}

static void logs_gathered(struct request *request)
{
	if (request->data_sent || request->gathered)
		request_end(request, 0, NULL, 0, NULL, 0);
	else
		request_fail(request, EDVSNOTBIND, "endpoint %d of DC %d is not bound",
			     request->head.endpoint, request->head.dcid);
}

/* The endpoint is free: what its last process left, here or on the node that had it last. */
static void logs_of_ended(struct request *request, int dcid, int p_nr)
{
	if (ended_send(request, dcid, p_nr)) {
		request_end(request, 0, NULL, 0, NULL, 0);
		return;
	}
	if (request->head.cmd == 1 || request->from >= 0)
		request_fail(request, EDVSNOENT, "nothing is kept here");
	else
		gather_start(request, CTL_LOGS, logs_gathered);
}

/* From byte head.bytes of what the process wrote in its life, wherever it was then. */
void handle_logs(struct request *request)
{
	struct node *node = request->node;
	int dcid = request->head.dcid, p_nr = request->head.endpoint;
	const struct directory_endpoint *ep = node_endpoint(node, dcid, p_nr);
	struct process *process = process_find(node, dcid, p_nr);
	uint64_t from = (uint64_t)request->head.bytes;

	if (request_check_dc(request, dcid) < 0)
		return; /* what a removed DC wrote is gone with it */
	if (ep && !ep->bound && request->from < 0 && order_catch_up(request, handle_logs))
		return;
	if (!ep || !ep->bound) {
		logs_of_ended(request, dcid, p_nr);
		return;
	}
	if (ep->node != node->options.id) {
		request_forward(request, ep->node);
		return;
	}
	if (!process || !process->log) {
		request_fail(request, EDVSNOENT,
			     "endpoint %d was not started by dvs run: its output is not kept",
			     request->head.endpoint);
		return;
	}
	process_send_log(process, request, from);
	if (request->head.flags & CTL_FLAG_FOLLOW)
		process_follow(process, request);
	else
		request_end(request, 0, NULL, 0, NULL, 0);
}
