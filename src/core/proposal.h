/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CORE_PROPOSAL_H
#define DVS_CORE_PROPOSAL_H

/*
 * The fate of a command that a node proposes, while there is no quorum that could decide it. Most proposers are told
 * so and give up. A step of a move, or the news that a process has ended, has nobody to give it up: if it were
 * dropped, the endpoint would stay as it was in the directory for ever. A command that gives an endpoint to a process
 * of this node may have a number already: if its proposer gave up, the endpoint would be bound to nothing. The daemon,
 * its deputy and the simulator ask this.
 */

#include <stdbool.h>

#include "wire/command.h"

/* It has been handed to the order, and the quorum is lost: it waits, and is decided once when there is one again. */
bool proposal_stays(const struct command *cmd);
/* There is no quorum when it is to be proposed: it waits for one. Any other is refused. */
bool proposal_waits(const struct command *cmd);

#endif
