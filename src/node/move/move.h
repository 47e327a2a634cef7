/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_MOVE_MOVE_H
#define DVS_NODE_MOVE_MOVE_H

#include <stdbool.h>

struct request;

/* Whether this release moves in the way that was asked for; if not, the request is answered so. */
bool move_method_known(struct request *request);

#endif
