/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_BIND_JUDGE_H
#define DVS_NODE_BIND_JUDGE_H

/*
 * May the user of a request do that in a DC (base/right.h)? A process that is bound in the DC belongs to it, and may
 * see and use it whatever its user may. A DC that does not run has no owner: its handler says what is wrong with it.
 * Node lock held.
 */

#include <stdbool.h>
#include <stdint.h>

struct request;

bool judge_may(const struct request *request, int dcid, unsigned rights);
/*
 * May it ask this daemon at all? Its user is root or in the group that may, or the process is bound, and has come from
 * another node perhaps. For requests of this machine.
 */
bool judge_may_ask(const struct request *request);
/* The DCs that the user may see, a bit for each: for tables, so that the process that asks is looked for once. */
uint32_t judge_visible(const struct request *request);

#endif
