/* SPDX-License-Identifier: Apache-2.0 */
#include "node/restart/adopt.h"
#include "node/restart/homecoming.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/restart/handover.h"
#include "node/restart/journal.h"
#include "node/restart/restart.h"
#include "node/state/life.h"
#include "node/state/order.h"
#include "node/task/ended.h"
#include "node/task/following.h"
#include "node/ask/reattach.h"
#include "node/ask/request.h"
#include "node/task/task.h"
#include "os/clock.h"
#include "os/keeper.h"
#include "os/keyfile.h"
#include "os/lock.h"
#include "os/log.h"
#include "os/loop.h"
#include "os/memfd.h"
#include "os/pid.h"
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

int adoption_open(struct adoption *a, int fd, bool died, struct refusal *why)
{
	ssize_t size = os_memfd_size(fd);
	struct state_record record;
	size_t at = HANDOVER_HEAD_BYTES;
	uint32_t version;
	int r;

	*a = (struct adoption){ .died = died, .fd = fd, .asker_fd = -1 };
	r = size <= 0 ? -EBADF : os_memfd_map(fd, (size_t)size, 0, &a->file);
	if (r < 0)
		return refusal_set(why, EDVSGENERIC, "descriptor %d holds no state", fd);
	a->size = a->bytes = (size_t)size;
	if (!died)
		a->state = a->file;
	else
		r = journal_read(a->file, a->size, &handover_own_versions, &a->state, &a->bytes,
				 &version);
	if (r == 0)
		r = handover_open(a->state, a->bytes, &handover_own_versions, &version);
	if (r == 0 && (state_next(a->state, a->bytes, &at, NULL, NULL, &record) <= 0 ||
		       record.kind != HANDOVER_NODE))
		r = -EBADMSG;
	if (r < 0)
		return refuse_open(r, version, why);
	a->head = record.node;
	return 0;
}

void adoption_close(struct adoption *a)
{
	if (a->died)
		free(a->state);
	a->state = NULL;
	a->file = os_memfd_unmap(a->file, a->size);
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

	while ((r = state_next(a->state, a->bytes, &at, NULL, NULL, &record)) > 0) {
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

int adopt_check_main(int fd, const char *key_path)
{
	struct refusal why = REFUSAL_NONE;
	struct adoption adoption;
	struct keyring keyring;
	int r = adoption_open(&adoption, fd, false, &why);

	if (r == 0)
		r = adoption_check(&adoption, &why);
	adoption_close(&adoption);
	if (r == 0 && key_path)
		r = os_keyfile_read(key_path, &keyring, &why);
	explicit_bzero(&keyring, sizeof(keyring));
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

int adoption_pages(struct adoption *a, int self, struct exchange **exchangep)
{
	size_t at = HANDOVER_HEAD_BYTES;
	struct state_record record;
	int r = exchange_adopt_new(exchangep, self);

	while (r == 0 && state_next(a->state, a->bytes, &at, own, NULL, &record) > 0) {
		if (record.kind != HANDOVER_PAGE)
			continue;
		a->pages += record.page.fd >= 0;
		r = exchange_adopt(*exchangep, &record.page);
	}
	if (r == 0 && !exchange_node_bell(*exchangep))
		r = -EBADF;
	return r;
}

int adoption_group(struct adoption *a, struct order *order, const char *spec,
		   const struct group_callbacks *callbacks)
{
	size_t at = HANDOVER_HEAD_BYTES;
	struct state_record record;

	order->quorum = a->head.quorum;
	while (state_next(a->state, a->bytes, &at, own, NULL, &record) > 0)
		if (record.kind == HANDOVER_GROUP && a->died)
			return group_resume(&order->group, spec, order->self, &record.group,
					    callbacks);
		else if (record.kind == HANDOVER_GROUP)
			return group_adopt(&order->group, spec, order->self, &record.group,
					   callbacks);
	return 0; /* it was lost before, and is */
}

int adoption_rest(struct adoption *a, adoption_take_fn *take, void *ctx)
{
	size_t at = HANDOVER_HEAD_BYTES;
	struct state_record record;
	int r;

	while ((r = state_next(a->state, a->bytes, &at, own, NULL, &record)) > 0) {
		r = take(a, ctx, &record);
		if (r < 0)
			return r;
	}
	return r;
}

static int take_output(const struct tasks *tasks, const struct state_output *output,
		       struct output **outputp)
{
	*outputp = NULL;
	return output->place.read_fd < 0 ? 0 : output_adopt(tasks->loop, &output->place, outputp);
}

/* The number may have been given anew in the moment in which the predecessor died. */
static int check_pidfd(const struct task *task)
{
	pid_t pid = os_pidfd_pid(task->pidfd);

	return pid == task->lpid || pid == -ESRCH ? 0 : -EBADF;
}

int adoption_take_task(struct adoption *a, struct tasks *tasks, uint64_t number,
		       const struct state_task *record)
{
	struct task image = record->task, *task;
	struct output *output;
	int r = a->died ? check_pidfd(&record->task) : 0;

	if (r == 0)
		r = take_output(tasks, &record->output, &output);
	image.in_state.number = number;
	if (r == 0)
		r = task_adopt(tasks, &image, &task);
	if (r == 0 && output)
		following_take_output(task, output, record->output.before);
	a->processes++;
	return r;
}

static struct task *task_number(const struct tasks *tasks, uint64_t number)
{
	struct task *task = tasks->all;

	while (task && task->in_state.number != number)
		task = task->next;
	return task;
}

int adoption_take_binding(struct tasks *tasks, uint64_t number, const struct state_binding *record)
{
	struct task *task = task_number(tasks, record->task);
	struct binding image = record->binding, *binding;
	int r;

	image.in_state.number = number;
	image.status = exchange_adopted_status(tasks->rights.exchange, record->status_fd);
	if (!task || !image.status)
		return -EBADF;
	r = binding_adopt(task, &image, &binding);
	return r == 0 && !task->ended ? task_watch(task) : r;
}

int adoption_take_ended(struct tasks *tasks, uint64_t number, const struct state_ended *record)
{
	struct output *output;
	int r = take_output(tasks, &record->output, &output);

	return r < 0 ? r : ended_adopt(tasks, number, &record->row, output, record->output.before);
}

/* The links' other ends are known by the table; the links themselves begin anew. */
int adoption_take_directory(struct order *order, struct proxy *proxy,
			    const struct state_directory *record)
{
	int r = directory_decode(&order->directory, record->image, record->bytes);

	if (r < 0)
		return r;
	life_link_up(order, proxy, order->self);
	for (int i = 0; i < NR_NODES; i++)
		if (order->directory.node[i].up && i != order->self)
			life_link_up(order, proxy, i);
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
void adoption_take_request(struct adoption *a, struct requests *requests,
			   const struct state_request *from)
{
	struct task *task = task_number(requests->tasks, from->number);
	struct request *request;

	if (from->kind == STATE_REQUEST_RESTART) {
		take_asker(a, from);
		return;
	}
	request = request_adopt(requests, from->fd, from->head, from->head_bytes);
	if (!request)
		return;
	request->data_sent = from->data_sent;
	/* All that its output has was sent to it, in the same moment. */
	if (a->died && from->kind == STATE_REQUEST_FOLLOWER && task && task->output)
		request->data_sent = task->output_start + output_total(task->output);
	request->answered = true;
	if (from->kind == STATE_REQUEST_FOLLOWER && task)
		following_add(task, request);
	else if (from->kind == STATE_REQUEST_FORWARDED)
		reattach_adopt(request, (int)from->number, from->generation);
	else
		request_end(request, 0, NULL, 0, NULL, 0);
}

void adoption_answer(struct adoption *a, struct restarts *restarts)
{
	struct requests *requests = restarts->requests;
	uint64_t now = (uint64_t)os_now_ns();
	struct request *asker;
	struct ctl_restart answer = { .nodeid = requests->order->self,
				      .pid = os_keeper_pid(),
				      .restarts = restarts->count,
				      .processes = a->processes,
				      .pages = a->pages,
				      .state_bytes = a->bytes,
				      .total_ns = now - a->head.asked_ns,
				      .paused_ns = now - a->head.paused_ns };

	assert(os_lock_protects());
	if (a->died) {
		os_log(OS_LOG_INFO, "node %d goes on after its daemon died: %u processes, %u pages",
		       answer.nodeid, a->processes, a->pages);
		return;
	}
	os_log(OS_LOG_INFO, "node %d goes on as its own successor: %u processes, %u pages, %.2f ms",
	       answer.nodeid, a->processes, a->pages, (double)answer.paused_ns / 1e6);
	if (a->asker_fd < 0 || !a->asker)
		return;
	asker = request_adopt(requests, a->asker_fd, a->asker, sizeof(*a->asker));
	if (asker)
		homecoming_begin(restarts, asker, a->head.paused_ns, &answer);
}
