/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_STATE_FAULT_H
#define DVS_NODE_STATE_FAULT_H

#include <stdbool.h>

/*
 * Named places at which a test lets something happen. DVS_FAULT in the daemon's environment is
 * "NAME:ACTION", or several with commas between, ACTION being `exit` (the node dies there: its keeper,
 * as by SIGKILL), `die` (the daemon alone), `sleep` (200 ms) or `stop` (1 s). Without the variable a point costs
 * one comparison.
 *
 *	init-collect (in the init of a DC)
 */
void fault_point(const char *name);

/*
 * One in a step of a move. NAME may be narrowed to an endpoint, "NAME@SLOT", and ACTION may be `hang`: the
 * step does not go on before told(ctx) says that it is given up (or a minute is over).
 *
 *	source-check source-offer source-frozen source-sent source-commit
 *	target-offer target-check target-checked target-load target-loaded target-commit
 */
void fault_step(const char *name, int p_nr, bool (*told)(void *ctx), void *ctx);

/*
 * Whether DVS_FAULT is that word: the daemon then is slow, or does without something that an older kernel
 * has not.
 *
 *	search (translates no pid)  peer-pidfd (knows clients by their start time)
 *	order-late (hears of each command 50 ms late)
 *	keep-check (compares what it leaves to a next daemon with all that there is, at each change)
 */
bool fault_is(const char *name);

#endif
