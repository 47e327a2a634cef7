/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_TASK_OUTPUT_H
#define DVS_NODE_TASK_OUTPUT_H

/*
 * The output of a process: a pipe, kept by the daemon at both ends, that is its standard output and
 * error, and the last bytes that came out of it, as many as its limit says. No file. When the process
 * moves its output moves with it:
 *
 *	source: freeze; output_drain(); output_export()          target: output_new();
 *	        bytes -------------------------------------->            output_import()
 *
 * All of it with the node lock held.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/ctl.h"

/* Limits: the least, the one where nobody says another, and the most (a client's outbox has room for it). */
#define OUTPUT_LEAST ((uint32_t)CTL_LOG_LEAST)
#define OUTPUT_BYTES ((uint32_t)CTL_LOG_DEFAULT)
#define OUTPUT_MOST  ((uint32_t)CTL_LOG_MOST)

struct os_kept;
struct os_loop;
struct output;

/* New bytes, in the order written. May not free the output. */
typedef void output_fn(void *ctx, const uint8_t *bytes, size_t len);

/* 0 or negative errno; -EINVAL: such a limit is not allowed. */
int output_new(struct os_loop *loop, uint32_t limit, struct output **outputp);
/*
 * For a daemon that executes itself anew: its knowledge of an output, and taking that over with the same descriptors.
 * Nothing is copied: the kept bytes lie in a memfd.
 */
struct output_place {
	int read_fd, write_fd; /* of the pipe */
	int ring_fd;	       /* -1: nothing was ever written */
	uint64_t total;
	uint32_t start, size, limit;
};
void output_place(const struct output *output, struct output_place *place);
/* Takes the descriptors. 0 or negative errno. */
int output_adopt(struct os_loop *loop, const struct output_place *place, struct output **outputp);
struct output *output_free(struct output *output); /* output may be NULL; returns NULL */

/* A part of this thing, of which the next daemon has to know; until the output belongs to another one, or is freed. */
void output_belong(struct output *output, struct os_kept *owner);

/* One listener, told of the bytes that arrive from now on; NULL: none. */
void output_listen(struct output *output, output_fn *fn, void *ctx);

/* The end that the process writes to; close-on-exec, stays the output's. */
int output_fd(const struct output *output);
/* Is it this pipe (st_dev and st_ino of one of its ends)? */
bool output_is(const struct output *output, uint64_t dev, uint64_t ino);

/* Takes all that is in the pipe now; the listener is told. */
void output_drain(struct output *output);

/* How many bytes are kept, at most and now, and how many ever came. */
uint32_t output_limit(const struct output *output);
size_t output_size(const struct output *output);
uint64_t output_total(const struct output *output);
/* Copies the last `size` bytes kept (all if there are fewer), oldest first; how many. */
size_t output_export(const struct output *output, uint8_t *buf, size_t size);
/* Appends what was exported elsewhere; the listener is not told: it has seen it there. */
void output_import(struct output *output, const uint8_t *bytes, size_t len);

#endif
