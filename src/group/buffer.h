/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_GROUP_BUFFER_H
#define DVS_GROUP_BUFFER_H

/* Bytes that come at one end and are taken from the other; it grows. All zero: an empty one. */

#include <stddef.h>
#include <stdint.h>

struct group_buffer {
	uint8_t *bytes;
	size_t from, to, room; /* from..to is what is in it */
};

/* Makes room for len bytes more at the end. 0 or -ENOMEM. */
int group_buffer_reserve(struct group_buffer *b, size_t len);
int group_buffer_add(struct group_buffer *b, const void *bytes, size_t len); /* 0 or -ENOMEM */
/* Takes len bytes, which are there, from the beginning. */
void group_buffer_take(struct group_buffer *b, size_t len);
void group_buffer_deinit(struct group_buffer *b);
static inline size_t group_buffer_size(const struct group_buffer *b)
{
	return b->to - b->from;
}

#endif
