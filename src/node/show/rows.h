/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_SHOW_ROWS_H
#define DVS_NODE_SHOW_ROWS_H

/* The rows of the contract's tables as this node sees them, built from the directory and the pages. */

#include "wire/ctl.h"

struct bindings;
struct life;
struct order;
struct proxy;
struct tasks;

/* dcid and p_nr must be in range. A free slot gives a row with SLOT_FREE. */
void rows_proc(const struct order *order, const struct bindings *bindings, int dcid, int p_nr,
	       proc_usr_t *row);
void rows_dc(const struct order *order, const struct tasks *tasks, int dcid, dc_usr_t *row);
void rows_node(const struct order *order, const struct proxy *proxy, int nodeid, node_usr_t *row);
void rows_dvs(const struct life *life, dvs_usr_t *row);

#endif
