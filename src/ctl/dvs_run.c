/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The original's dvs_run: starts a command that is bound before it executes, as itself (-l), as a
 * replica (-r) or as the backup of a primary on another node (-b).
 */

#include "ctl/launch.h"
#include "os/options.h"
#include "ctl/verb.h"

#define DAEMON_UMASK 027 /* as the original sets it */

int verb_dvs_run(const struct verb *verb, int node, int argc, char **argv)
{
	bool local = false, replica = false, backup = false;
	const struct option_row rows[] = {
		{ "local", 'l', OPTION_FLAG, &local },
		{ "replica", 'r', OPTION_FLAG, &replica },
		{ "backup", 'b', OPTION_FLAG, &backup },
		{ NULL, 0, OPTION_FLAG, NULL },
	};
	struct launch plan = { .node = node, .primary = -1, .umask = DAEMON_UMASK };
	struct options options;

	if (argc < 1 || !options_parse(&options, rows, 2, argc, argv))
		return verb_usage(verb, "%s", argc < 1 ? "-l, -r or -b?" : options.why);
	if (local + replica + backup != 1)
		return verb_usage(verb, "one of -l, -r and -b is needed");
	if (options.count != 2 || !options_integer(options.operand[0], &plan.dcid) ||
	    !options_integer(options.operand[1], &plan.endpoint))
		return verb_usage(verb, "a container's number and an endpoint are needed");
	plan.argv = options.rest;
	if (backup && (!plan.argv[0] || !options_integer(*plan.argv++, &plan.primary)))
		return verb_usage(verb, "-b needs the node of the primary");
	if (!plan.argv[0])
		return verb_usage(verb, "a command is needed");
	plan.bind_type = local ? LCL_BIND : replica ? REPLICA_BIND : BKUP_BIND;
	return launch(&plan);
}
