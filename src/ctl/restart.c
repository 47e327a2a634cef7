/* SPDX-License-Identifier: Apache-2.0 */

#include <stdio.h>

#include "client/client.h"
#include "os/options.h"
#include "ctl/render.h"
#include "ctl/verb.h"

static int restart(int node, bool json)
{
	struct ctl_request request = client_request(CTL_RESTART);
	struct refusal refusal = REFUSAL_NONE;
	struct ctl_restart done;

	if (client_call(node, &request, NULL, 0, &done, sizeof(done), &refusal) < 0)
		return verb_refuse(&refusal);
	if (json)
		return render_document(json_pack(
			"{s:i, s:i, s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:I}", "node", done.nodeid,
			"pid", done.pid, "restarts", (int)done.restarts, "processes",
			(int)done.processes, "pages", (int)done.pages, "links_down",
			(int)done.links_down, "state_bytes", (json_int_t)done.state_bytes,
			"total_ns", (json_int_t)done.total_ns, "paused_ns",
			(json_int_t)done.paused_ns, "linked_ns", (json_int_t)done.linked_ns));
	printf("node %d runs its daemon anew: it stood still for %.2f ms, its links were back after "
	       "%.2f ms; %u processes run on\n",
	       done.nodeid, (double)done.paused_ns / 1e6, (double)done.linked_ns / 1e6,
	       done.processes);
	if (done.links_down)
		printf("%u links are still down (dvs -n %d nodes)\n", done.links_down, done.nodeid);
	return DONE;
}

int verb_restart(const struct verb *verb, int node, int argc, char **argv)
{
	bool json = false;
	const struct option_row rows[] = {
		VERB_JSON(&json),
		VERB_NODE(&node),
		VERB_OPTIONS_END,
	};
	struct options options;
	int status = verb_options(verb, rows, argc, argv, &options);

	if (status != GO_ON)
		return status;
	if (options.count)
		return verb_usage(verb, "unexpected word %s: -n names the node",
				  options.operand[0]);
	return restart(node, json);
}

int verb_lab_restart(const struct verb *verb, int node, int argc, char **argv)
{
	bool json = false;
	const struct option_row rows[] = {
		VERB_JSON(&json),
		VERB_OPTIONS_END,
	};
	int status;

	status = verb_words(verb, rows,
			    (const struct operand_row[]){ { "NODE", &node }, { NULL, NULL } }, 1,
			    argc, argv);
	if (status != GO_ON)
		return status;
	if (node < 0 || node >= NR_NODES)
		return verb_usage(verb, "NODE is a number from 0 to %d, not %d", NR_NODES - 1,
				  node);
	return restart(node, json);
}
