/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CTL_LABCOROSYNC_H
#define DVS_CTL_LABCOROSYNC_H

/*
 * A lab on Corosync: each node has one of its own, in the node's network namespace and with a /run of its own, and
 * beside it the deputy that the daemon speaks with. Both end with the node.
 */

#include "base/refusal.h"
#include "ctl/labstate.h"

/* Where the deputy of a node listens. `dvs lab down` finds the lab's processes by this name too. */
#define LABCOROSYNC_SOCKET LAB_GROUP ".%d"

/* Configuration and key of all of them, for the nodes of the bit map. Refuses where Corosync is not installed. */
int labcorosync_prepare(const struct lab *lab, unsigned nodes, struct refusal *refusal);
/* Starts Corosync and deputy in the network of the node's daemon, which is held still; waits for the deputy. */
int labcorosync_start(const struct lab *lab, int id, struct refusal *refusal);

/* Removes what the library of a Corosync that was killed has left in /dev/shm: 17 MB, under names with its pid. */
void labcorosync_forget(pid_t pid);

/*
 * `dvs lab up` starts Corosync as `dvs --lab-corosync FD` and the deputy as `dvs --lab-corosync FD SOCKET`, which are
 * not for people. Each of the two is started again when it ends, as a service manager would.
 */
#define LAB_COROSYNC_ARGUMENT "--lab-corosync"
int lab_corosync_main(int argc, char **argv);

#endif
