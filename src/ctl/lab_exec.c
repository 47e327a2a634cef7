/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/labstate.h"
#include "os/options.h"
#include "ctl/verb.h"
#include "os/self.h"

/* Becomes CMD, so that our parent has it as its own child: signals, $! and streams are its. */
static int become(const struct lab *lab, int id, char **argv, struct refusal *refusal)
{
	const struct lab_task *node = &lab->node[id];
	char number[12], path[64];
	int r;

	if (!node->task.pid || !os_task_alive(&node->task))
		return refusal_set(refusal, EDVSNONODE,
				   "node %d does not run: `dvs lab start %d` starts it", id, id);
	r = os_netns_enter(node->task.pid);
	if (r < 0)
		return refusal_set(refusal, EDVSPERM, "cannot enter node %d: %s; use sudo", id,
				   strerror(-r));
	snprintf(number, sizeof(number), "%d", id);
	snprintf(path, sizeof(path), LAB_FOLDER "/node%d.sock", id);
	if (setenv("DVS_NODE", number, 1) < 0 || setenv(CTL_SOCKET_VARIABLE, path, 1) < 0)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	r = os_self_become(argv);
	return refusal_set_number(refusal, r == -ENOENT ? EDVSNOENT : EDVSNOEXEC,
				  "cannot run %s: %s", argv[0], strerror(-r));
}

int verb_lab_exec(const struct verb *verb, int node, int argc, char **argv)
{
	bool json = false; /* the errors are documents; the command's output is its own */
	const struct option_row rows[] = {
		VERB_JSON(&json),
		VERB_OPTIONS_END,
	};
	struct refusal refusal = REFUSAL_NONE;
	struct options options;
	struct lab lab;
	const struct operand_row operands[] = { { "NODE", &node }, { NULL, NULL } };
	int status = verb_options_command(verb, rows, 1, argc, argv, &options);

	if (status == GO_ON)
		status = verb_operands(verb, &options, operands, 1);
	if (status != GO_ON)
		return status;
	if (!options.rest[0])
		return verb_usage(verb, "a command is needed");
	if (lab_load_node(&lab, false, node, &refusal) >= 0)
		become(&lab, node, options.rest, &refusal);
	return verb_refuse(&refusal);
}
