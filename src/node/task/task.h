/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_TASK_TASK_H
#define DVS_NODE_TASK_TASK_H

/*
 * The tasks of this node that the daemon knows: processes and threads that are bound, and processes that
 * an init of ours has started, also while they have no endpoint. A task has any number of bindings; which
 * endpoints these are is told in bind/binding.h. The list is short (at most NR_PROCS for each DC).
 *
 * A task that is not managed is known for as long as it has a binding; a managed one until it has ended
 * and its last binding is over.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h> /* pid_t, pthread_mutex_t */

#include "node/task/cgroup.h"
#include "node/task/rights.h"
#include "os/kept.h"
#include "wire/shm.h"
#include "wire/ctl.h"

struct node;
struct order;
struct os_loop;
struct request;
struct output;
struct os_source;
struct binding;
struct bindings;
struct task;
struct dc_init;
struct ended;
struct cgroups;

#define TASK_SEARCHES_MAX 8 /* threads at one time that look at all processes of the machine */

/* The part of struct node. */
struct tasks {
	pthread_mutex_t *lock; /* the node's, for threads that look at all processes */
	struct os_loop *loop;
	struct order *order;
	struct rights rights;
	struct task *all; /* the newest first */
	/* A task that has bindings has ended: the hook ends them, and the task may be freed with the last. */
	void (*on_end)(struct node *node, struct task *task);
	struct node *node;	   /* for that hook */
	struct bindings *bindings; /* of the tasks, for the rooms above */
	struct dc_init
		*init[SHM_DCS];	 /* pid namespace of each DC, started at first need: inits.h */
	struct ended *ended;	 /* tasks that are no more, and their logs */
	struct cgroups *cgroups; /* NULL: none can be made here; see cgroup.h */
	unsigned searches;	 /* under way: named.h, children.h */
};

struct task {
	struct task *next;
	struct tasks *tasks;
	struct os_kept in_state; /* HANDOVER_TASK; of `loading` ones only once they are here */
	pid_t lpid;		 /* as the daemon sees it (a thread id for dvk_tbind) */
	pid_t tgid;		 /* its process */
	int vpid;		 /* in its own pid namespace */
	uint64_t pidns;		 /* identity of that namespace */
	int pidfd;		 /* owned; readable when it has ended */
	struct os_source *exit_source;
	bool managed;  /* child of a DC init: its wait status comes from there */
	int dcid;      /* the DC of that init; -1: not managed */
	bool starting; /* neither bound so far nor let go by its init */
	bool loading;  /* an arrival fills it: it is no process of this node yet */
	bool stands;   /* stopped, in a move by hand, since its image is in a file: see by_hand.h */
	bool ended;
	bool forgotten;		  /* nothing of it is kept when it has ended */
	bool gone;		  /* freed, but for those who keep it */
	unsigned kept;		  /* by bindings on their way through the order, and runs */
	struct binding *bindings; /* the newest first, by next_of_task */
	struct {		  /* the endpoint that it was last; no backup */
		bool bound;
		int dcid, p_nr;
		uint32_t generation;
		char name[16];
	} last;
	struct output *output; /* owned; NULL when its output is not the daemon's */
	uint64_t output_start; /* bytes that fell out of the output before it came to this node */
	uint64_t cpu_owed_ns;  /* of moves so far: see migrate/cpu_time.h */
	char cgroup[CGROUP_NAME_MAX];	/* that it was started in; "": none */
	int wait_status;		/* once it has ended; -1: nobody can know it */
	enum ctl_end_reason end_reason; /* if it ends now */
	int signalled;			/* the last signal that dvs kill sent; 0: none */
	struct request *followers;	/* see following.h; by next_kept */
	struct request *waiters;	/* for its end: dvs stop; by next_kept */
};

/* A task that is known by its number, has not ended and is no arrival's; or NULL. */
struct task *task_find(const struct tasks *tasks, pid_t lpid);
/* The task itself, or the leader of its process, whose bindings it borrows. */
struct task *task_find_or_leader(const struct tasks *tasks, pid_t tgid, pid_t tid);

/* Makes an entry; takes ownership of pidfd (opens one when < 0). 0 or negative errno. */
int task_new(struct tasks *tasks, pid_t lpid, pid_t tgid, int vpid, int pidfd, struct task **taskp);
/*
 * Makes an entry of a task that an arrival is to make: it has no number here, and is `loading`. 0 or -ENOMEM. When the
 * task is there task_arrive() gives the entry its numbers, and notes its end from then on: 0 or negative errno.
 */
int task_expect(struct tasks *tasks, int vpid, struct task **taskp);
int task_arrive(struct task *task, pid_t lpid, pid_t tgid);
/* Enters one that was known before the daemon executed itself anew; takes what `image` owns. */
int task_adopt(struct tasks *tasks, const struct task *image, struct task **taskp);
/* It has no binding. Frees what it owns, and the entry when nobody keeps it. */
void task_free(struct task *task);
/* The same, if nothing speaks for keeping it: its last binding, or what was to be one, is over. */
void task_drop(struct task *task);
/* While something is waited for; task->gone says afterwards that there is no such task any more. */
void task_keep(struct task *task);
/*
 * The same with the entry of a task, which is made if there is none. vpid: its number inside. pidfd: of the task, or
 * -1; it stays the caller's. 0 or negative errno: there is no such task.
 */
int task_keep_for(struct tasks *tasks, pid_t tgid, pid_t tid, int vpid, int pidfd,
		  struct task **taskp);
/* Also drops it, see task_drop(). */
void task_let(struct task *task);

/* Notes the end of one that no init of ours reaps. 0 or negative errno. */
int task_watch(struct task *task);
/* It has ended. Also for one that ended as it was loaded, when it is this node's at last. */
void task_end(struct task *task);
void task_on_init_exit(struct tasks *tasks, int dcid, int vpid, int wait_status);
/* The init of a DC has been killed, and with it all that it had started. */
void task_on_init_killed(struct tasks *tasks, int dcid);

/* pid by which a task in namespace `pidns` may name this one, 0 if it cannot. */
int task_pid_for(const struct task *task, uint64_t pidns);
/* As from wait(2) once it has ended; -1: it runs, or nobody can know it. */
int task_wait_status(const struct task *task);

#endif
