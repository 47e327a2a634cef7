/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CORE_QUIET_H
#define DVS_CORE_QUIET_H

/*
 * A daemon is restarted at a quiet point: nothing of the node is half done but such things as its successor goes on
 * with. An obstacle either ends by itself, and the restart waits for it, or it refuses the restart. The product and the
 * simulator ask this.
 */

#include <stdbool.h>

/* The work that a node has under way. */
struct quiet_view {
	bool is_moving;	   /* a process is on its way from or to the node */
	bool has_proposal; /* a command of the node is not decided yet */
	bool is_emptied;   /* one process after the other is to move away */
	bool is_copying;   /* parts of a data copy are under way between nodes */
	bool asks_init;	   /* the init of a DC has not answered */
	bool warns;  /* the end of an endpoint is being told to the process that is to know of it */
	bool serves; /* a request is being answered that its asker would not ask again */
	bool asks_node; /* another node has not answered a request that is not asked again */
};

/* A thing that has to come to its end first; in this order, if there are several. */
enum quiet_obstacle {
	QUIET_NONE,
	QUIET_MOVE,
	QUIET_PROPOSAL,
	QUIET_EMPTYING,
	QUIET_COPY,
	QUIET_INIT,
	QUIET_WARNING,
	QUIET_REQUEST,
	QUIET_NODE,
};

enum quiet_step {
	QUIET_GO = 1,
	QUIET_LOOK_AGAIN,
	QUIET_GIVE_UP,
};

enum quiet_obstacle quiet_find(const struct quiet_view *view);
/* Nobody is let in meanwhile, so a thing that takes its time is not waited for. */
enum quiet_step quiet_next(enum quiet_obstacle obstacle, bool is_overdue);

#endif
