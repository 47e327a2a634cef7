/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_PROXY_QUEUE_H
#define DVS_PROXY_QUEUE_H

/* Bytes that wait for room in a socket. Grows as needed up to QUEUE_BYTES_MAX. */

#include <stddef.h>
#include <stdint.h>

#define QUEUE_BYTES_MAX (64u * 1024u * 1024u)

struct queue {
	uint8_t *bytes;
	size_t size;
	size_t head, tail; /* the bytes between them wait */
};

static inline size_t queue_count(const struct queue *queue)
{
	return queue->tail - queue->head;
}

static inline const uint8_t *queue_front(const struct queue *queue)
{
	return queue->bytes + queue->head;
}

/* Room for len bytes at the end, valid until the next call; NULL without memory or above the limit. */
uint8_t *queue_reserve(struct queue *queue, size_t len);
/* The first len bytes of the room are filled. */
void queue_commit(struct queue *queue, size_t len);
void queue_consume(struct queue *queue, size_t len);
void queue_reset(struct queue *queue); /* empties it and gives back the memory */

#endif
