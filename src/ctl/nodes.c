/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/result.h"
#include "client/client.h"
#include "os/membership.h"
#include "os/options.h"
#include "ctl/render.h"
#include "ctl/table.h"
#include "ctl/verb.h"

/* A link that has not been heard of for longer than a sign of life takes; it is given up after 5 s. */
#define SILENT_MS      2000
/* Moved processes notice more than that; a machine with a time daemon is far below. */
#define CLOCK_LIMIT_NS 500000000ll

/* Both speak, and no protocol is the same. */
static bool is_foreign(const struct ctl_node_row *row)
{
	return row->speaker.least && !row->protocol;
}

static const char *link_text(const struct ctl_node_row *row)
{
	if (row->self)
		return "self";
	if (row->link_up)
		return row->silent_ms < SILENT_MS ? "up" : "silent";
	return is_foreign(row) ? "refused" : "down";
}

/* Without a quorum nothing is decided of a node that is not heard: the last decision may be untrue. */
static const char *state_text(const struct ctl_node_row *row, const struct ctl_node_status *state)
{
	if (state->quorum <= 0 && !row->self && !row->link_up)
		return "unknown";
	return row->up ? "up" : "down";
}

static const char *release_text(const struct ctl_node_row *row)
{
	return row->speaker.release[0] ? row->speaker.release : "-";
}

static const char *protocol_text(const struct ctl_node_row *row, char *buf, size_t size)
{
	if (!row->speaker.least)
		snprintf(buf, size, "-");
	else if (row->speaker.least == row->speaker.most)
		snprintf(buf, size, "%u", row->speaker.most);
	else
		snprintf(buf, size, "%u-%u", row->speaker.least, row->speaker.most);
	return buf;
}

/* "+0.2+-0.1ms": ahead by so much, give or take. */
static const char *clock_text(const struct ctl_node_row *row, char *buf, size_t size)
{
	if (row->self)
		snprintf(buf, size, "self");
	else if (!row->clock_known)
		snprintf(buf, size, "-");
	else
		snprintf(buf, size, "%+.1f+-%.1fms", (double)row->clock_ahead_ns / 1e6,
			 (double)row->clock_error_ns / 1e6);
	return buf;
}

static long long distance(long long ns)
{
	return ns < 0 ? -ns : ns;
}

/* By more than the measurement may be wrong. */
static bool clock_is_off(const struct ctl_node_row *row)
{
	long long off = distance(row->clock_ahead_ns);

	return row->clock_known && off - row->clock_error_ns > CLOCK_LIMIT_NS;
}

static json_t *refusals_json(const struct ctl_refusals *refusals)
{
	json_t *object = json_object();

	for (int i = 0; i < CTL_REFUSALS_MAX && refusals[i].error; i++)
		json_object_set_new(object, result_name(refusals[i].error),
				    json_integer((json_int_t)refusals[i].count));
	return object;
}

static json_t *counters_json(const struct ctl_counters *c)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "since_ns",
			 (json_int_t)c->since_ns, "moves_begun", (json_int_t)c->moves_begun,
			 "moves_committed", (json_int_t)c->moves_committed, "moves_rolled_back",
			 (json_int_t)c->moves_rolled_back, "moves_refused",
			 (json_int_t)c->moves_refused, "moves_total_ns",
			 (json_int_t)c->moves_total_ns, "moves_stopped_ns",
			 (json_int_t)c->moves_stopped_ns, "calls_forwarded",
			 (json_int_t)c->calls_forwarded, "copies", (json_int_t)c->copies,
			 "copied_bytes", (json_int_t)c->copied_bytes, "refusals",
			 refusals_json(c->refusals));
}

/* All that the list of machines has; without one the address that the order knows. */
static json_t *addresses_json(const struct ctl_node_row *row, const struct roster_node *listed)
{
	json_t *list = json_array();
	char text[ADDRESS_TEXT];

	for (unsigned i = 0; listed && i < listed->count; i++)
		json_array_append_new(list, json_string(address_print(listed->address[i], text)));
	if (!listed)
		json_array_append_new(list, json_string(address_print(row->address, text)));
	return list;
}

/* listed: its line in the list of machines, or NULL. */
static json_t *row_json(const struct ctl_node_row *row, const struct ctl_node_status *state,
			const struct ctl_counters *counters, const struct roster_node *listed)
{
	char address[ADDRESS_TEXT];

	json_t *object = json_pack(
		"{s:i, s:o, s:b, s:I, s:s, s:b, s:b, s:I, s:o, s:i, s:I, s:I, s:I, s:I, s:i, s:b}",
		"node", row->node.n_nodeid, "name",
		render_text(row->node.n_name, sizeof(row->node.n_name)), "up", row->up != 0,
		"incarnation", (json_int_t)row->incarnation, "address",
		address_print(row->address, address), "self", row->self != 0, "link_up",
		row->link_up != 0, "flags", (json_int_t)row->node.n_flags, "dcs",
		render_set_json(row->node.n_dcs), "silent_ms", row->silent_ms, "frames_sent",
		(json_int_t)row->frames_sent, "frames_received", (json_int_t)row->frames_received,
		"bytes_sent", (json_int_t)row->bytes_sent, "bytes_received",
		(json_int_t)row->bytes_received, "proxies", row->node.n_proxies, "quorum",
		state->quorum > 0);

	json_object_set_new(object, "addresses", addresses_json(row, listed));
	json_object_set_new(object, "state", json_string(state_text(row, state)));
	json_object_set_new(object, "link", json_string(link_text(row)));
	json_object_set_new(object, "release",
			    row->speaker.least ? json_string(row->speaker.release) : json_null());
	json_object_set_new(object, "protocol_least", json_integer(row->speaker.least));
	json_object_set_new(object, "protocol_most", json_integer(row->speaker.most));
	json_object_set_new(object, "protocol", json_integer(row->protocol));
	json_object_set_new(object, "clock_ahead_ns",
			    row->clock_known ? json_integer(row->clock_ahead_ns) : json_null());
	json_object_set_new(object, "clock_error_ns",
			    row->clock_known ? json_integer(row->clock_error_ns) : json_null());
	/* Only its own daemon knows. */
	json_object_set_new(object, "control_groups",
			    row->self ? json_boolean(state->groups) : json_null());
	json_object_set_new(object, "counters", row->self ? counters_json(counters) : json_null());
	return render_with_bytes(object, "name", row->node.n_name, sizeof(row->node.n_name));
}

static int refuse_foreign(const struct ctl_node_row *row, struct refusal *refusal)
{
	char theirs[16];

	return refusal_set(
		refusal, EDVSPROTONOSUPPORT,
		"node %d (dvs %s) speaks protocol %s, and this node speaks none of these: install "
		"the same release of dvs on both",
		row->node.n_nodeid, release_text(row), protocol_text(row, theirs, sizeof(theirs)));
}

/* Quorum, every node, link and clock: the first thing that is not well is the refusal. */
static int check_well(const struct ctl_node_row *rows, size_t count, int quorum,
		      struct refusal *refusal)
{
	assert(rows || !count);
	if (quorum == CTL_QUORUM_LOST)
		return refusal_set(
			refusal, EDVSNOCONN,
			"the node has no group: its sequencer has ended (messages go on; start the "
			"daemons anew to bind or move; a lab: dvs lab down, dvs lab up), or the group "
			"goes on without it (its daemon begins anew by itself)");
	if (!quorum)
		return refusal_set(refusal, EDVSNOCONN,
				   "this side of the cluster has no quorum: nothing that is shared "
				   "changes until enough nodes are back");
	for (size_t i = 0; i < count; i++) {
		int id = rows[i].node.n_nodeid;

		if (!rows[i].up)
			return refusal_set(refusal, EDVSNONODE,
					   "node %d is not up: start its daemon", id);
		if (!rows[i].link_up && is_foreign(&rows[i]))
			return refuse_foreign(&rows[i], refusal);
		if (!rows[i].link_up)
			return refusal_set(refusal, EDVSNOTCONN,
					   "the link to node %d is down: see whether its address "
					   "can be reached",
					   id);
		if (clock_is_off(&rows[i]))
			return refusal_set(refusal, EDVSGENERIC,
					   "the clock of node %d is %.1f s %s this node's: set "
					   "the clocks, by a time daemon best (processes that move "
					   "see the step)",
					   id, (double)distance(rows[i].clock_ahead_ns) / 1e9,
					   rows[i].clock_ahead_ns < 0 ? "behind" : "ahead of");
	}
	return 0;
}

static int print_table(const struct ctl_node_row *rows, size_t count,
		       const struct ctl_node_status *state)
{
	struct table *table = table_new(
		">NODE NAME STATE ADDRESS LINK CLOCK RELEASE PROTOCOL DCS >SENT >RECEIVED");
	char text[64];

	if (!table)
		return verb_no_memory();
	for (size_t i = 0; i < count; i++) {
		table_cell(table, "%d", rows[i].node.n_nodeid);
		table_cell(table, "%.*s", MAXNODENAME, rows[i].node.n_name);
		table_cell(table, "%s", state_text(&rows[i], state));
		table_cell(table, "%s", address_print(rows[i].address, text));
		table_cell(table, "%s", link_text(&rows[i]));
		table_cell(table, "%s", clock_text(&rows[i], text, sizeof(text)));
		table_cell(table, "%s", release_text(&rows[i]));
		table_cell(table, "%s", protocol_text(&rows[i], text, sizeof(text)));
		table_cell(table, "%s", render_set(rows[i].node.n_dcs, text, sizeof(text)));
		table_cell(table, "%llu", (unsigned long long)rows[i].frames_sent);
		table_cell(table, "%llu", (unsigned long long)rows[i].frames_received);
	}
	table_finish(table);
	printf("quorum: %s\n", state->quorum > 0 ? "yes" : "no");
	if (!state->groups)
		printf("node %d can make no control groups (its daemon's log says why): what a program "
		       "leaves behind in a session of its own is not seen there\n",
		       state->nodeid);
	return DONE;
}

/* Whether the node that answers is one of the list. */
static bool is_of(const struct roster *roster, const struct ctl_node_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (rows[i].self)
			return roster_find(roster, rows[i].node.n_name) == rows[i].node.n_nodeid;
	return false;
}

/* The list on this machine, if the node that answers is one of it. */
static bool read_list(struct roster *roster, const struct ctl_node_row *rows, size_t count)
{
	return !membership_roster(MEMBERSHIP_ROSTER, roster, NULL) && is_of(roster, rows, count);
}

/* Its line in the list; NULL: it has none. */
static const struct roster_node *line_of(const struct roster *roster,
					 const struct ctl_node_row *row)
{
	int id = row->node.n_nodeid;

	return id >= 0 && id < NR_NODES && roster->node[id].count ? &roster->node[id] : NULL;
}

/* A machine that has left and is not on the list any more is no matter of the cluster. */
static size_t drop_left(const struct roster *roster, struct ctl_node_row *rows, size_t count)
{
	size_t kept = 0;

	assert(rows || !count);
	for (size_t i = 0; i < count; i++)
		if (rows[i].up || line_of(roster, &rows[i]))
			rows[kept++] = rows[i];
	return kept;
}

int verb_nodes(const struct verb *verb, int node, int argc, char **argv)
{
	bool json = false;
	const struct option_row rows[] = {
		VERB_JSON(&json),
		VERB_NODE(&node),
		VERB_OPTIONS_END,
	};
	struct ctl_request request = client_request(CTL_NODES);
	struct ctl_request ask = client_request(CTL_STATUS);
	struct ctl_request count = client_request(CTL_COUNTERS);
	struct ctl_node_status state;
	struct ctl_counters counters = { 0 };
	struct refusal refusal = REFUSAL_NONE;
	struct ctl_node_row *row;
	struct roster roster;
	void *found;
	size_t rows_count;
	int status;

	status = verb_words(verb, rows, NULL, 0, argc, argv);
	if (status != GO_ON)
		return status;
	if (client_rows(node, &request, sizeof(struct ctl_node_row), &found, &rows_count,
			&refusal) < 0 ||
	    client_call(node, &ask, NULL, 0, &state, sizeof(state), &refusal) < 0 ||
	    (json &&
	     client_call(node, &count, NULL, 0, &counters, sizeof(counters), &refusal) < 0)) {
		free(found);
		return verb_refuse(&refusal);
	}
	if (read_list(&roster, found, rows_count))
		rows_count = drop_left(&roster, found, rows_count);
	else
		roster = (struct roster){ .change = 0 };
	if (json) {
		json_t *list = json_array();

		row = found;
		for (size_t i = 0; i < rows_count; i++)
			json_array_append_new(list, row_json(&row[i], &state, &counters,
							     line_of(&roster, &row[i])));
		status = render_document(list);
	} else {
		status = print_table(found, rows_count, &state);
	}
	if (status == DONE && check_well(found, rows_count, state.quorum, &refusal) < 0)
		status = verb_refuse(&refusal);
	free(found);
	return status;
}
