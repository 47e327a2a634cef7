/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/nodename.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "os/options.h"

/* A node that is up goes before one that was called so. */
static int search(const struct ctl_node_row *rows, size_t count, const char *name)
{
	int found = -1;

	assert(rows || !count);
	for (size_t i = 0; i < count; i++)
		if (!strncmp(rows[i].node.n_name, name, sizeof(rows[i].node.n_name)) &&
		    (found < 0 || rows[i].up))
			found = rows[i].node.n_nodeid;
	return found;
}

bool nodename_find(const char *text, int *node, char *why, size_t size)
{
	struct ctl_request request = client_request(CTL_NODES);
	struct refusal refusal = REFUSAL_NONE;
	void *rows;
	size_t count;

	if (options_integer(text, node))
		return true;
	if (!((text[0] >= 'a' && text[0] <= 'z') || (text[0] >= 'A' && text[0] <= 'Z'))) {
		snprintf(why, size, "a node is a number or a name, not \"%.40s\"", text);
		return false;
	}
	client_rows(-1, &request, sizeof(struct ctl_node_row), &rows, &count, &refusal);
	*node = search(rows, count, text);
	free(rows);
	if (*node < 0 && refusal.error)
		snprintf(why, size, "the node \"%.20s\" is not known: %.100s", text,
			 refusal.reason);
	else if (*node < 0)
		snprintf(why, size, "no node is called \"%.40s\" (dvs nodes lists them)", text);
	return *node >= 0;
}

bool nodename_set(const char *text, unsigned *set, char *why, size_t size)
{
	unsigned all = 0;

	for (;;) {
		size_t len = strcspn(text, ",");
		unsigned some = 0;
		char part[64];
		int node;

		snprintf(part, sizeof(part), "%.*s", len < sizeof(part) ? (int)len : 0, text);
		if (!options_set(part, &some)) {
			if (!nodename_find(part, &node, why, size))
				return false;
			if (node < 0 || node >= NR_NODES) {
				snprintf(why, size, "a node is a number from 0 to %d, not %s",
					 NR_NODES - 1, part);
				return false;
			}
			some = 1u << node;
		}
		all |= some;
		if (!text[len])
			break;
		text += len + 1;
	}
	*set = all;
	return true;
}
