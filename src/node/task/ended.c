/* SPDX-License-Identifier: Apache-2.0 */
#include "node/task/ended.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "node/task/following.h"
#include "node/task/output.h"
#include "node/state/order.h"
#include "node/task/task.h"
#include "node/ask/request.h"
#include "os/clock.h"
#include "os/kept.h"
#include "os/lock.h"
#include "wire/handover.h"

struct ended {
	struct ended *next;
	struct os_kept in_state;
	struct ctl_ended_row row;
	struct output *output; /* owned; NULL: there was none, or it is forgotten */
	uint64_t before;       /* bytes of it that other nodes had and did not send */
};

static void drop(struct ended **link)
{
	struct ended *ended = *link;

	os_kept_end(&ended->in_state);
	*link = ended->next;
	output_free(ended->output);
	free(ended);
}

static bool is_of(const struct ended *ended, int dcid, int p_nr)
{
	return ended->row.dcid == dcid && ended->row.p_nr == p_nr;
}

void ended_forget_output(struct tasks *tasks, int dcid, int p_nr)
{
	assert(os_lock_protects());
	for (struct ended *ended = tasks->ended; ended; ended = ended->next)
		if (is_of(ended, dcid, p_nr))
			ended->output = output_free(ended->output);
}

void ended_forget_life(struct tasks *tasks, int dcid, int p_nr, uint32_t generation)
{
	assert(os_lock_protects());
	for (struct ended **link = &tasks->ended; *link; link = &(*link)->next) {
		if (is_of(*link, dcid, p_nr) && (*link)->row.generation == generation) {
			drop(link);
			return;
		}
	}
}

void ended_forget_dc(struct tasks *tasks, int dcid)
{
	struct ended **link = &tasks->ended;

	assert(os_lock_protects());
	while (*link) {
		if ((*link)->row.dcid == dcid)
			drop(link);
		else
			link = &(*link)->next;
	}
	for (struct task *task = tasks->all; task; task = task->next)
		if (task->last.bound ? task->last.dcid == dcid : task->dcid == dcid)
			task->forgotten = true;
}

/* The newest come first. */
static void keep_to_limits(struct tasks *tasks, int dcid)
{
	int of_dc = 0, logs = 0;

	for (struct ended **link = &tasks->ended; *link;) {
		struct ended *ended = *link;

		if (ended->output && ++logs > ENDED_LOGS_MAX)
			ended->output = output_free(ended->output);
		if (ended->row.dcid == dcid && ++of_dc > ENDED_MAX)
			drop(link);
		else
			link = &ended->next;
	}
}

static enum ctl_end_reason reason_of(const struct task *task)
{
	if (task->end_reason == CTL_ENDED_ITSELF && task->signalled &&
	    (task->wait_status & 0x7f) == task->signalled)
		return CTL_ENDED_KILL;
	return task->end_reason;
}

void ended_keep(struct task *task)
{
	struct tasks *tasks = task->tasks;
	struct ended *ended = task->forgotten ? NULL : calloc(1, sizeof(*ended));

	assert(task->last.bound);
	assert(task->ended);
	assert(os_lock_protects());
	if (!ended)
		return;
	ended_forget_output(tasks, task->last.dcid, task->last.p_nr);
	ended->next = tasks->ended;
	ended->row = (struct ctl_ended_row){ .dcid = task->last.dcid,
					     .p_nr = task->last.p_nr,
					     .node = tasks->order->self,
					     .lpid = task->lpid,
					     .vpid = task->vpid,
					     .wait_status = task->wait_status,
					     .reason = reason_of(task),
					     .generation = task->last.generation,
					     .ended_ns = os_clock_ns(CLOCK_REALTIME) };
	memcpy(ended->row.name, task->last.name,
	       strnlen(task->last.name, sizeof(task->last.name) - 1));
	ended->output = following_give_output(task);
	ended->before = task->output_start;
	if (ended->output)
		output_belong(ended->output, &ended->in_state);
	tasks->ended = ended;
	os_kept_begin(&ended->in_state, HANDOVER_ENDED);
	keep_to_limits(tasks, task->last.dcid);
}

static void note_lost(struct tasks *tasks, int dcid, int p_nr)
{
	const struct directory_endpoint *ep = order_endpoint(tasks->order, dcid, p_nr);
	struct ended *ended = calloc(1, sizeof(*ended));

	if (!ended)
		return;
	ended->next = tasks->ended;
	ended->row = (struct ctl_ended_row){ .dcid = dcid,
					     .p_nr = p_nr,
					     .node = ep->node,
					     .lpid = ep->lpid,
					     .vpid = ep->vpid,
					     .wait_status = -1,
					     .reason = CTL_ENDED_NODE,
					     .generation = ep->generation,
					     .ended_ns = os_clock_ns(CLOCK_REALTIME) };
	memcpy(ended->row.name, ep->name, strnlen(ep->name, sizeof(ended->row.name) - 1));
	tasks->ended = ended;
	os_kept_begin(&ended->in_state, HANDOVER_ENDED);
	keep_to_limits(tasks, dcid);
}

void ended_with_node(struct tasks *tasks, int leaving)
{
	int lowest = 0;

	assert(os_lock_protects());
	while (lowest < NR_NODES && (lowest == leaving || !tasks->order->directory.node[lowest].up))
		lowest++;
	if (lowest != tasks->order->self)
		return;
	for (int dcid = 0; dcid < SHM_DCS; dcid++) {
		const struct directory_dc *dc = &tasks->order->directory.dc[dcid];

		for (int index = 0; dc->running && index < SHM_SLOTS; index++)
			if (dc->slot[index].bound && dc->slot[index].node == leaving)
				note_lost(tasks, dcid, index - SHM_TASKS);
	}
}

void ended_walk(const struct tasks *tasks, ended_walk_fn *fn, void *ctx)
{
	assert(os_lock_protects());
	for (const struct ended *ended = tasks->ended; ended; ended = ended->next)
		fn(ctx, &ended->row, ended->output, ended->before);
}

struct ended *ended_next(const struct tasks *tasks, const struct ended *ended)
{
	assert(os_lock_protects());
	return ended ? ended->next : tasks->ended;
}

const struct os_kept *ended_in_state(const struct ended *ended)
{
	return &ended->in_state;
}

void ended_tell(const struct os_kept *in_state, ended_walk_fn *fn, void *ctx)
{
	const struct ended *ended = OS_KEPT_OWNER(in_state, const struct ended);

	assert(os_lock_protects());
	fn(ctx, &ended->row, ended->output, ended->before);
}

int ended_adopt(struct tasks *tasks, uint64_t number, const struct ctl_ended_row *row,
		struct output *output, uint64_t before)
{
	struct ended *ended = malloc(sizeof(*ended));
	struct ended **link = &tasks->ended;

	assert(os_lock_protects());
	if (!ended)
		return -ENOMEM;
	*ended = (struct ended){ .row = *row, .output = output, .before = before };
	os_kept_adopt(&ended->in_state, HANDOVER_ENDED, number);
	if (output)
		output_belong(output, &ended->in_state);
	while (*link)
		link = &(*link)->next;
	*link = ended;
	return 0;
}

/* A slot that is free has the number of the life that it will have next. */
static bool was_last(const struct ended *ended, const struct directory_endpoint *ep)
{
	return (ended->row.generation + 1) % (_ENDPOINT_MAX_GENERATION + 1u) == ep->generation;
}

bool ended_send(struct request *request, int dcid, int p_nr)
{
	const struct directory_endpoint *ep = order_endpoint(request->requests->order, dcid, p_nr);
	struct ended *ended = request->requests->tasks->ended;
	uint8_t *bytes;
	size_t len;

	assert(os_lock_protects());
	while (ended && (!is_of(ended, dcid, p_nr) || !ended->output))
		ended = ended->next;
	if (!ended || !ep || !was_last(ended, ep))
		return false;
	len = output_size(ended->output);
	request->data_sent = ended->before + output_total(ended->output) - len;
	bytes = malloc(len + 1);
	if (bytes)
		request_data(request, bytes, (uint32_t)output_export(ended->output, bytes, len));
	free(bytes);
	return true;
}
