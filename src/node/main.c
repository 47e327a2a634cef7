/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dvk.h"
#include "node/adopt.h"
#include "node/costs.h"
#include "node/handover.h"
#include "node/init.h"
#include "node/node.h"
#include "os/descriptors.h"
#include "os/log.h"
#include "os/self.h"
#include "os/successor.h"
#include "os/tcp.h"

/*
 * dvsd, the node daemon. In the foreground; its log is standard error. Two options are not for people:
 * --check-state 3 asks whether this program could take over the state in that descriptor, and --adopt
 * FD, the last one, has it done: see restart.c.
 */

static const char usage[] =
	"usage: dvsd --id N --address A.B.C.D --group SPEC [--port P] [--socket PATH]\n"
	"            [--name NAME] [--ready-fd FD]\n"
	"\n"
	"  --id N         number of this node, 0 to 31\n"
	"  --address A    IPv4 address that the other nodes reach this one at\n"
	"  --port P       port of the links, the same on every node (7700)\n"
	"  --group SPEC   local:PATH, the socket of a dvs-sequencer\n"
	"  --socket PATH  control socket for the command line, beside the abstract one\n"
	"  --costs        alone: measure by what costs of this machine waiters decide\n"
	"  --version      alone: which release, and which versions a restart may not change\n"
	"  --name NAME    shown in the tables (nodeN)\n"
	"  --ready-fd FD  one byte is written here when the node is a member\n";

static int parse_number(const char *text, long least, long most, long *value)
{
	char *end;

	*value = strtol(text, &end, 10);
	return *text && !*end && *value >= least && *value <= most ? 0 : -1;
}

static int parse_option(struct node_options *options, int option, const char *value)
{
	long number;

	switch (option) {
	case 'i':
		if (parse_number(value, 0, NR_NODES - 1, &number) < 0)
			return -1;
		options->id = (int)number;
		return 0;
	case 'a':
		return os_tcp_address(value, &options->address);
	case 'p':
		if (parse_number(value, 1, 65535, &number) < 0)
			return -1;
		options->port = (uint16_t)number;
		return 0;
	case 'r':
		if (parse_number(value, 3, 1 << 20, &number) < 0)
			return -1;
		options->ready_fd = (int)number;
		return 0;
	case 'A':
		if (parse_number(value, 3, 1 << 20, &number) < 0)
			return -1;
		options->adopt_fd = (int)number;
		return 0;
	case 'g':
		options->group_spec = value;
		return 0;
	case 's':
		options->socket_path = value;
		return 0;
	case 'n':
		snprintf(options->name, sizeof(options->name), "%s", value);
		return 0;
	}
	return -1;
}

static int parse(struct node_options *options, int argc, char **argv)
{
	static const struct option table[] = {
		{ "id", required_argument, NULL, 'i' },
		{ "address", required_argument, NULL, 'a' },
		{ "port", required_argument, NULL, 'p' },
		{ "group", required_argument, NULL, 'g' },
		{ "socket", required_argument, NULL, 's' },
		{ "name", required_argument, NULL, 'n' },
		{ "ready-fd", required_argument, NULL, 'r' },
		{ "adopt", required_argument, NULL, 'A' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", table, NULL)) != -1)
		if (parse_option(options, option, optarg) < 0)
			return -1;
	if (options->adopt_fd >= 0)
		options->ready_fd = -1; /* whoever waited there was told */
	if (optind != argc || options->id < 0 || !options->address || !options->group_spec)
		return -1;
	if (!options->name[0])
		snprintf(options->name, sizeof(options->name), "node%d", options->id);
	return 0;
}

int main(int argc, char **argv)
{
	static struct node node = { .dvs_name = "DVS_IPC" }; /* large, and one a process */
	struct node_options options = {
		.id = -1, .port = 7700, .ready_fd = -1, .adopt_fd = -1, .argv = argv
	};
	char prefix[32];
	int r;

	if (argc > 1 && !strcmp(argv[1], DC_INIT_ARGUMENT))
		return dc_init_main(argc, argv);
	if (argc == 3 && !strcmp(argv[1], "--check-state"))
		return adopt_check_main((int)strtol(argv[2], NULL, 10));
	if (argc == 2 && !strcmp(argv[1], "--costs"))
		return costs_main();
	if (argc == 2 && !strcmp(argv[1], "--version")) {
		printf("dvsd " DVS_RELEASE
		       ": handover %u, pages %u, inits %u, control %u, group %u\n",
		       handover_version, handover_own_versions.shm, handover_own_versions.inits,
		       handover_own_versions.ctl, handover_own_versions.group);
		return os_self_finish("dvsd", 0);
	}
	if (parse(&options, argc, argv) < 0) {
		fputs(usage, stderr);
		return 2;
	}
	if (!os_self_is_root()) {
		fputs("dvsd: needs root for pid namespaces and ptrace; start it with sudo "
		      "(EDVSPRIVILEGES)\n",
		      stderr);
		return 1;
	}
	os_self_keep_running();
	snprintf(prefix, sizeof(prefix), "dvsd %d", options.id);
	os_log_init(prefix, getenv("DVS_DEBUG") ? OS_LOG_DEBUG : OS_LOG_INFO);
	/* One for each pair of endpoints that talk; with fewer, channels are refused sooner. */
	os_descriptors_raise();
	r = os_successor_path(options.program, sizeof(options.program));
	if (r == 0 && options.adopt_fd < 0)
		options.costs = costs_find();
	if (r == 0)
		r = node_start(&node, &options);
	if (r < 0) {
		os_log(OS_LOG_ERROR, "cannot start: %s", strerror(-r));
		return 1;
	}
	return node_run(&node);
}
