/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_MOVE_TARGET_H
#define DVS_NODE_MOVE_TARGET_H

/*
 * A process comes to this node: the target side of a migration, one worker thread each, made for a
 * bulk connection from the source. The node lock is held in everything declared here.
 */

#include "core/directory.h"

struct secure;
struct moves;

/* Takes the connection; starts the worker. */
void target_start(struct moves *moves, int from, struct secure *secure);

/* A move is started, committed or rolled back, or its endpoint is dead. */
void target_on_effect(struct moves *moves, const struct directory_effect *effect);
void target_on_node_left(struct moves *moves, int left);
int target_count(const struct moves *moves);

#endif
