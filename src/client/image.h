/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CLIENT_IMAGE_H
#define DVS_CLIENT_IMAGE_H

#include <stddef.h>

#include "base/refusal.h"
#include "wire/ctl.h"

/* Shows a sentence while something goes on. */
typedef void client_tell_fn(const char *sentence);

/*
 * CTL_CHECKPOINT, CTL_RESTORE or CTL_IMAGE, with a file that is open here; it stays the caller's. Blocks until
 * it is done. An interrupt gives a checkpoint up, if it is not too late: then the refusal is EDVSINTR. *paths and
 * *path_bytes: of CTL_IMAGE, the paths of files, each ended by 0, the caller's to free; else NULL. 0 or negative.
 */
int client_image(int node, struct ctl_request *request, int file, struct ctl_image *row,
		 char **paths, size_t *path_bytes, client_tell_fn *tell, struct refusal *refusal);

/* The node that the endpoint is on, for a file has to be given to its own daemon; or negative. */
int client_find_owner(int node, int dcid, int p_nr, struct refusal *refusal);

#endif
