/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_TASK_INIT_ASK_H
#define DVS_NODE_TASK_INIT_ASK_H

/*
 * One question to a DC's init, made ready to be sent: see init.c, which keeps it until it is answered.
 */

#include "node/task/init.h"
#include "wire/init.h"
#include "os/socket.h"

struct init_ask {
	struct init_ask *next;
	dc_init_done *done;
	void *ctx;
	struct init_request request;
	char *strings; /* request.string_bytes of them; owned, as the descriptors */
	int fds[OS_FDS_MAX], fd_count;
	char what[80]; /* it is to do, for people */
};

/* 0, -EINVAL, -E2BIG, -ENOMEM. */
int init_ask_spawn(struct init_ask **askp, const struct dc_spawn *spawn);
/* NULL without memory. */
struct init_ask *init_ask_go(int vpid);
struct init_ask *init_ask_shell(int vpid, const char *path);
struct init_ask *init_ask_free(struct init_ask *ask); /* returns NULL */

/*
 * The sentence for an error: the init's own words, or without a reply the fate of the init, which is process `pid`,
 * of DC dcid. The EDVS number.
 */
int init_ask_explain(const struct init_ask *ask, pid_t pid, int dcid, int error,
		     const struct init_reply *reply, struct refusal *why);

#endif
