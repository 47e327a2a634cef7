/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dvk.h"
#include "node/restart/adopt.h"
#include "node/costs.h"
#include "node/state/fault.h"
#include "node/restart/handover.h"
#include "node/task/init.h"
#include "node/node.h"
#include "os/descriptors.h"
#include "os/lock.h"
#include "os/log.h"
#include "os/pid.h"
#include "os/program.h"
#include "os/self.h"
#include "os/successor.h"
#include "os/tcp.h"

/*
 * dvsd, the node daemon. In the foreground; its log is standard error. Two options are not for people:
 * --check-state 3 asks whether this program could take over the state in that descriptor, and --adopt
 * FD, the last one, has it done: see restart.c.
 */

#define PORT_DEFAULT 7700

static const struct program program = {
	"dvsd",
	"usage: dvsd --id N --address A.B.C.D --group SPEC [--port P] [--socket PATH]\n"
	"            [--name NAME] [--log-bytes N] [--ready-fd FD]\n"
	"       dvsd --costs | --version | --help\n"
	"\n"
	"  --id N         number of this node, 0 to 31\n"
	"  --address A    IPv4 address that the other nodes reach this one at\n"
	"  --port P       port of the links, the same on every node (7700)\n"
	"  --group SPEC   local:PATH, the socket of a dvs-sequencer\n"
	"  --socket PATH  control socket beside the abstract one, for the command line and\n"
	"                 for programs of other network namespaces (/run/dvs/dvsd.sock)\n"
	"  --name NAME    shown in the tables, up to 15 characters (nodeN)\n"
	"  --log-bytes N  how much of what a process wrote is kept for `dvs logs`, the last of it, where\n"
	"                 `dvs run` says no other: 4096 to 4194304 bytes (1048576)\n"
	"  --ready-fd FD  one byte is written here when the node is a member\n"
	"  --costs        alone: measure by what costs of this machine waiters decide\n"
	"  --version      alone: which release, and which versions a restart may not change\n"
};

/* As they were typed; a number that was not is -1. */
struct words {
	int id, port, log_bytes, ready_fd, adopt_fd;
	const char *address, *group, *socket, *name;
	bool costs, version;
};

/* NULL, or a sentence about the word that is missing or wrong. */
static const char *check_words(struct node_options *options, const struct words *w)
{
	if (w->costs || w->version)
		return w->costs ? "--costs stands alone" : "--version stands alone";
	if (w->id < 0)
		return "--id is missing";
	if (!w->address)
		return "--address is missing";
	if (!w->group)
		return "--group is missing";
	if (w->name && (!w->name[0] || strlen(w->name) >= sizeof(options->name)))
		return "--name has 1 to 15 characters";
	return NULL;
}

static bool check_number(const char *name, int value, int least, int most, int *status)
{
	if (value < 0 || (value >= least && value <= most))
		return true;
	*status = program_refuse(&program, "%s is a number from %d to %d, not %d", name, least,
				 most, value);
	return false;
}

static int parse(struct node_options *options, int argc, char **argv)
{
	struct words w = { -1, -1, -1, -1, -1, NULL, NULL, NULL, NULL, false, false };
	const struct option_row rows[] = {
		{ "id", 0, OPTION_NUMBER, &w.id },
		{ "address", 0, OPTION_WORD, &w.address },
		{ "port", 0, OPTION_NUMBER, &w.port },
		{ "group", 0, OPTION_WORD, &w.group },
		{ "socket", 0, OPTION_WORD, &w.socket },
		{ "name", 0, OPTION_WORD, &w.name },
		{ "log-bytes", 0, OPTION_NUMBER, &w.log_bytes },
		{ "ready-fd", 0, OPTION_NUMBER, &w.ready_fd },
		{ "adopt", 0, OPTION_NUMBER, &w.adopt_fd },
		{ "costs", 0, OPTION_FLAG, &w.costs },
		{ "version", 0, OPTION_FLAG, &w.version },
		{ NULL, 0, OPTION_FLAG, NULL },
	};
	int r = program_options(&program, rows, argc, argv);
	const char *why;

	if (r >= 0)
		return r;
	why = check_words(options, &w);
	if (why)
		return program_refuse(&program, "%s", why);
	if (!check_number("--id", w.id, 0, NR_NODES - 1, &r) ||
	    !check_number("--port", w.port, 1, 65535, &r) ||
	    !check_number("--log-bytes", w.log_bytes, CTL_LOG_LEAST, CTL_LOG_MOST, &r) ||
	    !check_number("--ready-fd", w.ready_fd, 3, 1 << 20, &r) ||
	    !check_number("--adopt", w.adopt_fd, 3, 1 << 20, &r))
		return r;
	if (os_tcp_address(w.address, &options->address) < 0)
		return program_refuse(&program, "--address is an IPv4 address, not \"%.40s\"",
				      w.address);
	options->id = w.id;
	options->port = w.port < 0 ? PORT_DEFAULT : (uint16_t)w.port;
	options->group_spec = w.group;
	options->socket_path = w.socket;
	options->log_bytes = w.log_bytes < 0 ? CTL_LOG_DEFAULT : (uint32_t)w.log_bytes;
	options->adopt_fd = w.adopt_fd;
	/* Of an adoption the one that waited there was told. */
	options->ready_fd = w.adopt_fd < 0 ? w.ready_fd : -1;
	if (w.name)
		snprintf(options->name, sizeof(options->name), "%s", w.name);
	else
		snprintf(options->name, sizeof(options->name), "node%d", w.id);
	return -1;
}

static void on_wait(const char *what)
{
	os_log(OS_LOG_ERROR, "%s waits with the lock held", what);
}

int main(int argc, char **argv)
{
	static struct node node = { .life.dvs_name = "DVS_IPC" }; /* large, and one a process */
	struct node_options options = { .argv = argv };
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
	r = parse(&options, argc, argv);
	if (r >= 0)
		return r;
	if (!os_self_is_root()) {
		fputs("dvsd: needs root for pid namespaces and ptrace; start it with sudo "
		      "(EDVSPRIVILEGES)\n",
		      stderr);
		return 1;
	}
	os_self_keep_running();
	snprintf(prefix, sizeof(prefix), "dvsd %d", options.id);
	os_lock_watch(on_wait);
	if (fault_is("peer-pidfd"))
		os_peer_without_pidfd();
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
