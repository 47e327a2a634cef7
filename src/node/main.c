/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/keep.h"
#include "dvk.h"
#include "node/restart/adopt.h"
#include "node/costs.h"
#include "node/state/fault.h"
#include "node/restart/handover.h"
#include "node/task/init.h"
#include "node/node.h"
#include "node/settings.h"
#include "os/clock.h"
#include "os/confine.h"
#include "os/descriptors.h"
#include "os/keeper.h"
#include "os/lock.h"
#include "os/log.h"
#include "os/pid.h"
#include "os/self.h"
#include "os/successor.h"
#include "wire/protocol.h"

/*
 * dvsd, the node daemon. In the foreground; its log is standard error. The process that is started is the keeper
 * of the node, and the daemon its child. Three options are not for people: --check-state 3 [KEY] asks whether this
 * program could take over the state in that descriptor with that key file, --adopt FD has it done, and --after PID
 * ends the daemon before: see restart.c.
 */

static void options_from(struct node_options *options, const struct node_settings *values)
{
	*options = (struct node_options){
		.settings = *values,
		.id = values->id,
		.address = values->address,
		.port = (uint16_t)values->port,
		.socket_path = values->socket[0] ? values->socket : NULL,
		.group_spec = values->group,
		.key_path = values->links ? NULL : values->key,
		/* Of an adoption the one that waited there was told. */
		.ready_fd = values->adopt_fd < 0 ? values->ready_fd : -1,
		.log_bytes = (uint32_t)values->log_bytes,
		.adopt_fd = values->adopt_fd,
		.argv = node_settings_words(values),
	};
	snprintf(options->name, sizeof(options->name), "%s", values->name);
}

static void on_wait(const char *what)
{
	os_log(OS_LOG_ERROR, "%s waits with the lock held", what);
}

/* The same program with the same settings; those of its first start or its last restart alone are not among them. */
static int begin_anew(const struct node_options *options)
{
	os_log(OS_LOG_INFO, "the node begins a new life");
	os_log(OS_LOG_ERROR, "it cannot: %s",
	       strerror(-os_keeper_become(options->program, options->argv)));
	return 1;
}

static bool another(void *ctx, const struct os_keeper_end *end)
{
	const struct keep_end over = { .was_killed = end->signo != 0,
				       .left_state = end->left_state,
				       .is_stopping = end->is_stopping };

	return keep_another(ctx, &over, os_now_ns());
}

/* The versions that decide whether a restart and the other nodes refuse another daemon. */
static void print_versions(void)
{
	printf("dvsd " DVS_RELEASE ": protocol %u to %u", protocol_own.least, protocol_own.most);
	for (size_t i = 0; i < protocol_format_count; i++)
		printf(", %s %u", protocol_formats[i].name,
		       strcmp(protocol_formats[i].name, "handover") ? protocol_formats[i].version
								    : handover_version);
	putchar('\n');
}

int main(int argc, char **argv)
{
	static struct node node = { .life.dvs_name = "DVS_IPC" }; /* large, and one a process */
	struct node_settings settings;
	struct node_options options;
	struct keep keep = { .deaths = 0 };
	char prefix[32];
	int r, state_fd;

	if (argc > 1 && !strcmp(argv[1], DC_INIT_ARGUMENT))
		return dc_init_main(argc, argv);
	if ((argc == 3 || argc == 4) && !strcmp(argv[1], "--check-state"))
		return adopt_check_main((int)strtol(argv[2], NULL, 10), argv[3]);
	if (argc == 2 && !strcmp(argv[1], "--costs"))
		return costs_main();
	if (argc == 2 && !strcmp(argv[1], "--version")) {
		print_versions();
		return os_self_finish("dvsd", 0);
	}
	if (argc == 2 && !strcmp(argv[1], "--sample")) {
		node_settings_sample();
		return os_self_finish("dvsd", 0);
	}
	r = node_settings_read(&settings, argc, argv);
	if (r >= 0)
		return r;
	if (settings.check)
		return node_settings_check(&settings);
	options_from(&options, &settings);
	if (!os_self_is_root()) {
		fputs("dvsd: needs root for pid namespaces and ptrace; start it with sudo "
		      "(EDVSPRIVILEGES)\n",
		      stderr);
		return 1;
	}
	if (os_confine_process() < 0) {
		fputs("dvsd: the kernel does not let it give up capabilities (EDVSPERM)\n", stderr);
		return 1;
	}
	os_self_keep_running();
	snprintf(prefix, sizeof(prefix), "dvsd %d", options.id);
	os_lock_watch(on_wait);
	if (fault_is("peer-pidfd"))
		os_peer_without_pidfd();
	os_log_init(prefix,
		    getenv("DVS_DEBUG") ? OS_LOG_DEBUG : (enum os_log_level)settings.log_level);
	/* One for each pair of endpoints that talk; with fewer, channels are refused sooner. */
	os_descriptors_raise();
	r = os_successor_path(options.program, sizeof(options.program));
	if (r == 0 && options.adopt_fd < 0)
		options.costs = costs_find();
	os_keeper_end_stopped(KEEP_STOPPED_S);
	if (r == 0)
		r = os_keeper_split(settings.after, another, &keep, &state_fd);
	if (r == 0 && state_fd >= 0) {
		options.died = true;
		options.adopt_fd = state_fd;
	}
	if (r == 0)
		r = node_start(&node, &options);
	if (r < 0) {
		os_log(OS_LOG_ERROR, "cannot start: %s", strerror(-r));
		return 1;
	}
	r = node_run(&node);
	return node.life.begins_anew ? begin_anew(&options) : r;
}
