/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CTL_LAUNCH_H
#define DVS_CTL_LAUNCH_H

/*
 * Asking a daemon to start a command: with the caller's environment (without DVS_NODE and DVS_SOCKET,
 * which are about the caller's place), working directory and umask.
 */

#include <stdbool.h>

#include "base/refusal.h"
#include "client/client.h"

struct launch {
	int node; /* whom to ask, -1 unsaid */
	int dcid, endpoint;
	int bind_type;	/* LCL_BIND, REPLICA_BIND, BKUP_BIND */
	int primary;	/* BKUP_BIND: node of the primary */
	int log_bytes;	/* kept of what it writes, 0: as its node has it */
	unsigned umask; /* LAUNCH_UMASK_OWN: the caller's */
	bool wait, json;
	bool unbound; /* it binds itself; endpoint is NONE */
	char **argv;  /* NULL-terminated */
};

#define LAUNCH_UMASK_OWN (~0u)

/* Starts it and prints what became of it. Returns the verb's exit status. */
int launch(const struct launch *launch);

#endif
