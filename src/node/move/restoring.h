/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_MOVE_RESTORING_H
#define DVS_NODE_MOVE_RESTORING_H

/*
 * A process out of a file (dvs restore, dvs image): one worker thread each. The node lock is held in everything
 * declared here.
 */

struct moves;

int restoring_count(const struct moves *moves);

#endif
