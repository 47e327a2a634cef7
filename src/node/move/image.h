/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_MOVE_IMAGE_H
#define DVS_NODE_MOVE_IMAGE_H

/* The common parts of the calls about images in files. */

#include <stdbool.h>

struct request;

struct moves;
struct refusal;

/*
 * Whether this node has a key that others can read the file with, and the user has one of SHARE_IMAGES left, which is
 * taken. False: the request was failed. Node lock held.
 */
bool image_may(struct request *request);

/*
 * The file that the asker has open under the number that it said, for a worker, which closes it without the lock: the
 * last one that closes a file may wait for the server behind it. Nothing is sent over the socket, where a stranger's
 * descriptors would be the daemon's to close. -1, and *refusal is filled: there is no such file, or no such asker any
 * more. Without the lock.
 */
int image_open(struct moves *moves, struct request *request, struct refusal *refusal);

#endif
