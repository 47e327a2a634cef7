/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CORE_RECOVER_H
#define DVS_CORE_RECOVER_H

/*
 * The choice that a daemon makes about an endpoint when it follows one that died: it compares the
 * decisions of the order up to now with the process that is there. A move that was under way comes
 * to this:
 *
 *	this node was    the daemon died                 the process
 *	the source       before it was frozen            stays, and the move is rolled back
 *	                 frozen, before the commit       has been killed with its tracer: its endpoint ends
 *	                 after the commit                is the target's; its remnant here is killed
 *	the target       before the commit               stays at the source, which rolls the move back
 *	                 after the commit                has been killed with its tracer: its endpoint ends
 *
 * So it is there once, or its end is told, as when the node dies.
 */

#include <stdbool.h>

struct recover_view {
	bool has_binding; /* this daemon was left a process for it */
	bool is_leaving;  /* whose far ends the predecessor had taken */
	bool is_ending;	  /* which has ended, or was about to be unbound */
	/* As the order has it now. */
	bool is_bound;	  /* of the binding's life, if there is one */
	bool is_here;	  /* this node owns it */
	bool is_attached; /* by a process; by hand it may have an owner before that */
	bool is_moving, is_by_hand;
};

struct recover_steps {
	bool stop;	/* kill the process, and forget the binding: it is not this node's */
	bool take_back; /* its far ends are the process's again */
	bool end;	/* ask the order to unbind it: nobody is there */
	bool roll_back; /* ask the order to end the move */
};

struct recover_steps recover_of(const struct recover_view *view);

#endif
