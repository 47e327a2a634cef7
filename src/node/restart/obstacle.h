/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_RESTART_OBSTACLE_H
#define DVS_NODE_RESTART_OBSTACLE_H

/* Half done work that a restart would tear (core/quiet.h), with a sentence for people. Node lock held. */

#include "core/quiet.h"

struct copies;
struct moves;
struct refusal;
struct request;
struct requests;

/* asker: of the restart. QUIET_NONE: the point is quiet, and *why is as it was. */
enum quiet_obstacle obstacle_find(const struct requests *requests, const struct moves *moves,
				  const struct copies *copies, const struct request *asker,
				  struct refusal *why);
/* The same of moves alone, which take longer than an asker wants to wait. */
enum quiet_obstacle obstacle_move(const struct requests *requests, const struct moves *moves,
				  struct refusal *why);

#endif
