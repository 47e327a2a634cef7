/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_BASE_ROSTER_H
#define DVS_BASE_ROSTER_H

/*
 * The machines of a cluster, as the file /etc/dvs/cluster lists them, the same on each of them. Corosync's own file is
 * made of it. Empty lines and lines that begin with '#' mean nothing.
 *
 *	change 3				grows with each change that DVS makes
 *	node 0 alpha 192.0.2.10			number, name, and one to four IPv4 addresses
 *	node 1 beta 192.0.2.11 198.51.100.11
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dvk.h"

#define ROSTER_ADDRESSES 4
#define ROSTER_TEXT_MAX	 8192 /* bytes of the file */
#define ROSTER_WHY_MAX	 128

struct roster_node {
	unsigned count; /* of its addresses; 0: there is no such node */
	char name[MAXNODENAME];
	uint32_t address[ROSTER_ADDRESSES]; /* network order */
};

struct roster {
	uint32_t change;
	struct roster_node node[NR_NODES];
};

/* "A.B.C.D" of len bytes, which is no address of all or of nobody. 0 or -1. */
int roster_address(const char *text, size_t len, uint32_t *address);
/* The same text, in one of the caller. */
#define ROSTER_ADDRESS_TEXT 16
const char *roster_print_address(uint32_t address, char text[ROSTER_ADDRESS_TEXT]);
/* The node has one address more. NULL, or the rule against it, as the end of a sentence. */
const char *roster_add_address(struct roster_node *node, uint32_t address);
bool roster_has_address(const struct roster_node *node, uint32_t address);
/* Both have some address. */
bool roster_meet(const struct roster_node *one, const struct roster_node *other);
/* NULL, or the rule that a name of len bytes breaks, as the end of a sentence. */
const char *roster_check_name(const char *name, size_t len);

/* NULL, or the fault, as the end of a sentence, and its line in *line (0: it is one of the whole file). */
const char *roster_parse(struct roster *roster, const char *text, size_t len, int *line);
/* The text of it, terminated; its length. */
size_t roster_print(const struct roster *roster, char text[ROSTER_TEXT_MAX]);

unsigned roster_count(const struct roster *roster);
/* The node of that name, or -1. */
int roster_find(const struct roster *roster, const char *name);
/* The node that has one of these addresses, or -1. */
int roster_owner(const struct roster *roster, const struct roster_node *node);
/* The lowest number that no node has, or -1. */
int roster_free(const struct roster *roster);

#endif
