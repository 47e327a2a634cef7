/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "client/move.h"
#include "os/options.h"
#include "ctl/program.h"
#include "ctl/render.h"
#include "ctl/verb.h"

static bool word_of(const char *word, const char *const *words, int *number)
{
	assert(words[0]);
	for (int i = 0; words[i]; i++) {
		if (!strcmp(words[i], word)) {
			*number = i;
			return true;
		}
	}
	return false;
}

/* Those of the same processes. */
static void print_fellows(const struct ctl_move *move)
{
	char fellows[16 * COMMAND_FELLOWS_MAX];

	if (render_fellows(move, fellows, sizeof(fellows)))
		printf("with it %s endpoint%s %s, of the same processes\n",
		       move->dry_run ? "would go" : "went", move->fellows > 1 ? "s" : "", fellows);
}

static void print_people(const struct ctl_move *move)
{
	char total[32], down[32], transfer[32], image[32], cpu[320], name[MAXPROCNAME + 1];
	bool counted = move->from != move->to && render_cpu_time(move, cpu, sizeof(cpu));

	render_name(move->name, name, sizeof(name));
	if (move->dry_run) {
		printf("endpoint %d (%s) can move from node %d to node %d\n", move->endpoint, name,
		       move->from, move->to);
		print_fellows(move);
		if (counted)
			printf("%s\n", cpu);
		return;
	}
	if (move->from == move->to) {
		printf("endpoint %d (%s) is on node %d already\n", move->endpoint, name, move->to);
		return;
	}
	printf("endpoint %d (%s) moved from node %d to node %d in %s: stopped %s, transfer %s, "
	       "image %s; lpid=%d vpid=%d\n",
	       move->endpoint, name, move->from, move->to,
	       render_time(move->total_ns, total, sizeof(total)),
	       render_time(move->downtime_ns, down, sizeof(down)),
	       render_time(move->transfer_ns, transfer, sizeof(transfer)),
	       render_bytes(move->image_bytes, image, sizeof(image)), move->pid, move->vpid);
	print_fellows(move);
	if (counted)
		printf("%s\n", cpu);
}

static void say(const char *sentence)
{
	fprintf(stderr, "%s: %s\n", program_name(), sentence);
}

/* A cancelled move is a success here; a process that has moved all the same is the failure. */
static int report_cancel(const struct ctl_move *move, int r, bool json, struct refusal *refusal)
{
	if (json && render_document(render_move_json(move)) != DONE)
		return REFUSED;
	if (r < 0 && move->from < 0)
		return verb_refuse(refusal);
	if (move->result == CTL_MOVE_COMMITTED) {
		refusal_set(refusal, EDVSMIGRATE,
			    "it is too late to cancel: endpoint %d has moved to node %d",
			    move->endpoint, move->to);
		return verb_refuse(refusal);
	}
	if (!json)
		printf("the move of endpoint %d is cancelled; the process goes on on node %d\n",
		       move->endpoint, move->from);
	return DONE;
}

int verb_migrate(const struct verb *verb, int node, int argc, char **argv)
{
	static const char *const modes[] = { "stop", "pre", "post", NULL };
	static const char *const engines[] = { "native", "criu", NULL };
	const char *mode = "stop", *engine = "native";
	bool json = false, dry_run = false, cancel = false, carry = false;
	const struct option_row rows[] = {
		VERB_JSON(&json),
		VERB_NODE(&node),
		{ "mode", 0, OPTION_WORD, &mode },
		{ "engine", 0, OPTION_WORD, &engine },
		{ "dry-run", 0, OPTION_FLAG, &dry_run },
		{ "cancel", 0, OPTION_FLAG, &cancel },
		{ "carry-files", 0, OPTION_FLAG, &carry },
		VERB_OPTIONS_END,
	};
	struct ctl_request request = client_request(CTL_MOVE);
	const struct operand_row operands[] = {
		{ "DCID", &request.dcid },
		{ "EP", &request.endpoint },
		{ "NODE", &request.nodeid },
		{ NULL, NULL },
	};
	struct refusal refusal = REFUSAL_NONE;
	struct options options;
	struct ctl_move move;
	int r;

	r = verb_options(verb, rows, argc, argv, &options);
	if (r == GO_ON)
		r = verb_operands(verb, &options, operands, cancel ? 2 : 3);
	if (r != GO_ON)
		return r;
	if (cancel && options.count == 3)
		return verb_usage(verb, "--cancel needs no node, so what is %s?",
				  options.operand[2]);
	if (!word_of(mode, modes, &request.mode))
		return verb_usage(verb, "--mode is stop, pre or post, not %s", mode);
	if (!word_of(engine, engines, &request.engine))
		return verb_usage(verb, "--engine is native or criu, not %s", engine);
	request.flags = dry_run ? CTL_FLAG_DRY_RUN : cancel ? CTL_FLAG_CANCEL : 0;
	if (carry)
		request.flags |= CTL_FLAG_CARRY;
	r = client_move(node, &request, &move, say, &refusal);
	if (cancel)
		return report_cancel(&move, r, json, &refusal);
	if (json && render_document(render_move_json(&move)) != DONE)
		return REFUSED;
	if (r < 0)
		return verb_refuse(&refusal);
	if (!json)
		print_people(&move);
	return DONE;
}
