/* SPDX-License-Identifier: Apache-2.0 */
#include "node/restart/adopt.h"
#include "node/restart/homecoming.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/node.h"
#include "node/restart/handover.h"
#include "node/state/life.h"
#include "node/task/ended.h"
#include "node/task/following.h"
#include "node/task/inits.h"
#include "node/ask/reattach.h"
#include "node/ask/request.h"
#include "node/task/rights.h"
#include "os/clock.h"
#include "os/descriptors.h"
#include "os/lock.h"
#include "os/log.h"
#include "os/loop.h"
#include "os/memfd.h"
#include "os/self.h"
#include "os/socket.h"
#include "os/successor.h"

/* ---- the file ---- */

static int refuse_open(int r, uint32_t version, struct refusal *why)
{
	if (r == -EPROTONOSUPPORT)
		return refusal_set(why, EDVSPROTONOSUPPORT,
				   "the state is of version %u and this program takes version %u",
				   version, handover_version);
	if (r == -EPROTO)
		return refusal_set(why, EDVSPROTONOSUPPORT,
				   "what runs here speaks other versions of the pages or protocols "
				   "than this program");
	return refusal_set(why, EDVSGENERIC, "the state is damaged");
}

int adoption_open(struct adoption *a, int fd, struct refusal *why)
{
	ssize_t size = os_memfd_size(fd);
	struct state_record record;
	size_t at = HANDOVER_HEAD_BYTES;
	uint32_t version;
	int r;

	*a = (struct adoption){ .fd = fd, .asker_fd = -1 };
	r = size <= 0 ? -EBADF : os_memfd_map(fd, (size_t)size, 0, &a->map);
	if (r < 0)
		return refusal_set(why, EDVSGENERIC, "descriptor %d holds no state", fd);
	a->size = a->bytes = (size_t)size;
	r = handover_open(a->map, a->bytes, &handover_own_versions, &version);
	if (r == 0 &&
	    (state_next(a->map, a->bytes, &at, NULL, &record) <= 0 || record.kind != HANDOVER_NODE))
		r = -EBADMSG;
	if (r < 0)
		return refuse_open(r, version, why);
	a->head = record.node;
	return 0;
}

void adoption_close(struct adoption *a)
{
	a->map = os_memfd_unmap(a->map, a->size);
	a->fd = os_close(a->fd);
	free(a->asker);
	a->asker = NULL;
}

int adoption_check(const struct adoption *a, struct refusal *why)
{
	static struct directory directory; /* large */
	struct state_record record;
	size_t at = HANDOVER_HEAD_BYTES;
	bool found = false;
	int r;

	while ((r = state_next(a->map, a->bytes, &at, NULL, &record)) > 0) {
		if (record.kind != HANDOVER_DIRECTORY)
			continue;
		found = true;
		if (directory_decode(&directory, record.directory.image, record.directory.bytes) <
		    0)
			r = -EBADMSG;
		if (r < 0)
			break;
	}
	if (r < 0 || !found)
		return refusal_set(why, EDVSPROTONOSUPPORT,
				   "the state has something in it that this program does not know");
	return 0;
}

int adopt_check_main(int fd)
{
	struct refusal why = REFUSAL_NONE;
	struct adoption adoption;
	int r = adoption_open(&adoption, fd, &why);

	if (r == 0)
		r = adoption_check(&adoption, &why);
	adoption_close(&adoption);
	if (r < 0)
		fprintf(stderr, "%s\n", why.reason);
	return r < 0 ? 1 : 0;
}

/* ---- its parts ---- */

/* It is ours from now on, and nobody's after us. */
static void own(void *ctx, int fd)
{
	(void)ctx;
	os_successor_keep(fd, false);
}

static int take_page(struct adoption *a, struct node *node, const struct exchange_entry *entry)
{
	a->pages += entry->fd >= 0;
	return exchange_adopt(node->exchange, entry);
}

int adoption_pages(struct adoption *a, struct node *node)
{
	size_t at = HANDOVER_HEAD_BYTES;
	struct state_record record;
	int r = exchange_adopt_new(&node->exchange, node->options.id);

	while (r == 0 && state_next(a->map, a->bytes, &at, own, &record) > 0)
		if (record.kind == HANDOVER_PAGE)
			r = take_page(a, node, &record.page);
	if (r == 0 && !exchange_node_bell(node->exchange))
		r = -EBADF;
	return r;
}

int adoption_group(struct adoption *a, struct node *node, const struct group_callbacks *callbacks)
{
	size_t at = HANDOVER_HEAD_BYTES;
	struct state_record record;

	node->order.quorum = a->head.quorum;
	while (state_next(a->map, a->bytes, &at, own, &record) > 0) {
		if (record.kind != HANDOVER_GROUP)
			continue;
		return group_adopt(&node->order.group, node->options.group_spec, node->options.id,
				   &record.group, callbacks);
	}
	return 0; /* it was lost before, and is */
}

static int take_output(struct node *node, const struct state_output *output,
		       struct output **outputp)
{
	*outputp = NULL;
	return output->place.read_fd < 0 ? 0 : output_adopt(node->loop, &output->place, outputp);
}

static int take_task(struct adoption *a, struct node *node, const struct state_task *record)
{
	struct task *task;
	struct output *output;
	int r = take_output(node, &record->output, &output);

	if (r == 0)
		r = task_adopt(&node->tasks, &record->task, &task);
	if (r == 0 && output)
		following_take_output(task, output, record->output.before);
	a->processes++;
	return r;
}

static struct task *task_number(const struct node *node, int number)
{
	struct task *task = node->tasks.all;

	while (task && number--)
		task = task->next;
	return task;
}

static int take_binding(struct node *node, const struct state_binding *record)
{
	struct task *task = task_number(node, record->task);
	struct binding image = record->binding, *binding;
	int r;

	image.status = exchange_adopted_status(node->exchange, record->status_fd);
	if (!task || !image.status)
		return -EBADF;
	r = binding_adopt(task, &image, &binding);
	return r == 0 && !task->ended ? task_watch(task) : r;
}

static int take_ended(struct node *node, const struct state_ended *record)
{
	struct output *output;
	int r = take_output(node, &record->output, &output);

	return r < 0 ? r : ended_adopt(&node->tasks, &record->row, output, record->output.before);
}

/* The links' other ends are known by the table; the links themselves begin anew. */
static int take_directory(struct node *node, const struct state_directory *record)
{
	int r = directory_decode(&node->order.directory, record->image, record->bytes);
	int self = node->options.id;

	if (r < 0)
		return r;
	life_link_up(&node->order, node->proxy, self);
	for (int i = 0; i < NR_NODES; i++) {
		if (node->order.directory.node[i].up && i != self)
			life_link_up(&node->order, node->proxy, i);
	}
	return 0;
}

static void take_asker(struct adoption *a, const struct state_request *from)
{
	a->asker = calloc(1, sizeof(*a->asker));
	a->asker_fd = from->fd;
	if (a->asker && from->head_bytes)
		memcpy(a->asker, from->head, sizeof(*a->asker));
}

/* A client that cannot be kept sees its connection end. */
static void take_request(struct adoption *a, struct node *node, const struct state_request *from)
{
	struct task *task = task_number(node, from->number);
	struct request *request;

	if (from->kind == STATE_REQUEST_RESTART) {
		take_asker(a, from);
		return;
	}
	request = request_adopt(&node->requests, from->fd, from->head, from->head_bytes);
	if (!request)
		return;
	request->data_sent = from->data_sent;
	request->answered = true;
	if (from->kind == STATE_REQUEST_FOLLOWER && task)
		following_add(task, request);
	else if (from->kind == STATE_REQUEST_FORWARDED)
		reattach_adopt(request, from->number, from->generation);
	else
		request_end(request, 0, NULL, 0, NULL, 0);
}

static int take(struct adoption *a, struct node *node, const struct state_record *record)
{
	switch (record->kind) {
	case HANDOVER_NODE:
	case HANDOVER_GROUP:
	case HANDOVER_PAGE:
		return 0; /* before */
	case HANDOVER_DIRECTORY:
		return take_directory(node, &record->directory);
	case HANDOVER_INIT:
		return inits_adopt(&node->tasks, record->init.dcid, &record->init.place);
	case HANDOVER_TASK:
		return take_task(a, node, &record->task);
	case HANDOVER_BINDING:
		return take_binding(node, &record->binding);
	case HANDOVER_ENDED:
		return take_ended(node, &record->ended);
	case HANDOVER_RIGHTS:
		node->tasks.rights.of[record->rights.dcid][shm_index(record->rights.p_nr)] =
			record->rights.rights;
		return 0;
	case HANDOVER_LINK:
		proxy_link_carry(node->proxy, record->link.node, &record->link.stats);
		return 0;
	case HANDOVER_REQUEST:
		take_request(a, node, &record->request);
		return 0;
	case HANDOVER_COUNTERS:
		node->life.counters = record->counters;
		return 0;
	}
	return -EBADMSG;
}

int adoption_rest(struct adoption *a, struct node *node)
{
	size_t at = HANDOVER_HEAD_BYTES;
	struct state_record record;
	int r;

	while ((r = state_next(a->map, a->bytes, &at, own, &record)) > 0) {
		r = take(a, node, &record);
		if (r < 0)
			return r;
	}
	for (const struct binding *b = node->bindings.all; b; b = b->next)
		if (b->role == BINDING_PRIMARY)
			rights_show(&node->tasks.rights, b->dcid, b->p_nr);
	/* They are raised all the time, or a program with many descriptors could not even be loaded. */
	os_descriptors_inherit(&(struct os_descriptors){ a->head.soft, a->head.hard });
	node->order.last_request = node->requests.last_id = a->head.last_id;
	node->restarts.count = a->head.restarts;
	cgroup_adopt(&node->tasks, a->head.cgroup_fd);
	node->life.debug_level = a->head.debug_level;
	memcpy(node->life.dvs_name, a->head.dvs_name, sizeof(node->life.dvs_name));
	node->life.ready_told = true;
	return r;
}

void adoption_answer(struct adoption *a, struct node *node)
{
	uint64_t now = (uint64_t)os_now_ns();
	struct request *asker;
	struct ctl_restart answer = { .nodeid = node->options.id,
				      .pid = os_self_pid(),
				      .restarts = node->restarts.count,
				      .processes = a->processes,
				      .pages = a->pages,
				      .state_bytes = a->bytes,
				      .total_ns = now - a->head.asked_ns,
				      .paused_ns = now - a->head.paused_ns };

	assert(os_lock_protects());
	os_log(OS_LOG_INFO, "node %d goes on as its own successor: %u processes, %u pages, %.2f ms",
	       node->options.id, a->processes, a->pages, (double)answer.paused_ns / 1e6);
	if (a->asker_fd < 0 || !a->asker)
		return;
	asker = request_adopt(&node->requests, a->asker_fd, a->asker, sizeof(*a->asker));
	if (asker)
		homecoming_begin(&node->restarts, asker, a->head.paused_ns, &answer);
}
