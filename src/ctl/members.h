/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CTL_MEMBERS_H
#define DVS_CTL_MEMBERS_H

/*
 * The machines of a cluster, for the commands that change their list: every node gets the new list for its files, and
 * then the Corosyncs read theirs. Each node has to be up for that: a Corosync with an old list would disturb the others
 * when it comes back.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/refusal.h"
#include "base/roster.h"

/* The nodes of the list that are not in `but`, as the daemon here sees them, are all up. 0 or the refusal's number. */
int members_check_up(const struct roster *roster, uint32_t but, struct refusal *refusal);

/*
 * The daemons of these nodes (bit map), from the lowest number up, write the list into their files. The first that
 * refuses ends it: if two commands change the list at one time, one of them is refused by the lowest node, and has
 * changed nothing. 0 or the refusal's number.
 */
int members_tell(const struct roster *roster, uint32_t nodes, struct refusal *refusal);

/* All Corosyncs of the cluster read their files again. 0 or the refusal's number. */
int members_reload(struct refusal *refusal);

/* Bit map of all nodes of the list. */
uint32_t members_all(const struct roster *roster);

/*
 * The list with this newcomer in it: *next, and its number, or the refusal's. A node that has the name and addresses
 * already, and is not up, is the same machine, which comes anew. Bit map of the nodes that are up.
 */
int members_add(const struct roster *roster, const struct roster_node *newcomer, uint32_t up,
		struct roster *next, struct refusal *refusal);

/* Bit map of the nodes that are up and that the daemon here has a link to, and its own. 0 or the refusal's number. */
int members_up(uint32_t *up, struct refusal *refusal);

#endif
