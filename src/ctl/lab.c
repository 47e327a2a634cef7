/* SPDX-License-Identifier: Apache-2.0 */

/*
 * `dvs lab`: a cluster on one machine. Each node is a network namespace with its own address and
 * daemon; a switch joins them. See labnet.h for the drawing.
 */

#include <stdio.h>
#include <string.h>

#include "ctl/program.h"
#include "ctl/verb.h"

static const struct verb lab_verbs[] = {
	{ "up",
	  "[--nodes N] [--group local|corosync] [--links plain] [--ipv6] [--log-bytes N] [--json]",
	  "make a cluster of N nodes (2) with container 0 on all of them, and a key for it; --log-bytes and "
	  "--links as of dvsd",
	  verb_lab_up },
	{ "down", "[--json]", "end it and leave nothing behind", verb_lab_down },
	{ "status", "[--json]", "its nodes, their processes and the links that are cut",
	  verb_lab_status },
	{ "exec", "NODE [--json] [--] CMD [ARG...]",
	  "run CMD as if on that node; --json: errors of dvs are documents", verb_lab_exec },
	{ "cut", "A B [--json]", "drop everything between two nodes", verb_lab_cut },
	{ "heal", "A B [--json]", "let it pass again", verb_lab_heal },
	{ "kill", "NODE [--json]", "end a node at once, with everything on it", verb_lab_kill },
	{ "start", "NODE [--json]", "start a node that was killed", verb_lab_start },
	{ "restart", "NODE [--json]", "its daemon anew, as dvs -n NODE restart", verb_lab_restart },
	{ NULL, NULL, NULL, NULL },
};

int verb_lab(const struct verb *verb, int node, int argc, char **argv)
{
	char why[64];

	program_set_name("dvs", "lab");
	if (argc && (!strcmp(argv[0], "--help") || !strcmp(argv[0], "-h"))) {
		printf("usage: dvs lab VERB [ARGUMENT...]\n");
		verb_print_table(lab_verbs, false);
		return DONE;
	}
	verb = argc ? verb_find(lab_verbs, argv[0]) : NULL;
	snprintf(why, sizeof(why), "unknown verb %.30s", argc ? argv[0] : "");
	if (!verb)
		return verb_usage_table(lab_verbs, argc ? why : NULL);
	program_set_name("dvs lab", verb->name);
	return verb_run_row(verb, node, argc - 1, argv + 1);
}
