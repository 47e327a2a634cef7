/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "client/client.h"
#include "os/options.h"
#include "ctl/program.h"
#include "ctl/render.h"
#include "ctl/verb.h"
#include "os/self.h"

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

static void print_people(const struct ctl_move *move)
{
	char total[32], down[32], transfer[32], image[32], cpu[320], name[MAXPROCNAME + 1];
	bool counted = move->from != move->to && render_cpu_time(move, cpu, sizeof(cpu));

	render_name(move->name, name, sizeof(name));
	if (move->dry_run) {
		printf("endpoint %d (%s) can move from node %d to node %d\n", move->endpoint, name,
		       move->from, move->to);
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
	if (counted)
		printf("%s\n", cpu);
}

/*
 * Waits for the answer. The first interrupt asks the owner to give the move up, and the answer then says
 * whether that was in time; the second ends the wait.
 */
static int await(struct client *client, struct ctl_request *request, struct ctl_move *move,
		 bool *answered, struct refusal *refusal)
{
	struct ctl_reply *reply;
	const void *row;
	size_t bytes;
	bool cancelled = false;

	for (;;) {
		int r = client_next(client, &reply, &row, &bytes, -1, refusal);

		if (r == EDVSINTR && os_self_interrupted() && !cancelled) {
			cancelled = true;
			*refusal = REFUSAL_NONE;
			fprintf(stderr, "%s: interrupted: the move is being cancelled\n",
				program_name());
			request->flags |= CTL_FLAG_CANCEL;
			r = client_send(client, request, NULL, 0, refusal);
			if (r < 0)
				return r;
			continue;
		}
		if (r == CTL_ROW) {
			memcpy(move, row, bytes < sizeof(*move) ? bytes : sizeof(*move));
			*answered = true;
			continue;
		}
		if (r == CTL_END && cancelled && move->result == CTL_MOVE_COMMITTED)
			fprintf(stderr,
				"%s: the interrupt came too late: the process had moved already\n",
				program_name());
		return r == CTL_END ? 0 : r;
	}
}

/* Asks, and makes a row of an answer that is only a refusal. */
static int ask(int node, struct ctl_request *request, struct ctl_move *move,
	       struct refusal *refusal)
{
	struct client client;
	bool answered = false;
	int r = client_open(&client, node, refusal);

	*move = (struct ctl_move){ 0 };
	if (r >= 0) {
		os_self_catch_interrupt();
		r = client_send(&client, request, NULL, 0, refusal);
		if (r >= 0)
			r = await(&client, request, move, &answered, refusal);
		client_close(&client);
	}
	if (!answered) {
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
	if (r >= 0 && move->result != CTL_MOVE_COMMITTED)
		r = refusal_set_number(refusal, move->error, "%.*s", CTL_SENTENCE - 1,
				       move->reason);
	if (r < 0 && !move->reason[0])
		snprintf(move->reason, sizeof(move->reason), "%s", refusal->reason);
	return r;
}

/* Cancelled is what was asked for; a process that has moved all the same is the failure. */
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
	bool json = false, dry_run = false, cancel = false;
	const struct option_row rows[] = {
		{ "json", 0, OPTION_FLAG, &json },	 { "node", 'n', OPTION_NUMBER, &node },
		{ "mode", 0, OPTION_WORD, &mode },	 { "engine", 0, OPTION_WORD, &engine },
		{ "dry-run", 0, OPTION_FLAG, &dry_run }, { "cancel", 0, OPTION_FLAG, &cancel },
		{ NULL, 0, OPTION_FLAG, NULL },
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
	r = ask(node, &request, &move, &refusal);
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
