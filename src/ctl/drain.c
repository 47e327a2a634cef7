/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/result.h"
#include "client/client.h"
#include "os/options.h"
#include "ctl/render.h"
#include "ctl/table.h"
#include "ctl/verb.h"

static int print_table(const struct ctl_move *moves, size_t count)
{
	struct table *table =
		table_new(">DC >ENDPOINT NAME >FROM >TO RESULT >TOTAL >STOPPED >IMAGE WHY");
	char text[32];

	if (!table)
		return verb_no_memory();
	for (size_t i = 0; i < count; i++) {
		table_cell(table, "%d", moves[i].dcid);
		table_cell(table, "%d", moves[i].endpoint);
		table_cell(table, "%.*s", MAXPROCNAME, moves[i].name);
		table_cell(table, "%d", moves[i].from);
		table_cell(table, moves[i].to < 0 ? "-" : "%d", moves[i].to);
		table_cell(table, "%s", render_result(&moves[i]));
		table_cell(table, "%s", render_time(moves[i].total_ns, text, sizeof(text)));
		table_cell(table, "%s", render_time(moves[i].downtime_ns, text, sizeof(text)));
		table_cell(table, "%s", render_bytes(moves[i].image_bytes, text, sizeof(text)));
		table_cell(table, "%s", moves[i].error ? result_name(moves[i].error) : "");
	}
	table_finish(table);
	return DONE;
}

/* Below the table, whose column has room for the error's name only. */
static void print_reasons(const struct ctl_move *moves, size_t count)
{
	char name[MAXPROCNAME + 1], reason[CTL_SENTENCE];

	assert(moves || !count);
	for (size_t i = 0; i < count; i++)
		if (moves[i].result != CTL_MOVE_COMMITTED)
			printf("endpoint %d (%s) of DC %d stays on node %d: %s (%s)\n",
			       moves[i].endpoint, render_name(moves[i].name, name, sizeof(name)),
			       moves[i].dcid, moves[i].from,
			       render_name(moves[i].reason, reason, sizeof(reason)),
			       result_name(moves[i].error));
}

static void print_cpu_times(const struct ctl_move *moves, size_t count)
{
	char text[320];

	for (size_t i = 0; i < count; i++)
		if (moves[i].result == CTL_MOVE_COMMITTED &&
		    render_cpu_time(&moves[i], text, sizeof(text)))
			printf("%s\n", text);
}

/* One that stayed makes the whole a failure; its own sentence says why. */
static void find_failure(const struct ctl_move *moves, size_t count, struct refusal *refusal)
{
	assert(moves || !count);
	for (size_t i = 0; i < count; i++) {
		if (moves[i].result != CTL_MOVE_COMMITTED)
			refusal_set_number(refusal, moves[i].error,
					   "endpoint %d of container %d stays on node %d: %.*s",
					   moves[i].endpoint, moves[i].dcid, moves[i].from,
					   CTL_SENTENCE - 1, moves[i].reason);
	}
}

int verb_drain(const struct verb *verb, int node, int argc, char **argv)
{
	bool json = false, dry_run = false, carry = false;
	const struct option_row rows[] = {
		VERB_JSON(&json),
		VERB_NODE(&node),
		{ "dry-run", 0, OPTION_FLAG, &dry_run },
		{ "carry-files", 0, OPTION_FLAG, &carry },
		VERB_OPTIONS_END,
	};
	struct ctl_request request = client_request(CTL_DRAIN);
	struct refusal refusal = REFUSAL_NONE;
	struct ctl_move *moves;
	void *found;
	size_t count;
	int status;

	status = verb_words(verb, rows,
			    (const struct operand_row[]){ { "NODE", &request.nodeid },
							  { NULL, NULL } },
			    1, argc, argv);
	if (status != GO_ON)
		return status;
	request.flags = (dry_run ? CTL_FLAG_DRY_RUN : 0) | (carry ? CTL_FLAG_CARRY : 0);
	client_rows(node, &request, sizeof(*moves), &found, &count, &refusal);
	moves = found;
	find_failure(moves, count, &refusal);
	if (json && (count || !refusal.error)) {
		json_t *list = json_array();

		for (size_t i = 0; i < count; i++)
			json_array_append_new(list, render_move_json(&moves[i]));
		if (render_document(list) != DONE)
			refusal_set(&refusal, EDVSIO, "the answer could not be written");
	} else if (count && !json) {
		print_table(moves, count);
		print_reasons(moves, count);
		print_cpu_times(moves, count);
	} else if (!refusal.error && !json) {
		printf("node %d has no processes\n", request.nodeid);
	}
	free(found);
	return refusal.error ? verb_refuse(&refusal) : DONE;
}
