/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_TASK_LOG_H
#define DVS_NODE_TASK_LOG_H

/*
 * What a process writes to standard output and error: a pipe, kept by the daemon at both ends, and
 * the last bytes that came out of it, as many as its limit says. No file. When the process moves its log moves with it:
 *
 *	source: freeze; proc_log_drain(); proc_log_export()      target: proc_log_new();
 *	        bytes -------------------------------------->            proc_log_import()
 *
 * All of it with the node lock held.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/ctl.h"

/* Limits: the least, the one where nobody says another, and the most (a client's outbox has room for it). */
#define PROC_LOG_LEAST ((uint32_t)CTL_LOG_LEAST)
#define PROC_LOG_BYTES ((uint32_t)CTL_LOG_DEFAULT)
#define PROC_LOG_MOST  ((uint32_t)CTL_LOG_MOST)

struct os_loop;
struct proc_log;

/* New bytes, in the order written. May not free the log. */
typedef void proc_log_fn(void *ctx, const uint8_t *bytes, size_t len);

/* 0 or negative errno; -EINVAL: such a limit is not allowed. */
int proc_log_new(struct os_loop *loop, uint32_t limit, struct proc_log **logp);
/*
 * For a daemon that executes itself anew: what it knows of a log, and taking it over with the same
 * descriptors. Nothing is copied: what is kept lies in a memfd.
 */
struct proc_log_place {
	int read_fd, write_fd; /* of the pipe */
	int ring_fd;	       /* -1: nothing was ever written */
	uint64_t total;
	uint32_t start, size, limit;
};
void proc_log_place(const struct proc_log *log, struct proc_log_place *place);
/* Takes the descriptors. 0 or negative errno. */
int proc_log_adopt(struct os_loop *loop, const struct proc_log_place *place,
		   struct proc_log **logp);
struct proc_log *proc_log_free(struct proc_log *log); /* log may be NULL; returns NULL */

/* One listener, told of what arrives from now on; NULL: none. */
void proc_log_listen(struct proc_log *log, proc_log_fn *fn, void *ctx);

/* The end that the process writes to; close-on-exec, stays the log's. */
int proc_log_fd(const struct proc_log *log);
/* Is it this pipe (st_dev and st_ino of one of its ends)? */
bool proc_log_is(const struct proc_log *log, uint64_t dev, uint64_t ino);

/* Takes all that is in the pipe now; the listener is told. */
void proc_log_drain(struct proc_log *log);

/* How many bytes are kept, at most and now, and how many ever came. */
uint32_t proc_log_limit(const struct proc_log *log);
size_t proc_log_size(const struct proc_log *log);
uint64_t proc_log_total(const struct proc_log *log);
/* Copies the last `size` bytes kept (all if there are fewer), oldest first; how many. */
size_t proc_log_export(const struct proc_log *log, uint8_t *buf, size_t size);
/* Appends what was exported elsewhere; the listener is not told: it has seen it there. */
void proc_log_import(struct proc_log *log, const uint8_t *bytes, size_t len);

#endif
