/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_RESTART_JOURNAL_H
#define DVS_NODE_RESTART_JOURNAL_H

/*
 * The state that a daemon leaves all the time, in a file that grows by the changes:
 *
 *	 0       64
 *	+-------+---------------+---------+---------+---------+- - -
 *	| bytes | a whole state | changes | changes | changes | room
 *	+-------+---------------+---------+---------+---------+- - -
 *
 * Each part is a state of its own form (wire/handover.h), with head and hash. Among changes, a record takes the place
 * of the one with its kind and number, HANDOVER_GONE takes one away, and HANDOVER_COMMAND is applied to the directory.
 *
 * The daemon may die between any two of its stores. So a part is written behind the end, where nobody reads, and one
 * store into `bytes`, which counts what lies behind it, makes it a part of the state.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/handover.h"

#define JOURNAL_HEAD_BYTES 64u

struct journal {
	int fd; /* a memfd, or -1 */
	void *map;
	size_t room;  /* of the file */
	size_t bytes; /* of all parts */
};

/* An empty one in a file of `room` bytes, which are more than JOURNAL_HEAD_BYTES. 0 or negative errno. */
int journal_init(struct journal *journal, size_t room);
/* Also of one that is zeroed but for fd -1. */
void journal_deinit(struct journal *journal);
/* Nobody reads it any more: it is empty. */
void journal_clear(struct journal *journal);
/* The place for the next part, and its room. */
uint8_t *journal_end(const struct journal *journal, size_t *room);
/* A sealed part of that many bytes stands there. */
void journal_add(struct journal *journal, size_t bytes);

/*
 * The state that a journal comes to, whole and sealed, its records in the order in which a successor takes them, in
 * memory of its own (*statep, for free()). 0; -ENOMEM; as handover_open(), for a part that it refuses, whose version is
 * *version; -EBADMSG also for a record that makes no sense.
 */
int journal_read(const void *file, size_t size, const struct handover_versions *own,
		 uint8_t **statep, size_t *bytesp, uint32_t *version);

#endif
