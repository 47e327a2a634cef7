/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/refusal.h"
#include "base/result.h"
#include "dvk.h"
#include "node/bind/backup.h"
#include "node/task/ended.h"
#include "node/ask/gather.h"
#include "node/calls.h"
#include "node/task/init.h"
#include "node/task/log.h"
#include "node/node.h"
#include "node/state/life.h"
#include "node/task/caller.h"
#include "node/state/order.h"
#include "node/task/process.h"
#include "node/ask/request.h"
#include "node/task/rights.h"
#include "node/ask/door.h"
#include "os/log.h"
#include "os/pid.h"
#include "os/signals.h"
#include "os/socket.h"

/*
 * Starting a command bound to an endpoint, and what it writes. The process waits, all prepared, until
 * the order has delivered its binding, so that its first call finds it bound; a refused binding ends it
 * before it executed anything.
 */

static void on_exited(void *ctx, int dcid, const struct dc_exit *ended)
{
	process_on_init_exit(ctx, dcid, ended->vpid, ended->status);
}

static void on_gone(void *ctx, int dcid)
{
	os_log(OS_LOG_ERROR, "the init of DC %d is gone, and its processes with it", dcid);
	node_drop_init(ctx, dcid);
}

int node_start_init(struct node *node, int dcid)
{
	const struct dc_init_events events = { on_exited, on_gone, node };

	return node->init[dcid] ? 0
				: dc_init_start(&node->init[dcid], node->loop, dcid,
						node->options.id, &events);
}

int node_adopt_init(struct node *node, int dcid, const struct dc_init_place *place)
{
	const struct dc_init_events events = { on_exited, on_gone, node };

	node->init[dcid] = dc_init_adopt(node->loop, dcid, place, &events);
	return node->init[dcid] ? 0 : -ENOMEM;
}

void node_drop_init(struct node *node, int dcid)
{
	struct dc_init *init = node->init[dcid];

	node->init[dcid] = NULL; /* what comes of this is not asked of it */
	dc_init_free(init);
	process_on_init_killed(node, dcid);
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
	char socket[128]; /* the last of envp */
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
	args->argv = calloc(count + 3, sizeof(char *));
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

/* By which path the program reaches this daemon where its abstract name is not: in another network. */
static void add_socket(const struct node *node, struct arguments *args)
{
	char **end = args->envp;

	snprintf(args->socket, sizeof(args->socket), CTL_SOCKET_VARIABLE "=%s",
		 door_path(node->door));
	while (*end)
		end++;
	*end = args->socket;
}

/* One `dvs run`, from its first question to the init until it is answered. */
struct run {
	struct node *node;
	struct request *request;
	struct process *process;      /* NULL: not started yet, or gone again */
	struct proc_log *log;	      /* until the process has it */
	char cgroup[CGROUP_NAME_MAX]; /* the same */
	struct refusal why;  /* of the end of its process, which the order has still to hear of */
	uint32_t generation; /* of the binding */
};

static void run_free(struct run *run)
{
	if (run->process)
		run->process->starter = NULL;
	proc_log_free(run->log);
	cgroup_end(run->node, run->cgroup, true);
	free(run);
}

static void run_refuse(struct run *run)
{
	request_refuse(run->request, &run->why);
	run_free(run);
}

/* It has not executed anything; its exit is told by the init. */
static void kill_held(const struct process *process)
{
	os_pidfd_signal(process->pidfd, OS_SIGKILL);
}

static void on_spawned(void *ctx, const struct dc_init_answer *answer);

/* That of the endpoint to come; of one that has none yet, a number like no other. */
static uint32_t life_of(const struct request *request)
{
	const struct directory_endpoint *ep =
		node_endpoint(request->node, request->head.dcid, request->head.endpoint);

	return ep ? ep->generation : (uint32_t)++request->node->next_request;
}

/* Asks the init for a process. */
static int spawn(struct run *run)
{
	struct request *request = run->request;
	struct node *node = request->node;
	int dcid = request->head.dcid, r;
	uint64_t taken[BITS_WORDS(DC_VPID_COUNT)] = { 0 };
	struct arguments args = { 0 };
	struct dc_spawn spawn;

	r = parse_arguments(request, &args);
	if (r == 0 && args.head.log_bytes &&
	    (args.head.log_bytes < PROC_LOG_LEAST || args.head.log_bytes > PROC_LOG_MOST)) {
		refusal_set(&run->why, EDVSINVAL,
			    "the log of a process keeps %u to %u bytes, not %u", PROC_LOG_LEAST,
			    PROC_LOG_MOST, args.head.log_bytes);
		r = -EINVAL;
	}
	if (r == 0)
		add_socket(node, &args);
	if (r == 0)
		r = node_start_init(node, dcid);
	if (r == 0)
		r = proc_log_new(node->loop,
				 args.head.log_bytes ? args.head.log_bytes
						     : node->options.log_bytes,
				 &run->log);
	if (r == 0) {
		taken_vpids(node, dcid, taken);
		spawn = (struct dc_spawn){ .argv = args.argv,
					   .envp = args.envp,
					   .cwd = args.cwd,
					   .umask = args.head.umask,
					   .uid = request->uid,
					   .gid = request->gid,
					   .taken = taken,
					   .fds = { -1, proc_log_fd(run->log),
						    proc_log_fd(run->log) } };
		spawn.cgroup = cgroup_make(node, dcid, request->head.endpoint, life_of(request),
					   run->cgroup);
		r = dc_init_spawn(node->init[dcid], &spawn, on_spawned, run);
		os_close(spawn.cgroup);
	}
	free(args.argv);
	if (r < 0)
		refusal_set_errno(&run->why, r, "the command could not be started on node %d: %s",
				  node->options.id, strerror(-r));
	return r;
}

static void run_row(struct request *request, const struct process *process)
{
	bool unbound = request->head.flags & CTL_FLAG_UNBOUND;
	struct ctl_run_row row = {
		.lpid = process->lpid,
		.vpid = process->vpid,
		.endpoint = unbound ? NONE : process->p_nr,
		.node = request->node->options.id,
		.serves = unbound || node_is_sysproc(request->node, process->dcid, process->p_nr)
	};

	request_row(request, &row, sizeof(row));
}

static void run_unbound(struct node *node, void *ctx, const struct directory_result *result)
{
	(void)node;
	(void)ctx;
	(void)result; /* refused: it is unbound already, with its DC */
}

/* The process ended, or its DC was removed, before its binding came: the binding is nobody's. */
static void run_orphaned(struct run *run, const struct directory_result *result)
{
	const struct request *request = run->request;
	struct command cmd = { .kind = COMMAND_UNBIND,
			       .dcid = request->head.dcid,
			       .p_nr = _ENDPOINT_P(request->head.endpoint),
			       .generation = result->generation,
			       .flags = COMMAND_FLAG_DIED };

	if (result->code >= 0)
		order_propose(request->node, &cmd, run_unbound, NULL);
	refusal_set(&run->why, EDVSSRCDIED,
		    "the process for endpoint %d of DC %d ended before it could execute its "
		    "command: it was killed, or the DC was removed meanwhile (dvs dc list)",
		    request->head.endpoint, request->head.dcid);
	run_refuse(run);
}

static void run_over(struct node *node, void *ctx, const struct directory_result *result)
{
	(void)node;
	(void)result; /* refused: its exit came first */
	run_refuse(ctx);
}

/*
 * Bound, and it will never execute. Refused when the order has ended the binding: a command that then asks
 * for the slot finds it free, wherever.
 */
static void run_failed(struct run *run)
{
	const struct request *request = run->request;
	struct command cmd = { .kind = COMMAND_UNBIND,
			       .dcid = request->head.dcid,
			       .p_nr = _ENDPOINT_P(request->head.endpoint),
			       .generation = run->generation,
			       .flags = COMMAND_FLAG_DIED };

	refusal_set(
		&run->why, EDVSNOEXEC,
		"the command could not be executed: its process or its container has just ended");
	if (run->process) {
		run->process->forgotten = true;
		kill_held(run->process);
	} else if (!(request->head.flags & CTL_FLAG_UNBOUND)) {
		ended_forget_life(request->node, cmd.dcid, cmd.p_nr, cmd.generation);
	}
	if (run->process && run->process->backup) {
		backup_end(run->process); /* no command of the order, and free here */
		run_refuse(run);
		return;
	}
	if (request->head.flags & CTL_FLAG_UNBOUND) {
		run_refuse(run);
		return;
	}
	order_propose(request->node, &cmd, run_over, run);
}

/* The init has let it go, or could not. */
static void on_let_go(void *ctx, const struct dc_init_answer *answer)
{
	struct run *run = ctx;
	struct request *request = run->request;
	struct process *process = run->process;

	if (answer->error || !process) {
		run->why = answer->why;
		run_failed(run);
		return;
	}
	run_free(run);
	if (process->state == PROCESS_STARTING)
		process->state = PROCESS_UNBOUND;
	run_row(request, process);
	if (request->head.flags & CTL_FLAG_FOLLOW) {
		/* What it has written since it was let go came before this answer. */
		process_send_log(process, request, 0);
		process_follow(process, request);
	} else {
		request_end(request, process->p_nr, NULL, 0, NULL, 0);
	}
}

static void let_go(struct run *run)
{
	struct node *node = run->request->node;
	struct dc_init *init = node->init[run->process->dcid];

	if (!init || dc_init_go(init, run->process->vpid, on_let_go, run) < 0)
		run_failed(run);
}

static void run_bound(struct node *node, void *ctx, const struct directory_result *result)
{
	struct run *run = ctx;
	struct request *request = run->request;
	struct process *process = run->process;
	int r;

	if (!process) {
		run_orphaned(run, result);
		return;
	}
	if (result->code < 0) {
		kill_held(process);
		refusal_set_number(&run->why, result->code,
				   "endpoint %d of DC %d cannot be bound: %s",
				   request->head.endpoint, request->head.dcid,
				   order_why(node, result->code));
		run_refuse(run);
		return;
	}
	process->state = PROCESS_BOUND; /* from now on its exit unbinds it */
	run->generation = result->generation;
	rights_reset(node, request->head.dcid, request->head.endpoint);
	r = process_attach(process, request->head.dcid, request->head.endpoint, result->value,
			   result->generation);
	if (r < 0) {
		run_failed(run);
		return;
	}
	proxy_offer(node->proxy, process->dcid, process->p_nr, process->endpoint);
	let_go(run);
}

/* A backup is of this node alone: no command of the order, and no endpoint yet. */
static void run_backup(struct run *run, const struct command *cmd)
{
	struct request *request = run->request;
	struct process *process = run->process;
	int dcid = request->head.dcid;
	int r = backup_check(request->node, dcid, cmd->p_nr, request->head.nodeid, &run->why);

	if (r == 0 && backup_begin(process, dcid, cmd->p_nr) < 0)
		r = refusal_set(&run->why, EDVSALLOCMEM, "no memory for the pages of the binding");
	if (r < 0) {
		kill_held(process);
		run_refuse(run);
		return;
	}
	/* Not that of the init, which it still is. */
	memcpy(process->name, cmd->name, sizeof(process->name));
	let_go(run);
}

/* There is a process, which waits: its endpoint is bound next, unless it binds itself. */
static void on_spawned(void *ctx, const struct dc_init_answer *answer)
{
	struct run *run = ctx;
	struct request *request = run->request;
	struct node *node = request->node;
	struct command cmd = { .kind = COMMAND_BIND,
			       .dcid = request->head.dcid,
			       .p_nr = request->head.endpoint,
			       .node = node->options.id,
			       .bind_kind = request->head.cmd,
			       .misc = MIS_GRPLEADER,
			       .lpid = answer->lpid,
			       .vpid = answer->vpid };
	const char *base = (const char *)request->payload + sizeof(struct ctl_run);

	run->why = answer->why;
	if (!answer->error && process_new(node, answer->lpid, answer->lpid, answer->vpid,
					  answer->pidfd, &run->process) < 0) {
		os_pidfd_signal(answer->pidfd, OS_SIGKILL);
		os_close(answer->pidfd);
		refusal_set(&run->why, EDVSALLOCMEM, "no memory for a process on node %d",
			    node->options.id);
	}
	if (!run->process) {
		run_refuse(run);
		return;
	}
	run->process->managed = true;
	run->process->dcid = cmd.dcid;
	run->process->starter = &run->process;
	process_take_log(run->process, run->log, 0);
	run->log = NULL;
	memcpy(run->process->cgroup, run->cgroup, sizeof(run->cgroup));
	run->cgroup[0] = 0;
	base = strrchr(base, '/') ? strrchr(base, '/') + 1 : base;
	memcpy(cmd.name, base, strnlen(base, sizeof(cmd.name) - 1));
	if (request->head.flags & CTL_FLAG_UNBOUND) {
		let_go(run);
		return;
	}
	if (request->head.cmd == BKUP_BIND) {
		run_backup(run, &cmd);
		return;
	}
	if (request->head.cmd == REPLICA_BIND)
		cmd.misc |= MIS_REPLICATED;
	order_propose(node, &cmd, run_bound, run);
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
		request_fail_number(request,
				    dcid < 0 || dcid >= SHM_DCS ? EDVSBADDCID : EDVSDCNOTRUN,
				    "DC %d is not running; create it with: dvs dc create %d", dcid,
				    dcid);
		return -1;
	}
	dc = &node->directory.dc[dcid];
	if (request->head.flags & CTL_FLAG_UNBOUND) {
		if (!(dc->nodes >> node->options.id & 1)) {
			request_fail(request, EDVSNODCNODE, "node %d does not belong to DC %d",
				     node->options.id, dcid);
			return -1;
		}
		if (p_nr == NONE)
			return 0;
	}
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

	if (p_nr == NONE && dcid >= 0 && dcid < SHM_DCS)
		return !request->node->directory.dc[dcid].running;
	if (!ep)
		return false; /* nothing that is ordered makes that number a slot */
	if (!request->node->directory.dc[dcid].running)
		return true;
	return request->head.cmd == BKUP_BIND ? !ep->bound || ep->node != request->head.nodeid
					      : ep->bound;
}

void handle_run(struct request *request)
{
	struct run *run;

	if (is_doubtful(request, request->head.endpoint) && caller_catch_up(request, handle_run))
		return;
	if (check_slot(request, request->head.endpoint) < 0)
		return;
	run = calloc(1, sizeof(*run));
	if (!run) {
		request_fail(request, EDVSALLOCMEM, "no memory");
		return;
	}
	run->node = request->node;
	run->request = request;
	if (spawn(run) < 0)
		run_refuse(run);
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

	if (caller_check_dc(request, dcid, handle_logs) < 0)
		return; /* what a removed DC wrote is gone with it */
	if (ep && !ep->bound && request->from < 0 && caller_catch_up(request, handle_logs))
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
