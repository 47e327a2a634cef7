/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CLIENT_MOVE_H
#define DVS_CLIENT_MOVE_H

/*
 * Asking for the move of a process, or that one be given up (CTL_MOVE).
 */

#include "client/client.h"

/* Tells the user, while the wait goes on, how an interrupt fares: one sentence without a full stop. */
typedef void client_say_fn(const char *sentence);

/*
 * Asks and waits until the move is over. *move is a row in any case: that of the answer, or one that says that the
 * move was refused before it began, with from -1. The first interrupt asks the owner to give the move up, and the
 * answer says whether that was in time; the second ends the wait. 0: committed. Else a negative EDVS number.
 */
int client_move(int node, struct ctl_request *request, struct ctl_move *move, client_say_fn *say,
		struct refusal *refusal);

#endif
