/* SPDX-License-Identifier: Apache-2.0 */
#include "node/move/checkpoint.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dvk.h"
#include "migrate/image_pack.h"
#include "node/ask/request.h"
#include "node/ask/share.h"
#include "node/bind/binding.h"
#include "node/bind/by_hand.h"
#include "node/bind/ending.h"
#include "node/calls.h"
#include "node/move/conversations.h"
#include "node/move/image.h"
#include "node/move/source_part.h"
#include "node/state/order.h"
#include "node/task/caller.h"
#include "node/task/output.h"
#include "node/task/task.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/lock.h"
#include "os/secure.h"
#include "os/socket.h"
#include "os/thread.h"
#include "os/threads.h"
#include "wire/image.h"

/*
 * The steps are those of a move's source, and the streams go into memory files in place of a connection:
 *
 *	check, freeze, fill the memory files        the process stands still from the freeze on
 *	--go-on: thaw                               and does until here
 *	pack and seal them into the file, sync
 *	--stop: end it
 *
 * A process that is to end stands still until its image is on the disk, so that a full disk costs nothing. Where a
 * move by hand is under way the process is not ended but stopped: the commit ends it, and a rollback lets it go on.
 */

#define ENDED_LOOK_NS 1000000
#define ENDED_NS      (5 * INT64_C(1000000000))
#define HELD_NS	      (1 * INT64_C(1000000000))
#define TOLD_NS	      (50 * INT64_C(1000000))

struct checkpoint {
	struct checkpoint *next;
	struct source source;	  /* for the steps; it is in no list of sources */
	struct secure_keys *keys; /* a share */
	int fd;			  /* owned: the file */
	bool ends, by_hand;
	bool given_up; /* the asker went away; lock held */
	struct image_parts parts;
	struct image_file_about about;
	struct ctl_image report;
};

int checkpoint_count(const struct moves *moves)
{
	int count = 0;

	assert(os_lock_protects());
	for (const struct checkpoint *c = moves->checkpoints; c; c = c->next)
		count++;
	return count;
}

bool checkpoint_find(const struct moves *moves, int dcid, int p_nr)
{
	const struct checkpoint *c = moves->checkpoints;

	assert(os_lock_protects());
	while (c && (c->source.dcid != dcid || c->source.p_nr != p_nr))
		c = c->next;
	return c;
}

/* ---- the steps, without the lock ---- */

static int fill_conversations(struct checkpoint *c)
{
	struct source *d = &c->source;
	struct binding *binding;
	uint8_t *bytes = NULL;
	uint32_t len = 0;
	int r = -1;

	os_lock_take(d->moves->lock);
	binding = source_binding(d);
	if (binding) {
		if (binding->task->output)
			output_drain(binding->task->output);
		r = conversations_pack(binding, binding->task, 0, &bytes, &len);
	}
	os_lock_release(d->moves->lock);
	if (r < 0)
		return refusal_set(&d->refusal, EDVSSRCDIED,
				   "endpoint %d has ended or was unbound during the checkpoint",
				   d->p_nr);
	r = os_write_full(c->parts.fd[1], bytes, len, -1);
	free(bytes);
	return r < 0 ? refusal_set_errno(&d->refusal, r, "no memory for the image: %s",
					 strerror(-r))
		     : 0;
}

static int fill_stream(struct checkpoint *c, int part,
		       int (*send)(struct migrate_source *source, struct secure *to,
				   struct refusal *refusal))
{
	struct secure *to = secure_plain(os_dup(c->parts.fd[part]));
	int r;

	if (!to)
		return refusal_set(&c->source.refusal, EDVSALLOCMEM, "no memory for the image");
	r = send(c->source.tracee, to, &c->source.refusal);
	secure_free(to);
	return r;
}

static int fill(struct checkpoint *c)
{
	struct source *d = &c->source;
	int r = fill_conversations(c);

	if (r == 0)
		r = fill_stream(c, 0, migrate_source_offer);
	if (r == 0)
		r = fill_stream(c, 2, migrate_source_send);
	if (r == 0 && !migrate_source_is_whole(d->tracee))
		r = refusal_set(&d->refusal, EDVSSRCDIED,
				"a process that descends from the process was killed during the "
				"checkpoint");
	return r;
}

/* On the disk, whatever happens then. */
static int pack(struct checkpoint *c)
{
	struct refusal *refusal = &c->source.refusal;
	int r = image_pack_write(c->fd, c->keys, &c->about, &c->parts, &c->report.file_bytes,
				 refusal);

	if (r == 0) {
		r = os_file_sync(c->fd);
		if (r < 0)
			r = refusal_set_errno(refusal, r, "the file cannot be put on the disk: %s",
					      strerror(-r));
	}
	return r;
}

/* It stands still, and what it has had comes to its end by name: its peers hear that it has died. */
static int end_process(struct checkpoint *c)
{
	struct source *d = &c->source;
	struct refusal ignored = REFUSAL_NONE;
	struct binding *binding;
	bool given_up;

	os_lock_take(d->moves->lock);
	given_up = c->given_up;
	binding = source_binding(d);
	if (!given_up && binding && !c->by_hand)
		binding->task->end_reason = CTL_ENDED_CHECKPOINT;
	if (!given_up && binding && c->by_hand)
		by_hand_stand(binding);
	os_lock_release(d->moves->lock);
	if (given_up)
		return refusal_set(&d->refusal, EDVSINTR,
				   "the checkpoint was given up; the process goes on");
	if (c->by_hand) {
		migrate_source_stop(d->tracee);
		source_thaw(d);
		return 0;
	}
	migrate_source_kill(d->tracee, NULL, &ignored);
	return 0;
}

/* The order knows of its end: a restore that comes next finds the slot free. */
static void await_unbound(const struct source *d)
{
	int64_t deadline = os_now_ns() + ENDED_NS;
	bool bound = true;

	while (bound && os_now_ns() < deadline) {
		const struct directory_endpoint *ep;

		os_lock_take(d->moves->lock);
		ep = order_endpoint(d->moves->order, d->dcid, d->p_nr);
		bound = ep->bound && ep->generation == d->generation;
		os_lock_release(d->moves->lock);
		if (bound)
			os_thread_sleep_ns(ENDED_LOOK_NS);
	}
}

/*
 * In a move by hand: it waits at its next call, so that nothing is half done in a conversation, and a moment more has
 * told its peers' nodes of its last act. One that makes no call has said nothing either, and is not waited for without
 * end.
 */
static void await_held(struct checkpoint *c)
{
	const struct source *d = &c->source;
	int64_t deadline = os_now_ns() + HELD_NS;
	bool held = false;

	while (!held && os_now_ns() < deadline) {
		const struct binding *binding;

		os_lock_take(d->moves->lock);
		binding = source_binding(&c->source);
		held = !binding || binding->status->page->rts_flags & MIGRATING;
		os_lock_release(d->moves->lock);
		os_thread_sleep_ns(held ? TOLD_NS : ENDED_LOOK_NS);
	}
}

static int take(struct checkpoint *c)
{
	struct source *d = &c->source;
	int r = source_check(d);

	if (r == 0 && d->fellows)
		r = refusal_set(
			&d->refusal, EDVSPROCSTS,
			"endpoint %d is of the same processes as endpoint %d, and an image has "
			"one endpoint; let the other one unbind first",
			d->fellow[0].p_nr, d->p_nr);
	if (r == 0 && c->by_hand)
		await_held(c);
	if (r == 0)
		r = source_freeze(d);
	if (r < 0)
		return r;
	r = fill(c);
	c->report.stopped_ns = (uint64_t)os_now_ns() - migrate_source_stats(d->tracee)->freeze_ns;
	if (r == 0 && !c->ends)
		source_thaw(d);
	if (r == 0)
		r = pack(c);
	if (r == 0 && c->ends)
		r = end_process(c);
	if (r < 0)
		source_thaw(d);
	else if (c->ends && !c->by_hand)
		await_unbound(d);
	return r;
}

/* ---- its beginning and its end ---- */

static void finish(struct checkpoint *c)
{
	struct source *d = &c->source;

	assert(os_lock_protects());
	assert(!d->request);
	for (struct checkpoint **link = &d->moves->checkpoints; *link; link = &(*link)->next) {
		if (*link == c) {
			*link = c->next;
			break;
		}
	}
	share_give(&d->moves->requests->shares, d->user.uid, SHARE_IMAGES);
	worker_deinit(&d->worker);
	secure_keys_free(c->keys);
	assert(c->fd < 0);
	free(c);
}

static void answer(struct checkpoint *c)
{
	struct source *d = &c->source;
	struct request *request = d->request;

	d->request = NULL;
	if (d->refusal.error) {
		request_refuse(request, &d->refusal);
		return;
	}
	request_row(request, &c->report, sizeof(c->report));
	request_end(request, 0, NULL, 0, NULL, 0);
}

static void report(struct checkpoint *c)
{
	const struct migrate_stats *stats = migrate_source_stats(c->source.tracee);

	c->report.raw_bytes = stats->image_bytes + stats->offer_bytes + c->about.bytes[1];
	c->report.pages = stats->page_count;
	c->report.processes = stats->process_count;
	c->report.threads = stats->thread_count;
	c->report.maps = stats->map_count;
	c->report.descriptors = stats->fd_count;
	c->report.total_ns = (uint64_t)os_now_ns() - c->source.worker.begin_ns;
}

static void *run(void *ctx)
{
	struct checkpoint *c = ctx;
	struct source *d = &c->source;
	int r = image_parts_new(&c->parts);

	c->fd = image_open(d->moves, d->request, &d->refusal);
	if (c->fd < 0)
		r = c->fd;
	else if (r < 0)
		refusal_set_errno(&d->refusal, r, "no memory for the image: %s", strerror(-r));
	else if (take(c) == 0)
		report(c);
	image_parts_free(&c->parts);
	c->fd = os_close(c->fd);
	migrate_source_free(d->tracee);
	/* If it has ended the order knows: its addresses do not come back. */
	source_end_silence(d);
	os_lock_take(d->moves->lock);
	answer(c);
	ending_on_source_over(d->moves->bindings, d->dcid, d->p_nr, d->generation);
	struct moves *moves = d->moves;

	finish(c);
	os_lock_release(moves->lock);
	return NULL;
}

/* A process that goes on anyway is packed to the end; a file of nobody is removed by its system. */
static void asker_gone(struct request *request)
{
	struct checkpoint *c = request->keeper;

	c->given_up = true;
}

static void describe(struct checkpoint *c, const struct directory_endpoint *ep)
{
	const struct source *d = &c->source;
	const struct order *order = d->moves->order;

	c->about = (struct image_file_about){
		.image_version = IMAGE_VERSION,
		.move_version = MOVE_VERSION,
		.dcid = d->dcid,
		.p_nr = d->p_nr,
		.endpoint = d->endpoint,
		.vpid = d->vpid,
		.generation = d->generation,
		.dc_generation = order->directory.dc[d->dcid].generation,
		.node = order->self,
		.by_hand = c->by_hand,
		.taken_ns = os_realtime_ns(),
	};
	memcpy(c->about.name, ep->name, sizeof(c->about.name));
	c->about.name[sizeof(c->about.name) - 1] = 0;
	c->report = (struct ctl_image){
		.dcid = d->dcid,
		.endpoint = d->p_nr,
		.node = order->self,
		.made_on = order->self,
		.vpid = d->vpid,
		.generation = d->generation,
		.by_hand = c->by_hand,
		.ended = c->ends,
		.taken_ns = c->about.taken_ns,
	};
	memcpy(c->report.name, c->about.name, sizeof(c->report.name));
}

static struct checkpoint *checkpoint_new(struct moves *moves, struct request *request,
					 const struct binding *binding,
					 const struct directory_endpoint *ep)
{
	struct checkpoint *c = calloc(1, sizeof(*c));
	int p_nr = request->head.endpoint;

	if (!c)
		return NULL;
	c->source = (struct source){ .moves = moves,
				     .request = request,
				     .user = request->user,
				     .dcid = request->head.dcid,
				     .p_nr = p_nr,
				     .endpoint = directory_endpoint_number(ep, p_nr),
				     .target = -1,
				     .generation = ep->generation };
	source_begin(&c->source, binding);
	c->parts = IMAGE_PARTS_NONE;
	c->ends = request->head.flags & CTL_FLAG_STOP;
	c->by_hand = ep->moving && ep->by_hand;
	c->keys = secure_keys_share(moves->keys);
	c->fd = -1;
	describe(c, ep);
	worker_init(&c->source.worker, moves->lock, moves->tasks->loop, &source_side, &c->source);
	c->source.worker.endpoint = p_nr;
	c->source.worker.begin_ns = (uint64_t)os_now_ns();
	c->next = moves->checkpoints;
	moves->checkpoints = c;
	return c;
}

/* An image is of one endpoint, and that is the first process's. */
static int may_have_image(struct checkpoint *c, const struct binding *binding)
{
	if (binding->task->lpid == c->source.lpid)
		return 0;
	return refusal_set(&c->source.refusal, EDVSBADPID,
			   "process %d was not started by dvs run itself but descends from process "
			   "%d, and an image begins with that",
			   (int)binding->task->lpid, (int)c->source.lpid);
}

static void checkpoint_start(struct moves *moves, struct request *request)
{
	int dcid = request->head.dcid, p_nr = request->head.endpoint;
	const struct directory_endpoint *ep = order_endpoint(moves->order, dcid, p_nr);
	struct binding *binding = binding_find(moves->bindings, dcid, p_nr);
	struct checkpoint *c = checkpoint_new(moves, request, binding, ep);

	if (!c) {
		share_give(&moves->requests->shares, request->uid, SHARE_IMAGES);
		request_fail(request, EDVSALLOCMEM, "no memory");
		return;
	}
	request->keeper = c;
	request->cancelled = asker_gone;
	if (source_may_leave(&c->source, binding, ep->moving && !ep->by_hand) == 0 &&
	    may_have_image(c, binding) == 0) {
		if (os_thread_start(run, c) == 0)
			return;
		refusal_set(&c->source.refusal, EDVSALLOCMEM,
			    "no thread for the checkpoint could be made");
	}
	answer(c);
	finish(c);
}

void handle_checkpoint(struct request *request)
{
	struct moves *moves = request->requests->moves;
	int dcid = request->head.dcid, p_nr = request->head.endpoint;
	const struct directory_endpoint *ep = order_endpoint(moves->order, dcid, p_nr);

	if (caller_check_dc(request, dcid, handle_checkpoint) < 0)
		return;
	if (ep && !ep->bound && caller_catch_up(request, handle_checkpoint))
		return;
	if (!ep || !ep->bound)
		request_fail(request, EDVSNOTBIND, "endpoint %d of DC %d is not bound (dvs ps %d)",
			     p_nr, dcid, dcid);
	else if (ep->node != moves->order->self)
		request_fail(request, EDVSNONODE,
			     "endpoint %d of DC %d runs on node %d, whose daemon writes the file: "
			     "run dvs checkpoint on that machine",
			     p_nr, dcid, ep->node);
	else if (source_find(moves, dcid, p_nr) || checkpoint_find(moves, dcid, p_nr))
		request_fail(request, EDVSMIGRATE,
			     "endpoint %d is being moved or checkpointed already; wait for its end",
			     p_nr);
	else if (image_may(request))
		checkpoint_start(moves, request);
}
