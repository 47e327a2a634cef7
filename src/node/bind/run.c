/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/refusal.h"
#include "base/result.h"
#include "dvk.h"
#include "node/bind/backup.h"
#include "node/bind/charge.h"
#include "node/task/ended.h"
#include "node/task/following.h"
#include "node/bind/binding.h"
#include "node/calls.h"
#include "node/task/init.h"
#include "node/task/output.h"
#include "node/state/life.h"
#include "node/task/caller.h"
#include "node/state/order.h"
#include "node/bind/binding.h"
#include "node/task/inits.h"
#include "node/ask/request.h"
#include "node/task/rights.h"
#include "node/task/task.h"
#include "node/ask/door.h"
#include "os/log.h"
#include "os/pid.h"
#include "os/signals.h"
#include "os/socket.h"
#include "proxy/proxy.h"

/*
 * Starting a command bound to an endpoint, and what it writes. The process waits, all prepared, until
 * the order has delivered its binding, so that its first call finds it bound; a refused binding ends it
 * before it executed anything.
 */

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
static void add_socket(const struct bindings *bindings, struct arguments *args)
{
	char **end = args->envp;

	snprintf(args->socket, sizeof(args->socket), CTL_SOCKET_VARIABLE "=%s",
		 door_path(bindings->requests->door));
	while (*end)
		end++;
	*end = args->socket;
}

/* One `dvs run`, from its first question to the init until it is answered. */
struct run {
	struct bindings *bindings;
	struct request *request;
	uid_t uid;		      /* that has a share of the starts */
	struct task *task;	      /* kept; NULL: not started yet */
	struct output *output;	      /* until the process has it */
	char cgroup[CGROUP_NAME_MAX]; /* the same */
	struct refusal why;  /* of the end of its process, which the order has still to hear of */
	uint32_t generation; /* of the binding */
};

static void run_free(struct run *run)
{
	if (run->task)
		task_let(run->task);
	output_free(run->output);
	cgroup_end(run->bindings->tasks, run->cgroup, true);
	share_give(&run->bindings->requests->shares, run->uid, SHARE_STARTS);
	free(run);
}

static void run_refuse(struct run *run)
{
	request_refuse(run->request, &run->why);
	run_free(run);
}

/* It has not executed anything; its exit is told by the init. */
static void kill_held(const struct task *task)
{
	os_pidfd_signal(task->pidfd, OS_SIGKILL);
}

static void on_spawned(void *ctx, const struct dc_init_answer *answer);

/* That of the endpoint to come; of one that has none yet, a number like no other. */
static uint32_t life_of(const struct request *request)
{
	const struct directory_endpoint *ep = order_endpoint(
		request->requests->order, request->head.dcid, request->head.endpoint);

	return ep ? ep->generation : (uint32_t)++request->requests->last_id;
}

/* Asks the init for a process. */
static int spawn(struct run *run)
{
	struct request *request = run->request;
	struct bindings *bindings = binding_part(request);
	int dcid = request->head.dcid, r;
	uint64_t taken[BITS_WORDS(DC_VPID_COUNT)] = { 0 };
	struct arguments args = { 0 };
	struct dc_spawn spawn;

	r = parse_arguments(request, &args);
	if (r == 0 && args.head.log_bytes &&
	    (args.head.log_bytes < OUTPUT_LEAST || args.head.log_bytes > OUTPUT_MOST)) {
		refusal_set(&run->why, EDVSINVAL,
			    "the log of a process keeps %u to %u bytes, not %u", OUTPUT_LEAST,
			    OUTPUT_MOST, args.head.log_bytes);
		r = -EINVAL;
	}
	if (r == 0)
		add_socket(bindings, &args);
	if (r == 0)
		r = inits_start(bindings->tasks, dcid);
	if (r == 0)
		r = output_new(bindings->loop,
			       args.head.log_bytes ? args.head.log_bytes : bindings->log_bytes,
			       &run->output);
	if (r == 0) {
		inits_taken_vpids(bindings->tasks, dcid, taken);
		spawn = (struct dc_spawn){ .argv = args.argv,
					   .envp = args.envp,
					   .cwd = args.cwd,
					   .umask = args.head.umask,
					   .uid = request->uid,
					   .gid = request->gid,
					   .groups = request->user.group,
					   .group_count = (int)request->user.group_count,
					   .taken = taken,
					   .fds = { -1, output_fd(run->output),
						    output_fd(run->output) } };
		spawn.cgroup = cgroup_make(bindings->tasks, dcid, request->head.endpoint,
					   life_of(request), run->cgroup);
		r = dc_init_spawn(bindings->tasks->init[dcid], &spawn, on_spawned, run);
		os_close(spawn.cgroup);
	}
	free(args.argv);
	if (r < 0)
		refusal_set_errno(&run->why, r, "the command could not be started on node %d: %s",
				  bindings->order->self, strerror(-r));
	return r;
}

static void run_row(struct request *request, const struct task *task, int p_nr)
{
	bool unbound = request->head.flags & CTL_FLAG_UNBOUND;
	struct ctl_run_row row = { .lpid = task->lpid,
				   .vpid = task->vpid,
				   .endpoint = unbound ? NONE : p_nr,
				   .node = request->requests->order->self,
				   .serves = unbound ||
					     rights_is_sysproc(&request->requests->tasks->rights,
							       request->head.dcid, p_nr) };

	request_row(request, &row, sizeof(row));
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

	/* Refused, if it is unbound already, with its DC. */
	if (result->code >= 0)
		order_propose(request->requests->order, &cmd, &right_root, NULL, NULL);
	refusal_set(&run->why, EDVSSRCDIED,
		    "the process for endpoint %d of DC %d ended before it could execute its "
		    "command: it was killed, or the DC was removed meanwhile (dvs dc list)",
		    request->head.endpoint, request->head.dcid);
	run_refuse(run);
}

static void run_over(struct order *order, void *ctx, const struct directory_result *result)
{
	(void)order;
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

	assert(run->task);
	refusal_set(
		&run->why, EDVSNOEXEC,
		"the command could not be executed: its process or its container has just ended");
	if (!run->task->gone) {
		run->task->forgotten = true;
		kill_held(run->task);
	} else if (!(request->head.flags & CTL_FLAG_UNBOUND)) {
		ended_forget_life(request->requests->tasks, cmd.dcid, cmd.p_nr, cmd.generation);
	}
	if (request->head.cmd == BKUP_BIND) { /* no command of the order, and free here */
		if (run->task->bindings)
			backup_end(run->task->bindings);
		run_refuse(run);
		return;
	}
	if (request->head.flags & CTL_FLAG_UNBOUND) {
		run_refuse(run);
		return;
	}
	order_propose(request->requests->order, &cmd, &right_root, run_over, run);
}

/* The init has let it go, or could not. */
static void on_let_go(void *ctx, const struct dc_init_answer *answer)
{
	struct run *run = ctx;
	struct request *request = run->request;
	struct task *task = run->task;
	int p_nr = request->head.endpoint;

	assert(task->kept > 0);
	if (answer->error || task->gone) {
		run->why = answer->why;
		run_failed(run);
		return;
	}
	task->starting = false;
	os_kept_note(&task->in_state);
	run_row(request, task, p_nr);
	if (request->head.flags & CTL_FLAG_FOLLOW) {
		/* Its output since it was let go came before this answer. */
		following_send(task, request, 0);
		following_add(task, request);
	} else {
		request_end(request, p_nr, NULL, 0, NULL, 0);
	}
	run_free(run);
}

static void let_go(struct run *run)
{
	struct bindings *bindings = run->bindings;
	struct dc_init *init = bindings->tasks->init[run->task->dcid];

	if (!init || dc_init_go(init, run->task->vpid, on_let_go, run) < 0)
		run_failed(run);
}

/* The service addresses of its DC are here, or cannot be. */
static void on_served(void *ctx, const struct refusal *refusal)
{
	struct run *run = ctx;

	if (!refusal->error) {
		let_go(run);
		return;
	}
	run->why = *refusal;
	run_failed(run);
}

static void run_bound(struct order *order, void *ctx, const struct directory_result *result)
{
	struct run *run = ctx;
	struct request *request = run->request;
	struct task *task = run->task;
	struct binding *binding;
	int r;

	assert(task->kept > 0);
	if (task->gone) {
		run_orphaned(run, result);
		return;
	}
	if (result->code < 0) {
		kill_held(task);
		refusal_set_number(&run->why, result->code,
				   "endpoint %d of DC %d cannot be bound: %s",
				   request->head.endpoint, request->head.dcid,
				   order_why(order, result->code));
		run_refuse(run);
		return;
	}
	run->generation = result->generation;
	rights_reset(&request->requests->tasks->rights, request->head.dcid, request->head.endpoint);
	r = binding_make(task, request->head.dcid, request->head.endpoint, result->value,
			 result->generation, &binding);
	if (r < 0) {
		run_failed(run);
		return;
	}
	proxy_offer_new(request->requests->proxy, binding->dcid, binding->p_nr, binding->endpoint);
	if (!addresses_serve(&run->bindings->addresses, binding->dcid) ||
	    addresses_await(&run->bindings->addresses, binding->dcid, on_served, run) < 0)
		let_go(run);
}

/* A backup is of this node alone: no command of the order, and no endpoint yet. */
static void run_backup(struct run *run, const struct command *cmd)
{
	struct request *request = run->request;
	struct binding *binding;
	int dcid = request->head.dcid;
	int r = backup_check(run->bindings, dcid, cmd->p_nr, request->head.nodeid, &run->why);

	if (r == 0 && backup_begin(run->task, dcid, cmd->p_nr, &binding) < 0)
		r = refusal_set(&run->why, EDVSALLOCMEM, "no memory for the pages of the binding");
	if (r < 0) {
		kill_held(run->task);
		run_refuse(run);
		return;
	}
	/* Not that of the init, which it still is. */
	memcpy(binding->name, cmd->name, sizeof(binding->name));
	os_kept_note(&binding->in_state);
	let_go(run);
}

/* There is a process, which waits: its endpoint is bound next, unless it binds itself. */
static void on_spawned(void *ctx, const struct dc_init_answer *answer)
{
	struct run *run = ctx;
	struct request *request = run->request;
	struct bindings *bindings = binding_part(request);
	struct command cmd = { .kind = COMMAND_BIND,
			       .dcid = request->head.dcid,
			       .p_nr = request->head.endpoint,
			       .node = bindings->order->self,
			       .bind_kind = request->head.cmd,
			       .misc = MIS_GRPLEADER,
			       .lpid = answer->lpid,
			       .vpid = answer->vpid };
	const char *base = (const char *)request->payload + sizeof(struct ctl_run);

	assert(!run->task);
	run->why = answer->why;
	if (!answer->error && task_new(bindings->tasks, answer->lpid, answer->lpid, answer->vpid,
				       answer->pidfd, &run->task) < 0) {
		os_pidfd_signal(answer->pidfd, OS_SIGKILL);
		os_close(answer->pidfd);
		refusal_set(&run->why, EDVSALLOCMEM, "no memory for a process on node %d",
			    bindings->order->self);
	}
	if (!run->task) {
		run_refuse(run);
		return;
	}
	task_keep(run->task);
	run->task->managed = true;
	run->task->dcid = cmd.dcid;
	following_take_output(run->task, run->output, 0);
	run->output = NULL;
	memcpy(run->task->cgroup, run->cgroup, sizeof(run->cgroup));
	run->cgroup[0] = 0;
	os_kept_note(&run->task->in_state);
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
	order_propose(bindings->order, &cmd, &request->user, run_bound, run);
}

/* The contract's nodes of a backup: another one, and both belong to the DC. */
static int check_primary(struct request *request)
{
	const struct bindings *bindings = binding_part(request);
	const struct directory_dc *dc = &bindings->order->directory.dc[request->head.dcid];
	int primary = request->head.nodeid;

	if (primary < 0 || primary >= NR_NODES || primary == bindings->order->self)
		request_fail(request, EDVSBADNODEID,
			     "the primary runs on another node than %d, not on %d",
			     bindings->order->self, primary);
	else if (!(dc->nodes >> primary & 1))
		request_fail_outside(request, EDVSNODCNODE, primary, request->head.dcid);
	else
		return 0;
	return -1;
}

static int check_slot(struct request *request, int p_nr)
{
	const struct bindings *bindings = binding_part(request);
	int dcid = request->head.dcid;
	const struct directory_endpoint *ep = order_endpoint(bindings->order, dcid, p_nr);
	const struct directory_dc *dc;

	if (dcid < 0 || dcid >= SHM_DCS || !bindings->order->directory.dc[dcid].running) {
		request_fail_number(request,
				    dcid < 0 || dcid >= SHM_DCS ? EDVSBADDCID : EDVSDCNOTRUN,
				    "DC %d is not running; create it with: dvs dc create %d", dcid,
				    dcid);
		return -1;
	}
	dc = &bindings->order->directory.dc[dcid];
	if (request->head.flags & CTL_FLAG_UNBOUND) {
		if (!(dc->nodes >> bindings->order->self & 1)) {
			request_fail_outside(request, EDVSNODCNODE, bindings->order->self, dcid);
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

/* The directory here speaks against the run, and this node may be behind. */
static bool is_doubtful(const struct request *request, int p_nr)
{
	int dcid = request->head.dcid;
	const struct directory_endpoint *ep = order_endpoint(request->requests->order, dcid, p_nr);
	int primary = request->head.cmd == BKUP_BIND ? request->head.nodeid
						     : request->requests->order->self;

	if (p_nr == NONE && dcid >= 0 && dcid < SHM_DCS)
		return !caller_knows_nodes(request, dcid, primary);
	if (!ep)
		return false; /* nothing that is ordered makes that number a slot */
	if (!caller_knows_nodes(request, dcid, primary))
		return true;
	return request->head.cmd == BKUP_BIND ? !ep->bound || ep->node != request->head.nodeid
					      : ep->bound;
}

void handle_run(struct request *request)
{
	struct run *run;

	if (binding_part(request)->emptied) {
		request_fail(
			request, EDVSRSCBUSY,
			"node %d is being emptied (dvs drain) and begins nothing meanwhile; run "
			"it on another node, or here when the drain is over",
			request->requests->order->self);
		return;
	}
	if (is_doubtful(request, request->head.endpoint) && caller_catch_up(request, handle_run))
		return;
	if (check_slot(request, request->head.endpoint) < 0 || !charge_process(request))
		return;
	if (!share_take(&request->requests->shares, request->uid, SHARE_STARTS)) {
		request_fail_share(request, SHARE_STARTS);
		return;
	}
	run = calloc(1, sizeof(*run));
	if (!run) {
		share_give(&request->requests->shares, request->uid, SHARE_STARTS);
		request_fail(request, EDVSALLOCMEM, "no memory");
		return;
	}
	run->bindings = binding_part(request);
	run->request = request;
	run->uid = request->uid;
	if (spawn(run) < 0)
		run_refuse(run);
}
