/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The original's dvs_migrate: one step of a migration whose image somebody else carries. One call on
 * any node does the step for all of them.
 */

#include "ctl/client.h"
#include "os/options.h"
#include "ctl/verb.h"

#define NOBODY 0 /* pid of a commit that attaches no process yet */

/* [NODE [PID]] after the two numbers; a commit must say where to. */
static const char *where(struct options *options, bool commit, struct ctl_request *request)
{
	if (options->count < 2 || options->count > 4)
		return "a container's number and an endpoint are needed";
	if (!options_integer(options->operand[0], &request->dcid) ||
	    !options_integer(options->operand[1], &request->endpoint))
		return "container and endpoint are numbers";
	if (commit && options->count < 3)
		return "-c needs the new node";
	if (options->count > 2 && !options_integer(options->operand[2], &request->nodeid))
		return "the node is a number";
	if (options->count > 3 && !options_number(options->operand[3], 0, PID_MAX, &request->pid))
		return "the pid is a number";
	return NULL;
}

/* A process can be attached only by the node it runs on; everything else any node can order. */
static int step(int node, struct ctl_request *request, struct refusal *refusal)
{
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
	bool start = false, rollback = false, commit = false;
	const struct option_row rows[] = {
		{ "start", 's', OPTION_FLAG, &start },
		{ "rollback", 'r', OPTION_FLAG, &rollback },
		{ "commit", 'c', OPTION_FLAG, &commit },
		{ NULL, 0, OPTION_FLAG, NULL },
	};
	struct ctl_request request = client_request(CTL_MIGRATE);
	struct refusal refusal = REFUSAL_NONE;
	struct options options;
	const char *why;

	if (!options_parse(&options, rows, -1, argc, argv))
		return verb_usage(verb, "%s", options.why);
	if (start + rollback + commit != 1)
		return verb_usage(verb, "one of -s, -r and -c is needed");
	request.pid = NOBODY;
	request.cmd = start ? MIGR_START : rollback ? MIGR_ROLLBACK : MIGR_COMMIT;
	why = where(&options, commit, &request);
	if (why)
		return verb_usage(verb, "%s", why);
	request.flags = CTL_FLAG_HAND_COMMIT; /* no pid means no process, not the asking one */
	return step(node, &request, &refusal) < 0 ? verb_refuse(&refusal) : DONE;
}
