/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The original's dvs_migrate: one step of a migration whose image somebody else carries. One call on
 * any node does the step for all of them.
 */

#include <assert.h>
#include <stdio.h>

#include "client/client.h"
#include "ctl/render.h"
#include "ctl/verb.h"
#include "os/options.h"

#define NOBODY 0 /* pid of a commit that attaches no process yet */

/* [NODE [PID]] after the two numbers; a commit must say where to. GO_ON or the exit status. */
static int where(const struct verb *verb, struct options *options, bool commit,
		 struct ctl_request *request)
{
	const struct operand_row rows[] = { { "DCID", &request->dcid },
					    { "EP", &request->endpoint },
					    { "NODE", &request->nodeid },
					    { "PID", &request->pid },
					    { NULL, NULL } };

	int status = verb_operands(verb, options, rows, commit ? 3 : 2);

	if (status != GO_ON)
		return status;
	if (request->pid < 0 || request->pid > PID_MAX)
		return verb_usage(verb, "PID is a process, not \"%.40s\"", options->operand[3]);
	return GO_ON;
}

/* A process can be attached only by the node it runs on; everything else any node can order. */
static int step(int node, struct ctl_request *request, struct refusal *refusal)
{
	assert(request->flags & CTL_FLAG_HAND_COMMIT);
	if (request->cmd == MIGR_COMMIT && request->pid > 0 && request->nodeid >= 0) {
		int r = client_call(request->nodeid, request, NULL, 0, NULL, 0, refusal);

		if (r != EDVSBADNODEID && r != EDVSNONODE)
			return r;
		*refusal = REFUSAL_NONE; /* nobody there: another node knows the right error */
	}
	return client_call(node, request, NULL, 0, NULL, 0, refusal);
}

int verb_dvs_migrate(const struct verb *verb, int node, int argc, char **argv)
{
	bool start = false, rollback = false, commit = false, json = false;
	const struct option_row rows[] = {
		{ "start", 's', OPTION_FLAG, &start },
		{ "rollback", 'r', OPTION_FLAG, &rollback },
		{ "commit", 'c', OPTION_FLAG, &commit },
		VERB_JSON(&json),
		VERB_OPTIONS_END,
	};
	struct ctl_request request = client_request(CTL_MIGRATE);
	struct refusal refusal = REFUSAL_NONE;
	struct options options;
	int status = verb_options(verb, rows, argc, argv, &options);

	if (status != GO_ON)
		return status;
	if (start + rollback + commit != 1)
		return verb_usage(verb, "one of -s, -r and -c is needed");
	request.pid = NOBODY;
	request.cmd = start ? MIGR_START : rollback ? MIGR_ROLLBACK : MIGR_COMMIT;
	status = where(verb, &options, commit, &request);
	if (status != GO_ON)
		return status;
	request.flags = CTL_FLAG_HAND_COMMIT; /* no pid means no process, not the asking one */
	if (step(node, &request, &refusal) < 0)
		return verb_refuse(&refusal);
	return json ? render_document(json_pack("{s:i, s:i, s:s}", "dcid", request.dcid, "endpoint",
						request.endpoint, "step",
						start	   ? "start"
						: rollback ? "rollback"
							   : "commit"))
		    : DONE;
}
