/* SPDX-License-Identifier: Apache-2.0 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/client.h"
#include "ctl/options.h"
#include "ctl/render.h"
#include "ctl/verb.h"

static bool word_of(const char *word, const char *const *words, int *number)
{
	for (int i = 0; words[i]; i++) {
		if (!strcmp(words[i], word)) {
			*number = i;
			return true;
		}
	}
	return false;
}

static void print_people(const struct ctl_move *move)
{
	char total[32], down[32], transfer[32], image[32];

	if (move->dry_run) {
		printf("endpoint %d (%.*s) can move from node %d to node %d\n", move->endpoint,
		       MAXPROCNAME, move->name, move->from, move->to);
		return;
	}
	if (move->from == move->to) {
		printf("endpoint %d (%.*s) is on node %d already\n", move->endpoint, MAXPROCNAME,
		       move->name, move->to);
		return;
	}
	printf("endpoint %d (%.*s) moved from node %d to node %d in %s: stopped %s, transfer %s, "
	       "image %s; lpid=%d vpid=%d\n",
	       move->endpoint, MAXPROCNAME, move->name, move->from, move->to,
	       render_time(move->total_ns, total, sizeof(total)),
	       render_time(move->downtime_ns, down, sizeof(down)),
	       render_time(move->transfer_ns, transfer, sizeof(transfer)),
	       render_bytes(move->image_bytes, image, sizeof(image)), move->pid, move->vpid);
}

/* Asks, and makes a row of an answer that is only a refusal. */
static int ask(int node, struct ctl_request *request, struct ctl_move *move,
	       struct refusal *refusal)
{
	void *rows;
	size_t count;
	int r = client_rows(node, request, sizeof(*move), &rows, &count, refusal);

	if (count) {
		memcpy(move, rows, sizeof(*move));
	} else {
		*move = (struct ctl_move){
			.dcid = request->dcid,
			.endpoint = request->endpoint,
			.from = -1,
			.to = request->nodeid,
			.engine = request->engine,
			.mode = request->mode,
			.result = CTL_MOVE_REFUSED,
			.pid = -1,
			.vpid = -1,
			.dry_run = (request->flags & CTL_FLAG_DRY_RUN) != 0,
			.error = r < 0 ? r : EDVSGENERIC,
		};
	}
	free(rows);
	if (r >= 0 && move->result != CTL_MOVE_COMMITTED)
		r = refusal_set(refusal, move->error < 0 ? move->error : EDVSGENERIC, "%.*s",
				CTL_SENTENCE - 1, move->reason);
	if (r < 0 && !move->reason[0])
		snprintf(move->reason, sizeof(move->reason), "%s", refusal->reason);
	return r;
}

int verb_migrate(const struct verb *verb, int node, int argc, char **argv)
{
	static const char *const modes[] = { "stop", "pre", "post", NULL };
	static const char *const engines[] = { "native", "criu", NULL };
	const char *mode = "stop", *engine = "native";
	bool json = false, dry_run = false;
	const struct option_row rows[] = {
		{ "json", 0, OPTION_FLAG, &json },	 { "node", 'n', OPTION_NUMBER, &node },
		{ "mode", 0, OPTION_WORD, &mode },	 { "engine", 0, OPTION_WORD, &engine },
		{ "dry-run", 0, OPTION_FLAG, &dry_run }, { NULL, 0, OPTION_FLAG, NULL },
	};
	struct ctl_request request = client_request(CTL_MOVE);
	struct refusal refusal = REFUSAL_NONE;
	struct options options;
	struct ctl_move move;
	int r;

	if (!options_parse(&options, rows, -1, argc, argv))
		return verb_usage(verb, "%s", options.why);
	if (options.count != 3 || !options_integer(options.operand[0], &request.dcid) ||
	    !options_integer(options.operand[1], &request.endpoint) ||
	    !options_integer(options.operand[2], &request.nodeid))
		return verb_usage(verb, "container, endpoint and target node are needed");
	if (!word_of(mode, modes, &request.mode))
		return verb_usage(verb, "--mode is stop, pre or post, not %s", mode);
	if (!word_of(engine, engines, &request.engine))
		return verb_usage(verb, "--engine is native or criu, not %s", engine);
	request.flags = dry_run ? CTL_FLAG_DRY_RUN : 0;
	r = ask(node, &request, &move, &refusal);
	if (json && render_document(render_move_json(&move)) != DONE)
		return REFUSED;
	if (r < 0)
		return verb_refuse(&refusal);
	if (!json)
		print_people(&move);
	return DONE;
}
