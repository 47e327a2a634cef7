/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/members.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "os/child.h"

int members_up(uint32_t *up, struct refusal *refusal)
{
	struct ctl_request request = client_request(CTL_NODES);
	struct ctl_node_row *row;
	void *rows;
	size_t count;
	int r = client_rows(-1, &request, sizeof(*row), &rows, &count, refusal);

	*up = 0;
	row = rows;
	for (size_t i = 0; i < count; i++)
		if (row[i].up && (row[i].self || row[i].link_up) && row[i].node.n_nodeid >= 0 &&
		    row[i].node.n_nodeid < NR_NODES)
			*up |= 1u << row[i].node.n_nodeid;
	free(rows);
	return r;
}

uint32_t members_all(const struct roster *roster)
{
	uint32_t all = 0;

	for (unsigned id = 0; id < NR_NODES; id++)
		all |= roster->node[id].count ? 1u << id : 0;
	return all;
}

int members_check_up(const struct roster *roster, uint32_t but, struct refusal *refusal)
{
	uint32_t up, down;
	int r = members_up(&up, refusal);

	if (r)
		return r;
	down = members_all(roster) & ~but & ~up;
	if (!down)
		return 0;
	r = __builtin_ctz(down);
	return refusal_set(
		refusal, EDVSNONODE,
		"node %d (%s) is not up, and could not learn of the change: start it first, or "
		"take it off the list (dvs leave %s)",
		r, roster->node[r].name, roster->node[r].name);
}

int members_tell(const struct roster *roster, uint32_t nodes, struct refusal *refusal)
{
	char text[ROSTER_TEXT_MAX];
	size_t len = roster_print(roster, text);
	int r = 0;

	assert(nodes);
	assert(roster_count(roster));
	for (int id = 0; id < NR_NODES && !r; id++) {
		struct ctl_request request = client_request(CTL_ROSTER);

		if (!(nodes >> id & 1))
			continue;
		/* By the daemon of this machine, even if there is a lab beside it. */
		request.node = id;
		r = client_call(-1, &request, text, len, NULL, 0, refusal);
	}
	return r;
}

int members_reload(struct refusal *refusal)
{
	char name[] = "corosync-cfgtool", flag[] = "-R", output[160];
	char *argv[] = { name, flag, NULL };

	if (!os_child_run(argv, 0, NULL, output, sizeof(output)))
		return 0;
	output[strcspn(output, "\n")] = '\0';
	return refusal_set(
		refusal, EDVSIO,
		"Corosync did not read its file again (%.100s): `corosync-cfgtool -R` on one "
		"machine has all do so",
		output);
}

int members_add(const struct roster *roster, const struct roster_node *newcomer, uint32_t up,
		struct roster *next, struct refusal *refusal)
{
	int id = roster_find(roster, newcomer->name), owner;
	struct roster_network network[ROSTER_ADDRESSES];

	assert(newcomer->count);
	if (id >= 0 && (!roster_meet(&roster->node[id], newcomer) || up >> id & 1))
		return refusal_set(
			refusal, EDVSEXIST,
			"the cluster has a node %s already (number %d%s): choose another "
			"--name%s%s",
			newcomer->name, id, up >> id & 1 ? ", which is up" : "",
			up >> id & 1 ? "" : ", or take that one off with dvs leave ",
			up >> id & 1 ? "" : newcomer->name);
	*next = *roster;
	if (id >= 0)
		next->node[id].count = 0;
	owner = roster_owner(next, newcomer);
	if (owner >= 0)
		return refusal_set(refusal, EDVSEXIST,
				   "node %d (%s) has that address already: say another one with "
				   "--address, or take that node off the list (dvs leave %s)",
				   owner, next->node[owner].name, next->node[owner].name);
	id = id >= 0 ? id : roster_free(roster);
	if (id < 0)
		return refusal_set(
			refusal, EDVSRSCBUSY,
			"the cluster has %d nodes, which is the most there can be: take one "
			"off with dvs leave",
			NR_NODES);
	assert(!next->node[id].count);
	next->node[id] = *newcomer;
	if (!roster_networks(next, network))
		return refusal_set(
			refusal, EDVSINVAL,
			"%s has no address of a family, IPv4 or IPv6, of which all nodes "
			"have one: give it one of theirs with --address",
			newcomer->name);
	next->change++;
	return id;
}
