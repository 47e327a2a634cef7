/* SPDX-License-Identifier: Apache-2.0 */
#include "node/move/restoring.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/result.h"
#include "base/right.h"
#include "dvk.h"
#include "migrate/image_pack.h"
#include "migrate/image_survey.h"
#include "node/ask/request.h"
#include "node/ask/share.h"
#include "node/bind/backup.h"
#include "node/bind/binding.h"
#include "node/bind/judge.h"
#include "node/calls.h"
#include "node/move/conversations.h"
#include "node/move/image.h"
#include "node/move/target_part.h"
#include "node/state/order.h"
#include "node/task/task.h"
#include "os/clock.h"
#include "os/lock.h"
#include "os/memfd.h"
#include "os/open.h"
#include "os/secure.h"
#include "os/socket.h"
#include "os/threads.h"
#include "proxy/proxy.h"

/*
 * The file is read once, to its end, into memory files; all damage is found by that. Then the steps are
 * those of a move's target, and the memory files stand for the connection:
 *
 *	read, survey     whole, authentic, and of a process that is the asker's
 *	place            its DC runs here, the slot is free
 *	check, load      pid free, same files, same kernel; rebuilt, held
 *	bind             a new life of the endpoint, by an ordered command like any other; its channels are dead
 *	resume
 *
 * Where a move by hand of this very life is under way, nothing is bound: the process stands by as a backup until
 * dvs_migrate -c makes it the endpoint's process, and its channels are those of that life.
 */

struct restoring {
	struct restoring *next;
	struct target target; /* for the steps; it is in no list of targets */
	struct request *request;
	struct secure_keys *keys; /* a share */
	struct right_user user;	  /* that asked */
	int fd;			  /* owned: the file */
	bool looks;		  /* dvs image: nothing is made */
	int wish;		  /* the endpoint that was asked for, or NONE */
	bool by_hand;
	struct image_parts parts;
	struct image_file_about about;
	struct image_survey survey;
	struct ctl_image report;
	struct {
		pthread_cond_t cond;
		bool done;
	} bind;
};

int restoring_count(const struct moves *moves)
{
	int count = 0;

	assert(os_lock_protects());
	for (const struct restoring *r = moves->restorings; r; r = r->next)
		count++;
	return count;
}

/* ---- the steps, without the lock ---- */

/* To the asker of dvs image: one path after the other. */
static void tell_file(void *ctx, const char *path)
{
	struct restoring *r = ctx;

	os_lock_take(r->target.moves->lock);
	if (r->request && r->looks)
		request_data(r->request, path, (uint32_t)strlen(path) + 1);
	os_lock_release(r->target.moves->lock);
}

static void describe(struct restoring *r)
{
	const struct image_file_about *about = &r->about;
	struct ctl_image *report = &r->report;

	report->dcid = about->dcid;
	report->endpoint = about->p_nr;
	report->made_on = about->node;
	report->vpid = about->vpid;
	report->generation = about->generation;
	report->by_hand = about->by_hand;
	report->uid = r->survey.uid;
	report->taken_ns = about->taken_ns;
	report->raw_bytes = about->bytes[0] + about->bytes[1] + about->bytes[2];
	report->pages = r->survey.pages;
	report->processes = r->survey.processes;
	report->threads = r->survey.threads;
	report->maps = r->survey.maps;
	report->descriptors = r->survey.descriptors;
	report->files = r->survey.files;
	memcpy(report->name, about->name, sizeof(report->name));
}

/* The state of its conversations, for the steps of a target. */
static int take_conversations(struct restoring *r)
{
	struct target *a = &r->target;
	ssize_t bytes = os_memfd_size(r->parts.fd[1]);

	assert(!a->arrival[0].state);
	a->arrival[0].state = bytes > 0 ? malloc((size_t)bytes) : NULL;
	if (!a->arrival[0].state)
		return refusal_set(&a->refusal, EDVSALLOCMEM, "no memory for the image");
	if (os_read_at(r->parts.fd[1], a->arrival[0].state, (size_t)bytes, 0) != bytes ||
	    conversations_check(a->arrival[0].state, (uint32_t)bytes) < 0 ||
	    ((const struct move_state *)a->arrival[0].state)->vpid != r->about.vpid)
		return refusal_set(&a->refusal, EDVSIO,
				   "the image is damaged: its conversations are malformed");
	return 0;
}

static int read_file(struct restoring *r)
{
	struct refusal *refusal = &r->target.refusal;
	int error = image_parts_new(&r->parts);

	assert(!os_lock_is_held());
	if (error < 0)
		return refusal_set_errno(refusal, error, "no memory for the image: %s",
					 strerror(-error));
	r->fd = image_open(r->target.moves, r->request, refusal);
	if (r->fd < 0)
		return refusal->error;
	error = image_pack_read(r->fd, r->keys, &r->about, &r->parts, &r->report.key,
				&r->report.file_bytes, refusal);
	r->fd = os_close(r->fd);
	if (error == 0) {
		r->survey = (struct image_survey){ .user = &r->user };
		error = image_survey(&r->parts, &r->survey, refusal);
	}
	if (error == 0 && r->survey.is_of_other)
		error = refusal_set(refusal, EDVSPRIVILEGES,
				    "the process in the file has rights that uid %u has not: root "
				    "may restore it (sudo)",
				    r->user.uid);
	if (error == 0)
		error = take_conversations(r);
	if (error == 0)
		describe(r);
	return error;
}

/* Of the DC; lock held. */
static int check_dc(struct restoring *r)
{
	const struct target *a = &r->target;
	const struct order *order = a->moves->order;
	const struct directory_dc *dc = &order->directory.dc[r->about.dcid];
	struct refusal *refusal = &r->target.refusal;

	if (!dc->running)
		return refusal_set(
			refusal, EDVSDCNOTRUN,
			"DC %d, whose process is in the file, does not run; create it with: "
			"dvs dc create %d",
			r->about.dcid, r->about.dcid);
	if (!(dc->nodes >> order->self & 1))
		return refusal_set(refusal, EDVSNODCNODE,
				   "node %d does not belong to DC %d: add it with dvs dc add %d %d",
				   order->self, r->about.dcid, r->about.dcid, order->self);
	if (!right_may(&dc->owner, &r->user, RIGHT_CHANGE))
		return refusal_set(
			refusal, EDVSPRIVILEGES,
			"uid %u may not change what runs in DC %d; its owner may, and root "
			"(sudo)",
			r->user.uid, r->about.dcid);
	if (a->moves->bindings->emptied)
		return refusal_set(
			refusal, EDVSRSCBUSY,
			"node %d is being emptied (dvs drain) and takes nothing meanwhile",
			order->self);
	return 0;
}

/* Of the endpoint; lock held. */
static int check_slot(struct restoring *r, int p_nr, const struct directory_endpoint *ep)
{
	const struct target *a = &r->target;
	const struct directory *directory = &a->moves->order->directory;
	const struct directory_dc *dc = &directory->dc[r->about.dcid];
	struct refusal *refusal = &r->target.refusal;

	if (!ep || p_nr < -dc->nr_tasks || p_nr >= dc->nr_procs)
		return refusal_set(refusal, EDVSRANGE, "DC %d has endpoints %d to %d, not %d",
				   r->about.dcid, -dc->nr_tasks, dc->nr_procs - 1, p_nr);
	r->by_hand = ep->bound && ep->moving && ep->by_hand && p_nr == r->about.p_nr &&
		     ep->generation == r->about.generation &&
		     dc->generation == r->about.dc_generation;
	if (r->by_hand)
		return backup_check(a->moves->bindings, r->about.dcid, p_nr, ep->node, refusal);
	if (!ep->bound)
		return 0;
	if (p_nr == r->about.p_nr && ep->generation == r->about.generation)
		return refusal_set(
			refusal, EDVSSLOTUSED,
			"the process in the file still is endpoint %d of DC %d, on node %d: "
			"end it first (dvs stop), or restore as another (--endpoint)",
			p_nr, r->about.dcid, ep->node);
	return refusal_set(refusal, EDVSSLOTUSED,
			   "endpoint %d of DC %d is bound already, on node %d; choose a free one "
			   "(--endpoint; dvs ps %d)",
			   p_nr, r->about.dcid, ep->node, r->about.dcid);
}

/* Where it goes: the offer is then as from another node. */
static int find_place(struct restoring *r)
{
	struct target *a = &r->target;
	int p_nr = r->wish == NONE ? r->about.p_nr : r->wish;
	const struct directory_endpoint *ep;
	int error;

	os_lock_take(a->moves->lock);
	error = check_dc(r);
	ep = error ? NULL : order_endpoint(a->moves->order, r->about.dcid, p_nr);
	if (error == 0)
		error = check_slot(r, p_nr, ep);
	if (error == 0) {
		a->offer = (struct move_offer){ .dcid = r->about.dcid,
						.p_nr = p_nr,
						.endpoint = directory_endpoint_number(ep, p_nr),
						.vpid = r->about.vpid,
						.root = r->about.vpid,
						.generation = ep->generation };
		memcpy(a->offer.name, r->about.name, sizeof(a->offer.name));
		a->worker.endpoint = p_nr;
		a->anew = !r->by_hand;
		a->was_nr = r->about.p_nr;
	}
	os_lock_release(a->moves->lock);
	return error;
}

static int with_stream(struct restoring *r, int part,
		       int (*step)(struct migrate_target *target, struct secure *from,
				   struct refusal *refusal))
{
	struct secure *from = secure_plain(os_dup(r->parts.fd[part]));
	int error;

	if (!from)
		return refusal_set(&r->target.refusal, EDVSALLOCMEM, "no memory for the image");
	error = step(r->target.target, from, &r->target.refusal);
	secure_free(from);
	return error;
}

/* The pid is reserved then, by a shell. */
static int check(struct restoring *r)
{
	struct target *a = &r->target;
	struct migrate_host host = target_host(a);

	if (!r->by_hand && target_check_addresses(a) < 0)
		return a->refusal.error;
	a->target = migrate_target_new(&host);
	if (!a->target)
		return refusal_set(&a->refusal, EDVSALLOCMEM, "no memory for the process");
	return with_stream(r, 0, migrate_target_check);
}

static void discard(struct restoring *r)
{
	struct target *a = &r->target;

	if (a->target)
		migrate_target_discard(a->target);
	os_lock_take(a->moves->lock);
	target_forget(a);
	os_lock_release(a->moves->lock);
}

/* The order has bound it: nothing of its former life is under way, and it is the endpoint's process like any other. */
static void take_endpoint(struct restoring *r, const struct directory_result *result)
{
	struct target *a = &r->target;
	struct binding *binding = a->arrival[0].binding;

	assert(os_lock_protects());
	a->arrival[0].binding = NULL;
	a->root = NULL;
	rights_reset(&a->moves->tasks->rights, binding->dcid, binding->p_nr);
	binding_take(binding, result->value, result->generation);
	conversations_unpack_bell(binding, a->arrival[0].state);
	exchange_unhold(a->moves->exchange, binding->dcid, binding->p_nr, 0);
	binding_refresh_channels(binding);
	proxy_offer_new(a->moves->proxy, binding->dcid, binding->p_nr, binding->endpoint);
	if (binding->task->ended) /* while it was held */
		task_end(binding->task);
}

static void on_bound(struct order *order, void *ctx, const struct directory_result *result)
{
	struct restoring *r = ctx;

	if (result->code < 0)
		refusal_set_number(&r->target.refusal, result->code,
				   "endpoint %d of DC %d cannot be bound: %s", r->target.offer.p_nr,
				   r->about.dcid, order_why(order, result->code));
	else
		take_endpoint(r, result);
	r->bind.done = true;
	os_condition_signal(&r->bind.cond);
}

static int bind(struct restoring *r)
{
	struct target *a = &r->target;
	struct command cmd = { .kind = COMMAND_BIND,
			       .dcid = a->offer.dcid,
			       .p_nr = a->offer.p_nr,
			       .node = a->moves->order->self,
			       .bind_kind = LCL_BIND,
			       .misc = MIS_GRPLEADER,
			       .lpid = migrate_target_pid(a->target),
			       .vpid = a->offer.vpid };

	memcpy(cmd.name, a->offer.name, sizeof(cmd.name));
	os_condition_init(&r->bind.cond);
	os_lock_take(a->moves->lock);
	order_propose(a->moves->order, &cmd, &r->user, on_bound, r);
	while (!r->bind.done)
		os_condition_wait(&r->bind.cond, a->moves->lock, 0);
	os_lock_release(a->moves->lock);
	os_condition_deinit(&r->bind.cond);
	return a->refusal.error;
}

/* The move by hand may be over by now. */
static int stand_by(struct restoring *r)
{
	struct target *a = &r->target;
	const struct directory_endpoint *ep;
	int error = 0;

	os_lock_take(a->moves->lock);
	ep = order_endpoint(a->moves->order, a->offer.dcid, a->offer.p_nr);
	if (!ep->bound || !ep->moving || !ep->by_hand || ep->generation != a->offer.generation ||
	    backup_find(a->moves->bindings, a->offer.dcid, a->offer.p_nr))
		error = refusal_set(&a->refusal, EDVSMIGRATE,
				    "the move by hand of endpoint %d has ended meanwhile",
				    a->offer.p_nr);
	else {
		backup_of_arrival(a->arrival[0].binding);
		a->arrival[0].binding = NULL;
		a->root = NULL;
	}
	os_lock_release(a->moves->lock);
	return error;
}

static int build(struct restoring *r)
{
	struct target *a = &r->target;
	int error = target_prepare_process(a);

	if (error == 0)
		error = with_stream(r, 2, migrate_target_load);
	if (error == 0)
		a->root->cpu_owed_ns = migrate_target_stats(a->target)->cpu_owed_ns;
	if (error == 0)
		error = r->by_hand ? stand_by(r) : bind(r);
	if (error == 0) {
		r->report.pid = migrate_target_pid(a->target);
		r->report.endpoint = a->offer.p_nr;
		r->report.by_hand = r->by_hand;
		if (!r->by_hand)
			target_take_addresses(a);
		error = migrate_target_resume(a->target, NULL, &a->refusal);
	}
	return error;
}

static int make(struct restoring *r)
{
	int error = find_place(r);

	if (error == 0)
		error = check(r);
	if (error == 0)
		error = build(r);
	if (error < 0)
		discard(r);
	return error;
}

/* dvs image: the same questions, and all that was made for them goes again. */
static void look(struct restoring *r)
{
	struct target *a = &r->target;
	struct refusal ignored = REFUSAL_NONE;

	r->survey = (struct image_survey){ .on_file = tell_file, .ctx = r };
	image_survey(&r->parts, &r->survey, &ignored);
	r->report.fits = find_place(r) == 0 && check(r) == 0;
	discard(r);
	memcpy(r->report.reason, a->refusal.reason, sizeof(r->report.reason));
	refusal_clear(&a->refusal);
}

/* ---- its beginning and its end ---- */

static void answer(struct restoring *r)
{
	struct request *request = r->request;

	assert(os_lock_protects());
	r->request = NULL;
	if (r->target.refusal.error) {
		request_refuse(request, &r->target.refusal);
		return;
	}
	request_row(request, &r->report, sizeof(r->report));
	request_end(request, 0, NULL, 0, NULL, 0);
}

static void finish(struct restoring *r)
{
	struct target *a = &r->target;

	assert(!r->request);
	assert(!a->arrival[0].binding && !a->root);
	for (struct restoring **link = &a->moves->restorings; *link; link = &(*link)->next) {
		if (*link == r) {
			*link = r->next;
			break;
		}
	}
	cgroup_end(a->moves->tasks, a->cgroup, true);
	os_close(a->shell_pidfd);
	os_close(a->pidfd);
	share_give(&a->moves->requests->shares, r->user.uid, SHARE_IMAGES);
	worker_deinit(&a->worker);
	secure_keys_free(r->keys);
	assert(r->fd < 0);
	free(a->arrival[0].state);
	free(r);
}

static void *run(void *ctx)
{
	struct restoring *r = ctx;
	struct moves *moves = r->target.moves;
	int error = read_file(r);

	if (error == 0 && r->looks)
		look(r);
	else if (error == 0)
		make(r);
	image_parts_free(&r->parts);
	migrate_target_free(r->target.target);
	r->report.total_ns = (uint64_t)os_now_ns() - r->target.worker.begin_ns;
	os_lock_take(moves->lock);
	answer(r);
	finish(r);
	os_lock_release(moves->lock);
	return NULL;
}

static void restoring_start(struct request *request, bool looks)
{
	struct moves *moves = request->requests->moves;
	struct restoring *r;

	if (request->head.node >= 0 && request->head.node != moves->order->self) {
		request_fail(
			request, EDVSNONODE,
			"the file is on the machine of node %d: copy it to that of node %d, and say "
			"so there",
			moves->order->self, request->head.node);
		return;
	}
	if (!image_may(request))
		return;
	r = calloc(1, sizeof(*r));
	if (!r) {
		share_give(&moves->requests->shares, request->uid, SHARE_IMAGES);
		request_fail(request, EDVSALLOCMEM, "no memory");
		return;
	}
	r->target = (struct target){
		.moves = moves, .from = -1, .shell_pidfd = -1, .pidfd = -1, .offer = { .dcid = -1 }
	};
	r->request = request;
	r->keys = secure_keys_share(moves->keys);
	r->user = request->user;
	r->target.own_rights = request->uid != 0;
	r->fd = -1;
	r->looks = looks;
	r->wish = request->head.endpoint;
	r->parts = IMAGE_PARTS_NONE;
	r->report.node = moves->order->self;
	worker_init(&r->target.worker, moves->lock, moves->tasks->loop, &target_side, &r->target);
	r->target.worker.begin_ns = (uint64_t)os_now_ns();
	r->next = moves->restorings;
	moves->restorings = r;
	if (os_thread_start(run, r) == 0)
		return;
	refusal_set(&r->target.refusal, EDVSALLOCMEM, "no thread for the image could be made");
	answer(r);
	finish(r);
}

void handle_restore(struct request *request)
{
	restoring_start(request, false);
}

void handle_image(struct request *request)
{
	restoring_start(request, true);
}
