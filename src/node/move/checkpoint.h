/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_MOVE_CHECKPOINT_H
#define DVS_NODE_MOVE_CHECKPOINT_H

/*
 * The image of a process of this node into a file of the asker (dvs checkpoint): one worker thread each. Nothing of it
 * is ordered: no other node notices, and where the process goes on its peers notice a pause. The node lock is held in
 * everything declared here.
 */

#include <stdbool.h>

struct moves;

int checkpoint_count(const struct moves *moves);
/* Whether one of that slot is under way. */
bool checkpoint_find(const struct moves *moves, int dcid, int p_nr);

#endif
