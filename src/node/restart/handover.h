/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_RESTART_HANDOVER_H
#define DVS_NODE_RESTART_HANDOVER_H

/*
 * Everything that a daemon knows, written down for its successor (wire/handover.h). Node lock held, at
 * a quiet point: no proposal, no migration, no copy, and no request but such as can be kept.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire/handover.h"

struct ctl_counters;
struct exchange;
struct handover_writer;
struct order;
struct proxy;
struct request;
struct requests;
struct state_node;
struct tasks;

struct handover_file {
	int fd; /* a memfd, close-on-exec like all of `fds` */
	size_t bytes;
	int *fds; /* that the successor needs; the list is owned, the descriptors are not */
	unsigned fd_count;
};

/* Puts each part of the node, in the order in which a successor takes them. */
typedef void handover_fill_fn(struct handover_writer *writer, void *ctx);
/* 0 or negative errno. fill is called twice: first to see how much there is. */
int handover_write(handover_fill_fn *fill, void *ctx, struct handover_file *file);

/*
 * Where the newest of the records stand that are alone in their kind, or one for each node; NULL: there is none. In a
 * state that is left again and again (journal.h) one that says the same is not written again.
 */
struct handover_alone {
	const uint8_t *record[HANDOVER_KIND_LAST + 1];
	const uint8_t *link[NR_NODES];
};
const uint8_t **handover_alone_at(struct handover_alone *alone, enum handover_kind kind,
				  uint64_t number);
/*
 * Fills once, into these `room` bytes, and lists no descriptors. Returns the bytes that it comes to, of which more than
 * `room` are not there (then *alone is not true any more), or negative errno.
 */
ssize_t handover_write_into(handover_fill_fn *fill, void *ctx, void *out, size_t room,
			    struct handover_alone *alone);
void handover_file_deinit(struct handover_file *file);

void handover_put_head(struct handover_writer *writer, const struct state_node *head);
void handover_put_pages(struct handover_writer *writer, struct exchange *exchange);
void handover_put_directory(struct handover_writer *writer, const struct order *order);
/* The place in the group, unless that is lost. */
void handover_put_group(struct handover_writer *writer, const struct order *order);
/* With their inits, rights, bindings and outputs, and those that have ended. */
void handover_put_tasks(struct handover_writer *writer, const struct tasks *tasks);
void handover_put_counters(struct handover_writer *writer, const struct ctl_counters *counters);
void handover_put_links(struct handover_writer *writer, const struct proxy *proxy,
			const struct order *order);
/* Of clients; asker: of the restart, or NULL in a state that is left for a death. */
void handover_put_requests(struct handover_writer *writer, const struct requests *requests,
			   const struct request *asker);
/*
 * The changes since the last time (os/kept.h), of all but head, group, counters and links. -ENOBUFS: it is too
 * much, and all is to be written.
 */
void handover_put_changes(struct handover_writer *writer, const struct tasks *tasks);

/* The versions that this program speaks. */
extern const struct handover_versions handover_own_versions;

/*
 * How a request of a client is kept (enum state_request_kind), and *number (see state.h); 0: it is being answered
 * and cannot be.
 */
int handover_kind_of(const struct request *request, const struct request *asker, uint64_t *number);

#endif
