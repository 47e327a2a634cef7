/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_STATE_LIFE_H
#define DVS_NODE_STATE_LIFE_H

/* The lives of nodes: the end of this one, and what the links have to know of each. Node lock held. */

#include <stdbool.h>
#include <stdint.h>

#include "dvk.h"
#include "wire/ctl.h"

struct order;
struct os_loop;
struct os_source;
struct proxy;

/* The part of struct node: how far this node is in its life, and what is remembered of it. */
struct life {
	struct os_loop *loop; /* the main one */
	bool ready_told;
	bool stopping;
	bool failed;
	bool begins_anew; /* the others went on without it: it ends what it has, and joins as a new life */
	struct os_source *watchdog, *hangup; /* the talk with a service manager: see service.c */
	int64_t watchdog_us;		     /* between two signs of life; 0: none is wanted */
	bool reloading, reload_again;
	struct ctl_counters counters;
	uint64_t debug_level; /* this and the name as dvk_dvs_init gave them */
	char dvs_name[MAXDCNAME];
};

/* A node is up, as the directory says: its link, or the life of this node itself. */
void life_link_up(const struct order *order, struct proxy *proxy, int id);
/* Ends the loop, and the daemon in good order after it. */
void life_stop(struct life *life);
/* Something that cannot be mended: log and stop in good order. */
void life_fail(struct life *life);

#endif
