/* SPDX-License-Identifier: Apache-2.0 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/right.h"
#include "client/client.h"
#include "ctl/dc.h"
#include "os/account.h"
#include "os/options.h"
#include "ctl/render.h"
#include "ctl/table.h"
#include "ctl/verb.h"

/* As they stand on the command line; NULL: unsaid. */
struct dc_words {
	const char *nodes, *name, *owner, *group, *mode;
	bool classic;
	struct option_words addresses;
};

static json_t *number_json(int number, int none)
{
	return number == none ? json_null() : json_integer(number);
}

static json_t *row_json(const struct ctl_dc_row *row)
{
	const dc_usr_t *dc = &row->dc;

	char mode[8], text[ADDRESS_NET_TEXT];
	json_t *object, *services = json_array();

	for (uint32_t i = 0; i < row->service_count && i < CTL_SERVICES_MAX; i++)
		json_array_append_new(services,
				      json_string(address_net_print(&row->service[i], text)));

	snprintf(mode, sizeof(mode), "%04o", row->mode & RIGHT_MODE_MOST);
	object = json_pack(
		"{s:i, s:o, s:i, s:o, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:I, s:I, s:s, s:o, s:o, s:o}",
		"dcid", dc->dc_dcid, "name", render_text(dc->dc_name, sizeof(dc->dc_name)), "flags",
		dc->dc_flags, "nodes", render_set_json(dc->dc_nodes), "nr_procs", dc->dc_nr_procs,
		"nr_tasks", dc->dc_nr_tasks, "nr_sysprocs", dc->dc_nr_sysprocs, "nr_nodes",
		dc->dc_nr_nodes, "endpoints", row->endpoints, "warn2proc", dc->dc_warn2proc,
		"warnmsg", dc->dc_warnmsg, "owner", (json_int_t)row->uid, "group",
		(json_int_t)row->gid, "mode", mode, "addresses", services, "address_endpoint",
		number_json(row->service_holder, NONE), "address_node",
		number_json(row->service_node, -1));

	return render_with_bytes(object, "name", dc->dc_name, sizeof(dc->dc_name));
}

/* Addresses and the node that has them: 10.0.0.5/24@1. */
static const char *services_text(const struct ctl_dc_row *row, char *text, size_t size)
{
	char address[ADDRESS_NET_TEXT];
	size_t at = 0;

	text[0] = 0;
	for (uint32_t i = 0; i < row->service_count && i < CTL_SERVICES_MAX && at < size; i++)
		at += (size_t)snprintf(text + at, size - at, "%s%s", i ? "," : "",
				       address_net_print(&row->service[i], address));
	if (row->service_count && row->service_node >= 0 && at < size)
		snprintf(text + at, size - at, "@%d", row->service_node);
	return row->service_count ? text : "-";
}

static int print_list(const struct ctl_dc_row *rows, size_t count, bool json)
{
	struct table *table;
	char text[CTL_SERVICES_MAX * ADDRESS_NET_TEXT + 8];

	if (json) {
		json_t *list = json_array();

		for (size_t i = 0; i < count; i++)
			json_array_append_new(list, row_json(&rows[i]));
		return render_document(list);
	}
	table = table_new(
		">DC NAME NODES >ENDPOINTS >PROCS >TASKS >SYSPROCS >OWNER >GROUP MODE ADDRESSES");
	if (!table)
		return verb_no_memory();
	for (size_t i = 0; i < count; i++) {
		table_cell(table, "%d", rows[i].dc.dc_dcid);
		table_cell(table, "%.*s", MAXDCNAME, rows[i].dc.dc_name);
		table_cell(table, "%s", render_set(rows[i].dc.dc_nodes, text, sizeof(text)));
		table_cell(table, "%d", rows[i].endpoints);
		table_cell(table, "%d", rows[i].dc.dc_nr_procs);
		table_cell(table, "%d", rows[i].dc.dc_nr_tasks);
		table_cell(table, "%d", rows[i].dc.dc_nr_sysprocs);
		table_cell(table, "%u", rows[i].uid);
		table_cell(table, "%u", rows[i].gid);
		table_cell(table, "%04o", rows[i].mode & RIGHT_MODE_MOST);
		table_cell(table, "%s", services_text(&rows[i], text, sizeof(text)));
	}
	table_finish(table);
	return DONE;
}

static int list(int node, bool json)
{
	struct ctl_request request = client_request(CTL_DCS);
	struct refusal refusal = REFUSAL_NONE;
	void *rows;
	size_t count;
	int status;

	if (client_rows(node, &request, sizeof(struct ctl_dc_row), &rows, &count, &refusal) < 0)
		status = verb_refuse(&refusal);
	else
		status = print_list(rows, count, json);
	free(rows);
	return status;
}

/* The nodes that are up: "all" means these when none are named. */
static int nodes_up(int node, unsigned *set, struct refusal *refusal)
{
	struct ctl_request request = client_request(CTL_NODES);
	void *found;
	size_t count;
	int r = client_rows(node, &request, sizeof(struct ctl_node_row), &found, &count, refusal);
	const struct ctl_node_row *rows = found;

	*set = 0;
	for (size_t i = 0; r >= 0 && i < count; i++) {
		int id = rows[i].node.n_nodeid;

		if (rows[i].up && id >= 0 && id < NR_NODES)
			*set |= 1u << id;
	}
	free(found);
	return r;
}

int dc_create(int node, const struct dc_wanted *wanted, struct refusal *refusal)
{
	struct ctl_request request = client_request(CTL_DCINIT);
	struct ctl_dc_make make = {
		.dc = {
			.dc_dcid = wanted->dcid,
			.dc_nr_procs = NR_PROCS,
			.dc_nr_tasks = NR_TASKS,
			.dc_nr_sysprocs = NR_SYS_PROCS,
			.dc_nr_nodes = NR_NODES,
			.dc_nodes = wanted->nodes,
			.dc_warn2proc = NONE,
		},
		.uid = wanted->uid,
		.gid = wanted->gid,
		.mode = wanted->mode,
		.service_count = wanted->service_count,
	};

	memcpy(make.service, wanted->service, sizeof(make.service));
	if (wanted->name)
		snprintf(make.dc.dc_name, sizeof(make.dc.dc_name), "%s", wanted->name);
	else
		snprintf(make.dc.dc_name, sizeof(make.dc.dc_name), "DC%d", wanted->dcid);
	request.dcid = wanted->dcid;
	request.bytes = wanted->nodes;
	request.flags = CTL_FLAG_CREATE | (wanted->classic ? CTL_FLAG_CLASSIC : 0);
	return client_call(node, &request, &make, sizeof(make), NULL, 0, refusal);
}

/* The words of --owner, --group and --mode, each NULL if it is unsaid. False: `why` says which is wrong. */
static bool take_owner(const struct dc_words *words, struct dc_wanted *wanted, char *why,
		       size_t size)
{
	if (words->owner && !os_account_user(words->owner, &wanted->uid)) {
		snprintf(why, size, "--owner: there is no user \"%.40s\" on this machine",
			 words->owner);
		return false;
	}
	if (words->group && !os_account_group(words->group, &wanted->gid)) {
		snprintf(why, size, "--group: there is no group \"%.40s\" on this machine",
			 words->group);
		return false;
	}
	if (words->mode)
		wanted->mode = (uint32_t)strtoul(words->mode, NULL, 8);
	if (words->mode &&
	    (strspn(words->mode, "01234567") != strlen(words->mode) || !*words->mode ||
	     strlen(words->mode) > 4 || wanted->mode > RIGHT_MODE_MOST)) {
		snprintf(why, size, "--mode needs digits of 0 to 7 like 0750, not \"%.40s\"",
			 words->mode);
		return false;
	}
	return true;
}

static bool take_addresses(const struct dc_words *words, struct dc_wanted *wanted, char *why,
			   size_t size)
{
	_Static_assert(OPTION_WORDS_MAX <= CTL_SERVICES_MAX, "all words have room");
	for (unsigned i = 0; i < words->addresses.count; i++) {
		const char *wrong =
			address_net_parse(&wanted->service[i], words->addresses.word[i]);

		if (wrong) {
			snprintf(why, size, "--address %.60s: %s", words->addresses.word[i], wrong);
			return false;
		}
	}
	wanted->service_count = words->addresses.count;
	return true;
}

static int create(const struct verb *verb, int node, int dcid, const struct dc_words *words,
		  bool json)
{
	struct dc_wanted wanted = { .dcid = dcid,
				    .name = words->name,
				    .classic = words->classic,
				    .uid = CTL_UNSAID,
				    .gid = CTL_UNSAID,
				    .mode = CTL_UNSAID };
	struct refusal refusal = REFUSAL_NONE;
	char text[240];

	if (words->nodes && !nodename_set(words->nodes, &wanted.nodes, text, sizeof(text)))
		return verb_usage(verb, "--nodes needs nodes like 0,1,2 or names, not %s: %s",
				  words->nodes, text);
	if (words->name && strlen(words->name) >= MAXDCNAME)
		return verb_usage(verb, "a container's name has at most %d letters", MAXDCNAME - 1);
	if (!take_owner(words, &wanted, text, sizeof(text)) ||
	    !take_addresses(words, &wanted, text, sizeof(text)))
		return verb_usage(verb, "%s", text);
	if (!words->nodes && nodes_up(node, &wanted.nodes, &refusal) < 0)
		return verb_refuse(&refusal);
	if (dc_create(node, &wanted, &refusal) < 0)
		return verb_refuse(&refusal);
	if (json)
		return render_document(json_pack("{s:i, s:o}", "dcid", dcid, "nodes",
						 render_set_json(wanted.nodes)));
	printf("container %d runs on nodes %s\n", dcid,
	       render_set(wanted.nodes, text, sizeof(text)));
	return DONE;
}

/*
 * A container is on the nodes that it was made on: one that joins later is added by hand, and one that is to have
 * nothing more of it leaves.
 */
static int change_nodes(const struct verb *verb, int node, int dcid, const char *word,
			const char *name, bool json)
{
	bool leaves = !strcmp(word, "leave");
	struct ctl_request request = client_request(leaves ? CTL_DELNODE : CTL_ADDNODE);
	struct refusal refusal = REFUSAL_NONE;
	char text[160];

	request.dcid = dcid;
	if (!nodename_find(name, &request.nodeid, text, sizeof(text)))
		return verb_usage(verb, "%s needs a node, not \"%.40s\": %s", word, name, text);
	if (client_call(node, &request, NULL, 0, NULL, 0, &refusal) < 0)
		return verb_refuse(&refusal);
	if (json)
		return render_document(
			json_pack("{s:i, s:i}", "dcid", dcid, "node", request.nodeid));
	if (leaves)
		printf("nothing new of container %d begins on node %d; what runs there goes on\n",
		       dcid, request.nodeid);
	else
		printf("container %d runs on node %d as well\n", dcid, request.nodeid);
	return DONE;
}

/* The processes of a container end with it: that has to be meant. */
static int check_empty(int node, int dcid, struct refusal *refusal)
{
	struct ctl_request request = client_request(CTL_DCS);
	void *found;
	size_t count;
	int r = client_rows(node, &request, sizeof(struct ctl_dc_row), &found, &count, refusal);
	const struct ctl_dc_row *rows = found;

	for (size_t i = 0; r >= 0 && i < count; i++)
		if (rows[i].dc.dc_dcid == dcid && rows[i].endpoints)
			r = refusal_set(refusal, EDVSBUSY,
					"container %d has %d endpoints, whose processes would end "
					"with it: end them first, or say --force",
					dcid, rows[i].endpoints);
	free(found);
	return r;
}

static int end(int node, int dcid, bool force, bool json)
{
	struct ctl_request request = client_request(CTL_DCEND);
	struct refusal refusal = REFUSAL_NONE;

	request.dcid = dcid;
	if ((!force && check_empty(node, dcid, &refusal) < 0) ||
	    client_call(node, &request, NULL, 0, NULL, 0, &refusal) < 0)
		return verb_refuse(&refusal);
	if (json)
		return render_document(json_pack("{s:i}", "dcid", dcid));
	printf("container %d is removed\n", dcid);
	return DONE;
}

int verb_dc(const struct verb *verb, int node, int argc, char **argv)
{
	struct dc_words words = { .classic = false };
	bool json = false, force = false, of_node;
	const struct option_row rows[] = {
		{ "force", 0, OPTION_FLAG, &force },
		VERB_JSON(&json),
		VERB_NODE(&node),
		{ "nodes", 0, OPTION_WORD, &words.nodes },
		{ "classic", 0, OPTION_FLAG, &words.classic },
		{ "name", 0, OPTION_WORD, &words.name },
		{ "owner", 0, OPTION_WORD, &words.owner },
		{ "group", 0, OPTION_WORD, &words.group },
		{ "mode", 0, OPTION_WORD, &words.mode },
		{ "address", 0, OPTION_WORDS, &words.addresses },
		VERB_OPTIONS_END,
	};
	struct options options;
	const char *word;
	int dcid, words_most, status = verb_options(verb, rows, argc, argv, &options);

	if (status != GO_ON)
		return status;
	if (!options.count || (options.count == 1 && !strcmp(options.operand[0], "list")))
		return list(node, json);
	word = options.operand[0];
	of_node = !strcmp(word, "add") || !strcmp(word, "leave");
	if (strcmp(word, "list") && strcmp(word, "create") && !of_node && strcmp(word, "rm"))
		return verb_usage(verb, "list, create, add, leave or rm, not \"%.40s\"", word);
	words_most = !strcmp(word, "list") ? 1 : of_node ? 3 : 2;
	if (options.count > words_most)
		return verb_usage(verb, "unexpected word \"%.40s\"", options.operand[words_most]);
	if (options.count < 2 || !options_integer(options.operand[1], &dcid))
		return verb_usage(verb, "%s needs a container's number%s%s", word,
				  options.count > 1 ? ", not " : "",
				  options.count > 1 ? options.operand[1] : "");
	if (options.count < words_most)
		return verb_usage(verb, "%s needs a container's number and a node", word);
	if (!strcmp(word, "create"))
		return create(verb, node, dcid, &words, json);
	if (of_node)
		return change_nodes(verb, node, dcid, word, options.operand[2], json);
	return end(node, dcid, force, json);
}
