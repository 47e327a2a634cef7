/* SPDX-License-Identifier: Apache-2.0 */

#include <ctype.h>
#include <string.h>

#include "ctl/launched.h"
#include "os/options.h"
#include "ctl/verb.h"

/*
 * Whether the command is to bind itself, which makes EP superfluous. Asked before the words are taken apart,
 * because that needs to know how many of them stand before the command: the third of DCID EP CMD begins it.
 * *dashes: a "--" says where it begins.
 */
static bool asks_unbound(int argc, char **argv, bool *dashes)
{
	static const char *const with_value[] = { "-n", "--node", "--log-bytes" };
	bool unbound = false;
	int words = 0;

	*dashes = false;
	for (int i = 0; i < argc && !*dashes && words < 3; i++) {
		for (size_t o = 0; o < sizeof(with_value) / sizeof(*with_value); o++)
			i += i < argc && !strcmp(argv[i], with_value[o]) ? 2 : 0;
		if (i >= argc)
			break;
		*dashes = !strcmp(argv[i], "--");
		unbound = unbound || !strcmp(argv[i], "--unbound");
		words += argv[i][0] != '-' || isdigit((unsigned char)argv[i][1]);
	}
	return unbound;
}

int verb_run(const struct verb *verb, int node, int argc, char **argv)
{
	int log_bytes = -1;
	bool json = false;
	struct launch plan = {
		.bind_type = LCL_BIND,
		.primary = -1,
		.umask = LAUNCH_UMASK_OWN,
		.endpoint = NONE,
	};
	const struct option_row rows[] = {
		VERB_JSON(&json),
		VERB_NODE(&node),
		{ "log-bytes", 0, OPTION_NUMBER, &log_bytes },
		{ "unbound", 0, OPTION_FLAG, &plan.unbound },
		{ "wait", 'w', OPTION_FLAG, &plan.wait },
		VERB_OPTIONS_END,
	};
	const struct operand_row operands[] = { { "DCID", &plan.dcid },
						{ "EP", &plan.endpoint },
						{ NULL, NULL } };
	bool dashes, unbound = asks_unbound(argc, argv, &dashes);
	struct options options;
	int status =
		verb_options_command(verb, rows, unbound && !dashes ? 1 : 2, argc, argv, &options);

	if (status == GO_ON)
		status = verb_operands(verb, &options, operands, unbound ? 1 : 2);
	if (status != GO_ON)
		return status;
	if (!options.rest[0])
		return verb_usage(verb, "a command is needed");
	if (log_bytes >= 0 && (log_bytes < CTL_LOG_LEAST || log_bytes > CTL_LOG_MOST))
		return verb_usage(verb, "--log-bytes is a number from %d to %d, not %d",
				  CTL_LOG_LEAST, CTL_LOG_MOST, log_bytes);
	plan.log_bytes = log_bytes < 0 ? 0 : log_bytes;
	plan.node = node;
	plan.argv = options.rest;
	return launched_show(&plan, json);
}
