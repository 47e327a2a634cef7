/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_MOVE_SOURCE_H
#define DVS_NODE_MOVE_SOURCE_H

/*
 * A process leaves this node: the source side of a migration, one worker thread each. The node lock is
 * held in everything declared here; the worker takes it by itself.
 */

#include <stdbool.h>

#include "core/directory.h"

struct moves;
struct request;

/* CTL_MOVE for an endpoint owned here; answers when it is committed, rolled back or refused. */
void source_start(struct moves *moves, struct request *request);

/*
 * CTL_MOVE with CTL_FLAG_CANCEL: a move that is not committed is rolled back. Answers, like the request of the move
 * itself, when that is over.
 */
void source_cancel(struct moves *moves, struct request *request);
/* The asker is another node's client, and it cancelled. */
void source_cancel_remote(struct moves *moves, int from, uint64_t id);

/* A move is committed or rolled back, or its endpoint is dead. */
void source_on_effect(struct moves *moves, const struct directory_effect *effect);
void source_on_node_left(struct moves *moves, int left);
/* True: a migration under way sees to the endpoint's end. */
bool source_on_process_died(struct moves *moves, int dcid, int p_nr);
int source_count(const struct moves *moves);
/* Whether one of that slot is under way, or its worker has not let go of everything yet. */
bool source_find(const struct moves *moves, int dcid, int p_nr);

#endif
