/* SPDX-License-Identifier: Apache-2.0 */

#include "ctl/launch.h"
#include "os/options.h"
#include "ctl/verb.h"

int verb_run(const struct verb *verb, int node, int argc, char **argv)
{
	int log_bytes = -1;
	struct launch plan = {
		.bind_type = LCL_BIND,
		.primary = -1,
		.umask = LAUNCH_UMASK_OWN,
	};
	const struct option_row rows[] = {
		{ "json", 0, OPTION_FLAG, &plan.json },
		{ "node", 'n', OPTION_NUMBER, &node },
		{ "log-bytes", 0, OPTION_NUMBER, &log_bytes },
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
	if (log_bytes >= 0 && (log_bytes < CTL_LOG_LEAST || log_bytes > CTL_LOG_MOST))
		return verb_usage(verb, "--log-bytes is a number from %d to %d, not %d",
				  CTL_LOG_LEAST, CTL_LOG_MOST, log_bytes);
	plan.log_bytes = log_bytes < 0 ? 0 : log_bytes;
	plan.node = node;
	plan.argv = options.rest;
	return launch(&plan);
}
