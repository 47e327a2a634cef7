/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CTL_LABNET_H
#define DVS_CTL_LABNET_H

/*
 * The lab's network, drawn once:
 *
 *	  switch's namespace		       a node's namespace
 *	+--------------------+		     +------------------------+
 *	| dvs0 (bridge)	     |		     | eth0 10.77.0.(id+1)/24 |
 *	|  |- n0  n1  n2 ... |== veth pairs ==|      fd77::(id+1)/64  |
 *	+--------------------+		     +------------------------+
 *
 * Each namespace lives as long as a process in it, so nothing has a name in the file system and the
 * end of the processes is the end of the network.
 */

#include "base/address.h"
#include "base/refusal.h"
#include "ctl/labstate.h"

#define LABNET_PORT 7700

/* The address of a node in the cluster, of the family that the lab was told. Returns the text. */
const char *labnet_address(const struct lab *lab, int node, char text[ADDRESS_TEXT]);

/* The empty bridge, in the switch's namespace. */
int labnet_switch(const struct lab *lab, struct refusal *refusal);

/* Plugs the nodes of the bit map in: cable, address, link up. */
int labnet_plug(const struct lab *lab, unsigned nodes, struct refusal *refusal);

/* Pulls a node's cable; a cable that is not there is no error. */
void labnet_unplug(const struct lab *lab, int node);

/* Drops, or passes again, what goes between two nodes, in both directions. */
int labnet_cut(const struct lab *lab, int a, int b, bool cut, struct refusal *refusal);

#endif
