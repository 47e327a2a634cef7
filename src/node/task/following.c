/* SPDX-License-Identifier: Apache-2.0 */
#include "node/task/following.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#include "dvk.h"
#include "node/ask/forward.h"
#include "node/ask/request.h"
#include "node/state/order.h"
#include "node/task/output.h"
#include "node/task/task.h"
#include "os/lock.h"

/* A line sent by the output: new bytes for each follower. */
static void on_output(void *ctx, const uint8_t *bytes, size_t len)
{
	struct task *task = ctx;

	for (struct request *r = task->followers; r; r = r->next_kept)
		request_data(r, bytes, (uint32_t)len);
}

void following_take_output(struct task *task, struct output *output, uint64_t start)
{
	assert(!task->output);
	assert(os_lock_protects());
	task->output = output;
	task->output_start = start;
	output_belong(output, &task->in_state);
	os_kept_note(&task->in_state);
	output_listen(output, on_output, task);
}

struct output *following_give_output(struct task *task)
{
	struct output *output = task->output;

	assert(os_lock_protects());
	if (!output)
		return NULL;
	output_listen(output, NULL, NULL);
	output_belong(output, NULL);
	task->output = NULL;
	os_kept_note(&task->in_state);
	return output;
}

void following_send(struct task *task, struct request *request, uint64_t from)
{
	size_t kept = output_size(task->output);
	uint64_t total = task->output_start + output_total(task->output);
	uint64_t wanted = from < total ? total - from : 0;
	uint8_t *bytes;

	assert(task->output);
	assert(os_lock_protects());
	if (wanted > kept)
		wanted = kept;
	request->data_sent = total - wanted;
	if (!wanted)
		return;
	bytes = malloc(wanted);
	if (!bytes)
		return;
	request_data(request, bytes, (uint32_t)output_export(task->output, bytes, wanted));
	free(bytes);
}

static void cancelled(struct request *request)
{
	struct task *task = request->keeper;

	if (request_unkeep(&task->followers, request) || request_unkeep(&task->waiters, request)) {
		request->followed = NULL;
		request_end(request, 0, NULL, 0, NULL, 0);
	}
}

void following_add(struct task *task, struct request *request)
{
	assert(os_lock_protects());
	request_keep(&task->followers, request, task, cancelled);
	request->followed = task;
	request_note(request);
}

void following_await_end(struct task *task, struct request *request)
{
	assert(os_lock_protects());
	request_keep(&task->waiters, request, task, cancelled);
}

void following_cancel(struct tasks *tasks, int from, uint64_t id)
{
	assert(os_lock_protects());
	for (struct task *task = tasks->all; task; task = task->next) {
		struct request *lists[] = { task->followers, task->waiters };

		for (int i = 0; i < 2; i++) {
			for (struct request *r = lists[i]; r; r = r->next_kept) {
				if (r->from == from && r->remote_id == id) {
					cancelled(r);
					return;
				}
			}
		}
	}
}

void following_drop(struct tasks *tasks, int from)
{
	assert(os_lock_protects());
	for (struct task *task = tasks->all; task; task = task->next) {
		struct request *lists[] = { task->followers, task->waiters };

		for (int i = 0; i < 2; i++) {
			for (struct request *r = lists[i], *next; r; r = next) {
				next = r->next_kept;
				if (r->from == from)
					cancelled(r);
			}
		}
	}
}

static struct request *take_first(struct request **list)
{
	struct request *request = *list;

	if (!request)
		return NULL;
	*list = request->next_kept;
	request->followed = NULL;
	request_note(request);
	return request;
}

void following_end(struct task *task)
{
	struct request *request;

	assert(os_lock_protects());
	while ((request = take_first(&task->followers)))
		request_end(request, task->wait_status, NULL, 0, NULL, 0);
	while ((request = take_first(&task->waiters)))
		request_end(request, task_wait_status(task), NULL, 0, NULL, 0);
}

void following_move(struct task *task, int to)
{
	struct request *request;

	assert(os_lock_protects());
	while ((request = take_first(&task->followers)))
		forward_follow(request, to);
	while ((request = take_first(&task->waiters)))
		request_fail(request, EDVSMIGRATE,
			     "endpoint %d of DC %d has moved to another node meanwhile: ask again",
			     task->last.p_nr, task->last.dcid);
}
