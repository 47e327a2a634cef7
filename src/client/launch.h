/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CLIENT_LAUNCH_H
#define DVS_CLIENT_LAUNCH_H

/*
 * Asking a daemon to start a command: with the caller's environment (without DVS_NODE and DVS_SOCKET,
 * which are about the caller's place), working directory and umask.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/refusal.h"
#include "client/client.h"

struct launch {
	int node; /* that is asked, -1 unsaid */
	int dcid, endpoint;
	int bind_type;	/* LCL_BIND, REPLICA_BIND, BKUP_BIND */
	int primary;	/* BKUP_BIND: node of the primary */
	int log_bytes;	/* of its output that are kept, 0: as its node has it */
	unsigned umask; /* LAUNCH_UMASK_OWN: the caller's */
	bool wait;	/* the answer goes on with the output of the process, up to its end */
	bool unbound;	/* it binds itself; endpoint is NONE */
	char **argv;	/* NULL-terminated */
};

#define LAUNCH_UMASK_OWN (~0u)

/*
 * Asks, and waits until the process runs: *row says where. 0: the caller closes the client, after
 * client_next() has given the rest if launch->wait; an interrupt ends that wait then (EDVSINTR). Negative
 * EDVS number with the sentence: nothing was started, and there is nothing to close.
 */
int launch_start(const struct launch *launch, struct client *client, struct ctl_run_row *row,
		 struct refusal *refusal);

/* The payload of the request: struct ctl_run, then the strings. 0 and *len, or a negative EDVS number. */
int launch_encode(const struct launch *launch, char *bytes, size_t size, size_t *len,
		  struct refusal *refusal);

#endif
