/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/queue.h"

#define QUEUE_SIZE_MIN	4096u
#define QUEUE_SIZE_KEPT (1024u * 1024u) /* room that an empty queue may keep */

/* Rules that hold between all calls. */
static void assert_sound(const struct queue *queue)
{
	assert(queue->head <= queue->tail);
	assert(queue->tail <= queue->size);
	assert(queue->bytes || !queue->size);
	assert(queue_count(queue) <= QUEUE_BYTES_MAX);
}

static uint8_t *queue_grow(struct queue *queue, size_t len)
{
	size_t size = queue->size ? queue->size : QUEUE_SIZE_MIN;
	uint8_t *bytes;

	while (size - queue->tail < len)
		size *= 2;
	assert(size - queue->tail >= len);
	bytes = realloc(queue->bytes, size);
	if (!bytes)
		return NULL;
	queue->bytes = bytes;
	queue->size = size;
	return bytes + queue->tail;
}

uint8_t *queue_reserve(struct queue *queue, size_t len)
{
	size_t count = queue_count(queue);

	assert_sound(queue);
	if (len > QUEUE_BYTES_MAX - count)
		return NULL;
	if (queue->size - queue->tail >= len)
		return queue->bytes + queue->tail;
	if (queue->head) {
		memmove(queue->bytes, queue_front(queue), count);
		queue->head = 0;
		queue->tail = count;
	}
	if (queue->size - queue->tail >= len)
		return queue->bytes + queue->tail;
	return queue_grow(queue, len);
}

void queue_commit(struct queue *queue, size_t len)
{
	assert(len <= queue->size - queue->tail);
	queue->tail += len;
	assert_sound(queue);
}

void queue_consume(struct queue *queue, size_t len)
{
	assert(len <= queue_count(queue));
	queue->head += len;
	if (queue->head < queue->tail)
		return;
	queue->head = 0;
	queue->tail = 0;
	if (queue->size > QUEUE_SIZE_KEPT)
		queue_reset(queue);
	assert_sound(queue);
}

void queue_reset(struct queue *queue)
{
	free(queue->bytes);
	*queue = (struct queue){ 0 };
}
