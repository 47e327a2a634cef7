/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/newcomer.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "ctl/render.h"
#include "ctl/verb.h"
#include "os/machine.h"

static int find_name(const struct newcomer *newcomer, struct roster_node *node,
		     struct refusal *refusal)
{
	char own[64];
	const char *name = newcomer->name, *why;

	if (!name) {
		os_machine_name(own, sizeof(own));
		name = own;
	}
	why = roster_check_name(name, strlen(name));
	if (why && newcomer->name)
		return refusal_set(refusal, EDVSINVAL, "--name: \"%.40s\" is no name of a node: %s",
				   name, why);
	if (why)
		return refusal_set(
			refusal, EDVSINVAL,
			"the name of this machine, \"%.40s\", is none for a node: %s; choose "
			"one with --name",
			name, why);
	memcpy(node->name, name, strlen(name));
	return 0;
}

/* More than these are several in any case. */
#define OWN_MOST 16

/* The only one of a family: that of the call to the member, or else IPv4 if there is one of it. */
static int own_address(struct address called, struct roster_node *node, struct refusal *refusal)
{
	struct address address[OWN_MOST], *chosen = address;
	unsigned all = os_machine_addresses(address, OWN_MOST), count = 0;

	while (count < all && address_is_v4(address[count]))
		count++;
	if (!count || (address_is_set(called) && !address_is_v4(called))) {
		chosen += count;
		count = all - count;
	}
	if (count == 1) {
		node->address[node->count++] = *chosen;
		return 0;
	}
	return refusal_set(
		refusal, EDVSINVAL,
		count ? "this machine has several addresses: say with --address at which one "
			"the other nodes reach it, once for each network"
		      : "this machine has no address in a network: say with --address at which "
			"one the other nodes reach it");
}

int newcomer_node(const struct newcomer *newcomer, struct roster_node *node,
		  struct refusal *refusal)
{
	const struct option_words *words = &newcomer->addresses;
	const char *why;
	int r;

	_Static_assert(OPTION_WORDS_MAX == ROSTER_ADDRESSES, "each has its place");
	*node = (struct roster_node){ .count = 0 };
	r = find_name(newcomer, node, refusal);
	if (r || !words->count)
		return r ? r : own_address(newcomer->called, node, refusal);
	for (unsigned i = 0; i < words->count; i++) {
		struct address address;

		why = address_parse(&address, words->word[i], strlen(words->word[i]));
		if (!why)
			why = roster_add_address(node, address);
		if (why)
			return refusal_set(refusal, EDVSINVAL, "--address %.45s: %s",
					   words->word[i], why);
	}
	return 0;
}

static json_t *list_of(const char *root, const char *const *text)
{
	json_t *list = json_array();
	char line[MEMBERSHIP_PATH_MAX];

	for (; *text; text++) {
		snprintf(line, sizeof(line), "%s%s", root, *text);
		json_array_append_new(list, json_string(line));
	}
	return list;
}

int newcomer_done(const struct newcomer *newcomer, const struct membership *membership,
		  const char *const *wrote, const char *const *next)
{
	const struct roster_node *node = &membership->roster.node[membership->node];
	char text[ADDRESS_TEXT];
	json_t *addresses;

	assert(node->count);
	if (newcomer->json) {
		addresses = json_array();
		for (unsigned i = 0; i < node->count; i++)
			json_array_append_new(addresses,
					      json_string(address_print(node->address[i], text)));
		return render_document(json_pack("{s:i, s:s, s:o, s:o, s:o}", "node",
						 membership->node, "name", node->name, "addresses",
						 addresses, "wrote", list_of(newcomer->root, wrote),
						 "next", list_of("", next)));
	}
	printf("this machine is node %d, %s, at %s", membership->node, node->name,
	       address_print(node->address[0], text));
	for (unsigned i = 1; i < node->count; i++)
		printf(", %s", address_print(node->address[i], text));
	printf("\nwritten:\n");
	for (; *wrote; wrote++)
		printf("    %s%s\n", newcomer->root, *wrote);
	printf("next:\n");
	for (; *next; next++)
		printf("    %s\n", *next);
	return DONE;
}
