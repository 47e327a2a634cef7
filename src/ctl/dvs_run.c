/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The original's dvs_run: starts a command that is bound before it executes, as itself (-l), as a
 * replica (-r) or as the backup of a primary on another node (-b).
 */

#include "ctl/launched.h"
#include "os/options.h"
#include "ctl/verb.h"

#define DAEMON_UMASK 027 /* as the original sets it */

int verb_dvs_run(const struct verb *verb, int node, int argc, char **argv)
{
	struct launch plan = { .node = node, .primary = -1, .umask = DAEMON_UMASK };
	bool local = false, replica = false, backup = false, json = false;
	const struct option_row rows[] = {
		{ "local", 'l', OPTION_FLAG, &local },
		{ "replica", 'r', OPTION_FLAG, &replica },
		{ "backup", 'b', OPTION_FLAG, &backup },
		VERB_JSON(&json),
		VERB_OPTIONS_END,
	};
	const struct operand_row operands[] = { { "DCID", &plan.dcid },
						{ "EP", &plan.endpoint },
						{ NULL, NULL } };
	struct options options;
	char why[160];
	int status = verb_options_command(verb, rows, 2, argc, argv, &options);

	if (status != GO_ON)
		return status;
	if (local + replica + backup != 1)
		return verb_usage(verb, "one of -l, -r and -b is needed");
	status = verb_operands(verb, &options, operands, 2);
	if (status != GO_ON)
		return status;
	plan.argv = options.rest;
	if (backup && !plan.argv[0])
		return verb_usage(verb, "-b needs the node of the primary");
	if (backup && !nodename_find(*plan.argv++, &plan.primary, why, sizeof(why)))
		return verb_usage(verb, "NODE of the primary: %s", why);
	if (!plan.argv[0])
		return verb_usage(verb, "a command is needed");
	plan.bind_type = local ? LCL_BIND : replica ? REPLICA_BIND : BKUP_BIND;
	return launched_show(&plan, json);
}
