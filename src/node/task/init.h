/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_TASK_INIT_H
#define DVS_NODE_TASK_INIT_H

/*
 * The init of a DC on this node: process 1 of a pid namespace of its own, in which all processes run
 * that `dvs run` or a migration starts for that DC here. It is this same program, executed again
 * with DC_INIT_ARGUMENT, and ends with the keeper of the node, however that ends; the kernel then ends all in the
 * namespace.
 *
 *	daemon                               init                            process
 *	dc_init_spawn()  -- request socket -->  clone3, set_tid  ------------->  prepares itself,
 *	 done()  <--- vpid, pidfd, or which step failed ---                     waits
 *	(binds it)
 *	dc_init_go()     -- request socket -->  lets it go       ------------->  executes
 *	 done()  <--- 0, or why not ---
 *	exited() <------ event socket --------  reaped
 *
 * Nobody waits for an init with the node lock held: questions to it are queued and go out one by one as the init
 * answers, and its answers come from the loop. An init that has answered nothing for DC_INIT_TIMEOUT_MS (it may be
 * stopped) lives on, with all in it, but the questions to it are refused (-ETIMEDOUT); the work that it still does
 * for them when it goes on is undone. Only one that does not even come up is ended. The caller serialises (the node
 * lock). Pids in the namespace (vpids) come from the node's own range, so that they are unique in the cluster.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/refusal.h"
#include "wire/init.h"

#define DC_INIT_ARGUMENT   "--dc-init" /* main() of the program: dc_init_main(argc, argv) */
#define DC_INIT_TIMEOUT_MS 2000
#define DC_INIT_SHELL_FDS  3

/* vpids of node n: DC_VPID_COUNT from dc_vpid_base(n) on. */
static inline int dc_vpid_base(int nodeid)
{
	return 1000 + DC_VPID_COUNT * nodeid;
}

struct dc_init;
struct os_kept;
struct os_loop;

/* The command to execute. All memory and descriptors stay the caller's. */
struct dc_spawn {
	char *const *argv; /* ends with NULL; argv[0] is looked for in the PATH of envp */
	char *const *envp;
	const char *cwd;
	unsigned umask;
	uid_t uid;
	gid_t gid;
	const gid_t *groups; /* supplementary ones */
	int group_count;
	int fds[3]; /* become standard input, output and error; -1: /dev/null */
	/* Bit n set: dc_vpid_base() + n is in use elsewhere in the cluster. DC_VPID_COUNT bits or NULL. */
	const uint64_t *taken;
	int cgroup; /* that it runs in, 0 or -1: that of the init */
};

struct dc_exit {
	int vpid;
	int status; /* as from wait(2) */
};

/* News that an init tells by itself, from the loop. dc_init_free() may be called in both. */
struct dc_init_events {
	void (*exited)(void *ctx, int dcid, const struct dc_exit *ended);
	void (*gone)(void *ctx, int dcid); /* it has ended, or does not come up: free it */
	void *ctx;
};

/* The answer to a question: from the loop or from dc_init_free(), exactly once, never from the question. */
struct dc_init_answer {
	int error; /* 0, or why says more */
	int vpid;
	pid_t lpid;
	int pidfd; /* of the process that was started: the callee's; or -1 */
	struct refusal why;
};
typedef void dc_init_done(void *ctx, const struct dc_init_answer *answer);

/*
 * Starts the init of DC dcid; it can be asked at once. Needs root. When called on the daemon's main
 * thread the kernel also kills the init when that ends; from any other thread only the sockets tell it.
 * 0 or negative errno.
 */
int dc_init_start(struct dc_init **initp, struct os_loop *loop, int dcid, int nodeid,
		  const struct dc_init_events *events);
/*
 * Kills the init and with it all in the namespace; the questions to it are refused (-ECONNRESET). It is collected
 * when it has ended; until then a new init of its DC starts nothing. Returns NULL.
 */
struct dc_init *dc_init_free(struct dc_init *init);
/* Waits until all that were freed have ended. Without the lock, when the loop does not run any more. */
void dc_init_settle(int timeout_ms);

pid_t dc_init_pid(const struct dc_init *init);
/* Whether it has come up. */
bool dc_init_is_ready(const struct dc_init *init);
/* The part of it that carries its changes: HANDOVER_INIT. */
const struct os_kept *dc_init_in_state(const struct dc_init *init);
/* Whether it owes an answer. */
bool dc_init_is_asked(const struct dc_init *init);

/*
 * For a daemon that executes its program anew: its knowledge of an init that runs on, and taking the init over with
 * the same descriptors. NULL: no memory; the descriptors stay the caller's then. after_death: the daemon before
 * has died, and what it had asked for and was not told is undone.
 */
struct dc_init_place {
	pid_t pid;
	int pidfd, request_fd, event_fd;
};
void dc_init_place(const struct dc_init *init, struct dc_init_place *place);
struct dc_init *dc_init_adopt(struct os_loop *loop, int dcid, const struct dc_init_place *place,
			      const struct dc_init_events *events, bool after_death);

/*
 * Starts a process that waits, all prepared, before it executes anything: its own session and process
 * group (sid = pgid = vpid), default signal dispositions and mask, the daemon's rlimits. It lives until
 * dc_init_go(), or until it is killed. The answer says which step failed (no such folder, no such user
 * ...). This and the next two return 0, or a negative errno when done() will not be called.
 */
int dc_init_spawn(struct dc_init *init, const struct dc_spawn *spawn, dc_init_done *done,
		  void *ctx);
/* Lets it execute; error 0: it did. Otherwise the caller kills it; its exit is told. */
int dc_init_go(struct dc_init *init, int vpid, dc_init_done *done, void *ctx);

/*
 * Starts the program `path` with exactly this vpid (-EEXIST: taken; -EBUSY: by a process that has
 * ended, which will be over in a moment: ask again), in its own session, with
 * nothing open but fds[0..] as descriptors 3 and up, root's credentials, an empty environment. For
 * the migration engine, which turns it into the process that arrives. When the answer is 0 it runs.
 */
int dc_init_shell(struct dc_init *init, int vpid, const char *path, const int *fds, int fd_count,
		  int cgroup, dc_init_done *done, void *ctx);

/* The init's side: main() hands over when argv[1] is DC_INIT_ARGUMENT. The exit status. */
int dc_init_main(int argc, char **argv);

#endif
