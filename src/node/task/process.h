/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_TASK_PROCESS_H
#define DVS_NODE_TASK_PROCESS_H

/*
 * The processes of this node that the daemon knows: bound ones, and those started by `dvs run`
 * between their clone and their binding. The list is short (at most NR_PROCS per DC).
 *
 *	STARTING -> BOUND -> LEAVING -> (gone: moved away)
 *	               |         \-> BOUND (rolled back)
 *	               \-> ENDING: exited, its UNBIND is on the way
 *	ARRIVING -> BOUND
 *	STARTING -> UNBOUND -> BOUND: it binds itself when it likes
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "pages/exchange.h"
#include "node/task/cgroup.h"
#include "wire/ctl.h"

struct node;
struct request;
struct proc_log;
struct os_source;
struct warning;

enum process_state {
	PROCESS_STARTING,
	PROCESS_BOUND,
	PROCESS_LEAVING, /* frozen or about to be: the far ends are the daemon's */
	PROCESS_ENDING,
	PROCESS_UNBOUND, /* started, and it has had no endpoint yet */
};

struct process {
	struct process *next;
	struct node *node;
	enum process_state state;
	int dcid, p_nr, endpoint;
	uint32_t generation;
	pid_t lpid;	/* task as the daemon sees it (a thread id for dvk_tbind) */
	pid_t tgid;	/* its process */
	int vpid;	/* in its own pid namespace */
	uint64_t pidns; /* identity of that namespace */
	int pidfd;	/* owned; readable when it has ended */
	struct os_source *exit_source;
	struct exchange_status *status; /* owned */
	int copying;		 /* parts of data copies under way: it stays until they are done */
	struct proc_log *log;	 /* owned; NULL when its output is not the daemon's */
	uint64_t log_start;	 /* bytes that fell out of the log before it came to this node */
	uint64_t cpu_owed_ns;	 /* of moves so far: see migrate/cpu_time.h */
	bool managed;		 /* child of a DC init: its wait status comes from there */
	bool arriving;		 /* being loaded: not this node's yet, and no endpoint */
	bool backup;		 /* stands by for a primary elsewhere: see backup.h */
	struct warning *warning; /* of its end, under way; see warning.h */
	uint64_t drain;		 /* number of the last one that had it in hand; see drain.c */
	char name[16];		 /* also of a backup, which no directory names */
	char cgroup[CGROUP_NAME_MAX]; /* that it was started in; "": none */
	bool ended;
	bool forgotten; /* nothing of it is kept when it has ended */
	struct process **
		starter; /* of whom waits for its binding, see run.c and bind.c: NULL when this is freed */
	int wait_status;		/* once it has ended; -1: nobody can know it */
	enum ctl_end_reason end_reason; /* if it ends now */
	int signalled;			/* the last signal that dvs kill sent; 0: none */
	struct request *followers;	/* logs -f, run --wait; by next_kept */
	struct request *waiters;	/* for its end: dvk_unbind, dvs stop; by next_kept */
};

/* The endpoint's process here; no backup. */
struct process *process_find(struct node *node, int dcid, int p_nr);
/* The task's newest entry, or that of its leader; may be a backup. */
struct process *process_find_pid(struct node *node, pid_t tgid, pid_t tid);
struct process *process_find_vpid(struct node *node, int dcid, int vpid);
struct process *process_next(struct process *process); /* for a walk of node->processes */

/* Makes an entry; takes ownership of pidfd (opens one when < 0). 0 or negative errno. */
int process_new(struct node *node, pid_t lpid, pid_t tgid, int vpid, int pidfd,
		struct process **processp);
/* Enters one that was known before the daemon executed itself anew; takes what `image` owns. */
int process_adopt(struct node *node, const struct process *image, struct process **processp);
/* Unlinks and frees everything it owns; its page mappings stay valid for whoever has them. */
void process_free(struct process *process);

/* The order has bound it: pages, bell, copy pids. 0 or negative errno. proxy_offer() comes after. */
int process_attach(struct process *process, int dcid, int p_nr, int endpoint, uint32_t generation);
/* The part of it that concerns the entry and its status page, which is there. */
void process_fill(struct process *process, int dcid, int p_nr, int endpoint, uint32_t generation);
/* Watches for the exit and unbinds then. */
int process_watch(struct process *process);
/* The binding is over (unbound, died, moved by hand): calls give EDVSNOTBIND. */
void process_detach(struct process *process);

/* pid by which a task in namespace `pidns` may name this process, 0 if it cannot. */
int process_pid_for(const struct process *process, uint64_t pidns);
/* Fills copy_pid and node of every channel this process is an end of. */
void process_refresh_channels(struct process *process);

/* p_nr is not on this node (any more): its channels with others that are not are dropped. */
void process_drop_far_channels(struct node *node, int dcid, int p_nr);

/* No migration sees to the process any more: if it has ended meanwhile its endpoint is unbound now. */
void process_on_departure_over(struct node *node, int dcid, int p_nr, uint32_t generation);

/*
 * A thread that ends while its process lives on. True: whom its DC names is told of it, and that unbinds it;
 * false: there is nobody to tell, and it may be unbound now.
 */
bool process_thread_ends(struct process *process);

/* It has ended and everybody who had to know does: the order is asked to end its binding. */
void process_propose_unbind(struct process *process);

void process_on_init_exit(struct node *node, int dcid, int vpid, int wait_status);
/* The init of a DC has been killed, and with it all that it had started. */
void process_on_init_killed(struct node *node, int dcid);

/* Gives it its log (owned from now on), whose first byte is the process's byte number `start`. */
void process_take_log(struct process *process, struct proc_log *log, uint64_t start);
/* Sends what is kept of its output from byte `from` on. */
void process_send_log(struct process *process, struct request *request, uint64_t from);

/* As from wait(2) once it has ended; -1: it runs, or nobody can know it. */
int process_wait_status(const struct process *process);

/* Waiters for its end: dvk_unbind's get 0, those of a signal the wait status. */
void process_await_end(struct process *process, struct request *request);

/* Followers: asked to see new bytes and the end. */
void process_follow(struct process *process, struct request *request);
/* That request of another node's client, whether it follows or waits. */
void process_cancel_request(struct process *process, int from, uint64_t id);
/* Those of another node, which asks again when it can; and what waited for the end is given up. */
void process_drop_followers(struct process *process, int from);
void process_end_followers(struct process *process, int wait_status);
void process_move_followers(struct process *process, int to);

#endif
