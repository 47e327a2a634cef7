/* SPDX-License-Identifier: Apache-2.0 */

#include "ctl/launch.h"
#include "os/options.h"
#include "ctl/verb.h"

int verb_run(const struct verb *verb, int node, int argc, char **argv)
{
	struct launch plan = {
		.bind_type = LCL_BIND,
		.primary = -1,
		.umask = LAUNCH_UMASK_OWN,
	};
	const struct option_row rows[] = {
		{ "json", 0, OPTION_FLAG, &plan.json },
		{ "node", 'n', OPTION_NUMBER, &node },
		{ "wait", 'w', OPTION_FLAG, &plan.wait },
		{ NULL, 0, OPTION_FLAG, NULL },
	};
	struct options options;

	if (!options_parse(&options, rows, 2, argc, argv))
		return verb_usage(verb, "%s", options.why);
	if (!options_operands(&options,
			      (const struct operand_row[]){ { "DCID", &plan.dcid },
							    { "EP", &plan.endpoint },
							    { NULL, NULL } },
			      2))
		return verb_usage(verb, "%s", options.why);
	if (!options.rest[0])
		return verb_usage(verb, "a command is needed");
	plan.node = node;
	plan.argv = options.rest;
	return launch(&plan);
}
