/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_RESTART_HANDOVER_H
#define DVS_NODE_RESTART_HANDOVER_H

/*
 * Everything that a daemon knows, written down for its successor (wire/handover.h). Node lock held, at
 * a quiet point: no proposal, no migration, no copy, and no request but such as can be kept.
 */

#include <stddef.h>
#include <stdint.h>

#include "wire/handover.h"

struct node;
struct request;

struct handover_file {
	int fd; /* a memfd, close-on-exec like all of `fds` */
	size_t bytes;
	int *fds; /* that the successor needs; the list is owned, the descriptors are not */
	unsigned fd_count;
};

/*
 * 0 or negative errno. asker: of the restart; its client may have gone. NULL: without the requests, at
 * no quiet point, only to be looked at by the program that may become the successor.
 */
int handover_write(struct node *node, const struct request *asker, uint64_t asked_ns,
		   uint64_t paused_ns, struct handover_file *file);
void handover_file_deinit(struct handover_file *file);

/* The versions that this program speaks. */
extern const struct handover_versions handover_own_versions;

/*
 * How a request of a client is kept (enum state_request_kind), and *process (see state.h); 0: it is being answered and
 * cannot be.
 */
int handover_kind_of(const struct request *request, const struct request *asker, int *number);

#endif
