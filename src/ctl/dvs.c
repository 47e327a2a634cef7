/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The command `dvs`: a table of verbs. Run under the name of one of the original's commands it is
 * that command.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/options.h"
#include "ctl/labcorosync.h"
#include "ctl/labnode.h"
#include "ctl/program.h"
#include "ctl/verb.h"
#include "os/self.h"
#include "wire/ctl.h"

static const struct verb verbs[] = {
	{ "nodes", "[--json]",
	  "the nodes of the cluster, as one of them sees them, and whether all is well: ends with 0 if there is a "
	  "quorum, every node and link is up, all speak one protocol and the clocks agree within 0.5 s; else "
	  "with 1 and the first thing that is not well; with 2 if the command was wrong",
	  verb_nodes },
	{ "dc",
	  "[list | create DCID [--nodes 0,1,2] [--name NAME] [--classic] [--owner USER] [--group GROUP] [--mode 0700] [--address 10.0.0.5/24]... | add DCID NODE | leave DCID NODE | rm DCID [--force]] [--json]",
	  "the containers: show, make on all nodes that are up or on some, add a node that has joined since, let one leave, remove",
	  verb_dc },
	{ "ps", "[DCID] [--all | --proc | --stats | --waits] [--names] [--json]",
	  "every endpoint at its owner; --all: also what has ended, and how; --proc, --stats: one node's own table, in the original's form; "
	  "--waits: who waits for whom",
	  verb_ps },
	{ "logs", "DCID EP [-f] [--json]",
	  "what a process wrote, the last of it (1 MiB, unless --log-bytes of run or of dvsd says another "
	  "size); -f: and writes",
	  verb_logs },
	{ "run",
	  "DCID EP [--wait] [--log-bytes N] [--json] [--] CMD [ARG...] | "
	  "--unbound DCID [EP] [--wait] [--log-bytes N] [--json] [--] CMD [ARG...]",
	  "start CMD bound to EP, or to bind itself; --wait: stay attached and end with its status; "
	  "--log-bytes: how much of what it writes is kept for `logs`, 4096 to 4194304",
	  verb_run },
	{ "stop", "DCID EP [--time SECONDS] [--json]",
	  "end the process behind EP: SIGTERM, and SIGKILL if it still runs after --time (10 s)",
	  verb_stop },
	{ "kill", "DCID EP [--signal NAME] [--json]",
	  "send the process behind EP a signal: KILL, or that of --signal (a name or number)",
	  verb_kill },
	{ "migrate",
	  "DCID EP NODE [--mode stop|pre|post] [--engine native|criu] [--dry-run] [--carry-files] "
	  "[--json] | DCID EP --cancel [--json]",
	  "move the process behind EP to NODE while it runs; --carry-files: with the files that NODE "
	  "lacks; --cancel, or an interrupt: give that up",
	  verb_migrate },
	{ "checkpoint", "DCID EP FILE [--stop|--go-on] [--json]",
	  "write the image of the process behind EP into FILE, sealed with the cluster's key; --go-on (unless said "
	  "otherwise: a service is not ended by an oversight): it goes on then; --stop: it ends when FILE is on the disk",
	  verb_checkpoint },
	{ "restore", "FILE [NODE] [--endpoint EP] [--json]",
	  "let the process in FILE go on, on NODE, as a new life of its endpoint or of --endpoint; in a move by hand: "
	  "until dvs_migrate -c it stands by",
	  verb_restore },
	{ "image", "FILE [--json]", "what is in FILE, and whether it would run on this node",
	  verb_image },
	{ "drain", "NODE [--dry-run] [--carry-files] [--json]", "move everything away from NODE",
	  verb_drain },
	{ "restart", "[--json]",
	  "let a node's daemon execute its program anew, under what runs there", verb_restart },
	{ "init",
	  "[--name NAME] [--address A]... [--group corosync|local] [--root FOLDER] [--json]",
	  "make this machine the first node of a new cluster: its key and all settings",
	  verb_init },
	{ "invite", "[--time SECONDS] [--port P] [--root FOLDER] [--json]",
	  "let one machine join the cluster: shows a token for it, and waits for it (600 s)",
	  verb_invite },
	{ "join",
	  "ADDRESS [--token TOKEN] [--name NAME] [--address A]... [--port P] [--root FOLDER] [--json] | "
	  "--files FOLDER [--name NAME] [--root FOLDER] [--json]",
	  "make this machine a node of the cluster that invites at ADDRESS; or with the files key and "
	  "cluster of another machine, also to take over a list of machines that was changed there",
	  verb_join },
	{ "leave", "[NODE] [--root FOLDER] [--json]",
	  "take this machine out of its cluster: its processes move away, its services end, its files go; "
	  "with NODE, take another machine off the list, which has left or is lost",
	  verb_leave },
	{ "key", "make FILE | rotate FILE | show FILE",
	  "the key that connections between nodes prove; `dvs key` says more", verb_key },
	{ "lab", "up | down | status | exec | cut | heal | kill | start | restart ...",
	  "a cluster of nodes on this machine; `dvs lab` says more", verb_lab },
	{ NULL, NULL, NULL, NULL },
};

/* The original's commands, which are names of this program. */
static const struct verb names[] = {
	{ "dvs_migrate", "-s | -r | -c DCID EP [NODE [PID]] [--json]",
	  "the three steps by hand, each on any node for all: start, roll back, commit",
	  verb_dvs_migrate },
	{ "dvs_run", "-l | -r | -b [--json] DCID EP [NODE] CMD [ARG...]",
	  "start CMD bound from outside: as itself, a replica, or the backup of a primary on NODE",
	  verb_dvs_run },
	{ NULL, NULL, NULL, NULL },
};

static int help(void)
{
	printf("usage: dvs [-n NODE] VERB [ARGUMENT...]\n\n"
	       "  -n NODE  ask that node; else $DVS_NODE; else this machine's own. A node is a number, or a name\n"
	       "           as `dvs nodes` shows it\n"
	       "  --json   with every verb that prints: one JSON document, also of an error: error, reason.\n"
	       "           Names and output that are no UTF-8 have \"?\" for the bytes that are none, and\n"
	       "           all their bytes as numbers beside: name_bytes, reason_bytes, log_bytes\n"
	       "  --version, alone: of which release this is\n\n");
	verb_print_table(verbs, false);
	printf("\nCommands of their own:\n");
	for (const struct verb *verb = names; verb->name; verb++)
		printf("  %s %s\n           %s\n", verb->name, verb->arguments, verb->about);
	printf("\nExit status: 0 done, 1 refused or failed, 2 wrong usage.\n");
	return DONE;
}

static bool wants_help(const char *word)
{
	return !strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help");
}

/* Options before the verb. Returns how many words they are, or -1 and says what is wrong. */
static int leading_options(int argc, char **argv, int *node, char *why, size_t size)
{
	int at = 1;

	while (at < argc && argv[at][0] == '-' && !wants_help(argv[at]) &&
	       strcmp(argv[at], "--version")) {
		const char *value;

		if (strncmp(argv[at], "-n", 2)) {
			snprintf(why, size, "unknown option %.40s before the verb", argv[at]);
			return -1;
		}
		value = argv[at][2] ? argv[at] + 2 : at + 1 < argc ? argv[++at] : "";
		if (value[0] && !nodename_find(value, node, why, size))
			return -1;
		if (!value[0] || *node < 0 || *node >= NR_NODES) {
			snprintf(why, size, "-n needs a node from 0 to %d, not \"%.20s\"",
				 NR_NODES - 1, value);
			return -1;
		}
		at++;
	}
	return at - 1;
}

static int run(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
	const struct verb *verb = verb_find(names, name);
	int node = NODE_UNSAID, skip;
	char why[160];

	if (argc > 1 && !strcmp(argv[1], LAB_SWITCH_ARGUMENT))
		return lab_switch_main(argc, argv);
	if (argc > 1 && !strcmp(argv[1], LAB_COROSYNC_ARGUMENT))
		return lab_corosync_main(argc, argv);
	if (verb) {
		program_set_name(name, NULL);
		return verb_run_row(verb, node, argc - 1, argv + 1);
	}
	verb_expect(argc - 1, argv + 1);
	skip = leading_options(argc, argv, &node, why, sizeof(why));
	if (skip < 0)
		return verb_usage_table(verbs, why);
	argc -= 1 + skip;
	argv += 1 + skip;
	if (!argc)
		return verb_usage_table(verbs, "what to do? Name a verb");
	if (wants_help(argv[0]))
		return help();
	if (!strcmp(argv[0], "--version")) {
		printf("dvs " DVS_RELEASE "\n");
		return DONE;
	}
	verb = verb_find(verbs, argv[0]);
	if (!verb) {
		snprintf(why, sizeof(why), "unknown verb %.30s", argv[0]);
		return verb_usage_table(verbs, why);
	}
	program_set_name("dvs", verb->name);
	return verb_run_row(verb, node, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	int status = run(argc, argv);

	return os_self_finish(program_name(), status);
}
