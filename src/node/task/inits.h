/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_TASK_INITS_H
#define DVS_NODE_TASK_INITS_H

/* The pid namespaces of the DCs on this node: an init for each, whose children are tasks. Node lock held. */

#include <stdbool.h>
#include <stdint.h>

struct tasks;
struct dc_init_place;

/* The DC's pid namespace, made at first need. 0 or negative errno. */
int inits_start(struct tasks *tasks, int dcid);
/* Takes over one that runs. */
int inits_adopt(struct tasks *tasks, int dcid, const struct dc_init_place *place, bool after_death);
/* Ends it and everything in it; see dc_init_free(). */
void inits_drop(struct tasks *tasks, int dcid);
/* Marks the vpids of our range that live on elsewhere, in DC_VPID_COUNT bits. */
void inits_taken_vpids(const struct tasks *tasks, int dcid, uint64_t *taken);

#endif
