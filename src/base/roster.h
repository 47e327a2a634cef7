/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_BASE_ROSTER_H
#define DVS_BASE_ROSTER_H

/*
 * The machines of a cluster, as the file /etc/dvs/cluster lists them, the same on each of them. Corosync's own file is
 * made of it. Empty lines and lines that begin with '#' mean nothing.
 *
 *	change 3				grows with each change that DVS makes
 *	node 0 alpha 192.0.2.10			number, name, and one to four addresses
 *	node 1 beta 192.0.2.11 2001:db8::11
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "dvk.h"

#define ROSTER_ADDRESSES 4
#define ROSTER_TEXT_MAX	 8192 /* bytes of the file */
#define ROSTER_WHY_MAX	 128

struct roster_node {
	unsigned count; /* of its addresses; 0: there is no such node */
	char name[MAXNODENAME];
	struct address address[ROSTER_ADDRESSES];
};

struct roster {
	uint32_t change;
	struct roster_node node[NR_NODES];
};

/* The node has one address more. NULL, or the rule against it, as the end of a sentence. */
const char *roster_add_address(struct roster_node *node, struct address address);
bool roster_has_address(const struct roster_node *node, struct address address);
/* Both have some address. */
bool roster_meet(const struct roster_node *one, const struct roster_node *other);
/* NULL, or the rule that a name of len bytes breaks, as the end of a sentence. */
const char *roster_check_name(const char *name, size_t len);

/* NULL, or the fault, as the end of a sentence, and its line in *line (0: it is one of the whole file). */
const char *roster_parse(struct roster *roster, const char *text, size_t len, int *line);
/* The text of it, terminated; its length. */
size_t roster_print(const struct roster *roster, char text[ROSTER_TEXT_MAX]);

/*
 * A network that all nodes share, as far as the list tells: the nth address of a family of each node. Two nodes whose
 * addresses are of different families cannot call each other.
 */
struct roster_network {
	bool is_v4;
	unsigned nth;
};
/* How many there are. Their order is that of the first node's addresses. */
unsigned roster_networks(const struct roster *roster,
			 struct roster_network network[ROSTER_ADDRESSES]);
/* The address of the node there; NULL: it has none. */
const struct address *roster_address_in(const struct roster_node *node,
					const struct roster_network *network);

unsigned roster_count(const struct roster *roster);
/* The node of that name, or -1. */
int roster_find(const struct roster *roster, const char *name);
/* The node that has one of these addresses, or -1. */
int roster_owner(const struct roster *roster, const struct roster_node *node);
/* The lowest number that no node has, or -1. */
int roster_free(const struct roster *roster);

#endif
