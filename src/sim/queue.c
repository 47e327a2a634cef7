/* SPDX-License-Identifier: Apache-2.0 */

/* A binary heap. */

#include "sim/queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void queue_init(struct sim_queue *queue)
{
	memset(queue, 0, sizeof(*queue));
}

void queue_deinit(struct sim_queue *queue)
{
	for (uint32_t i = 0; i < queue->count; i++)
		free(queue->heap[i].data);
	free(queue->heap);
	queue_init(queue);
}

static bool before(const struct sim_event *a, const struct sim_event *b)
{
	return a->time_us != b->time_us ? a->time_us < b->time_us : a->number < b->number;
}

static void exchange_events(struct sim_event *a, struct sim_event *b)
{
	struct sim_event c = *a;

	*a = *b;
	*b = c;
}

void queue_put(struct sim_queue *queue, const struct sim_event *event)
{
	uint32_t at = queue->count;

	assert(queue->count <= queue->size);
	if (queue->count == queue->size) {
		queue->size = queue->size ? 2 * queue->size : 256;
		queue->heap = realloc(queue->heap, queue->size * sizeof(*queue->heap));
		if (!queue->heap)
			abort();
	}
	queue->heap[at] = *event;
	queue->heap[at].number = queue->next_number++;
	queue->count++;
	while (at && before(&queue->heap[at], &queue->heap[(at - 1) / 2])) {
		exchange_events(&queue->heap[at], &queue->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
}

bool queue_pop(struct sim_queue *queue, struct sim_event *event)
{
	uint32_t at = 0;

	assert(queue->count <= queue->size);
	if (!queue->count)
		return false;
	*event = queue->heap[0];
	queue->heap[0] = queue->heap[--queue->count];
	for (;;) {
		uint32_t least = at, left = 2 * at + 1, right = 2 * at + 2;

		if (left < queue->count && before(&queue->heap[left], &queue->heap[least]))
			least = left;
		if (right < queue->count && before(&queue->heap[right], &queue->heap[least]))
			least = right;
		if (least == at)
			return true;
		exchange_events(&queue->heap[at], &queue->heap[least]);
		at = least;
	}
}
