/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_HANDLERS_H
#define DVS_NODE_HANDLERS_H

/*
 * The handlers of control calls, by noun and file; the table is in server.c. Each is called with the
 * node lock held and ends the request once, now or later.
 */

#include <stdint.h>
#include <sys/types.h>

struct request;
struct process;

/* caller.c: the task that asks */
struct process *caller_process(struct request *request); /* its binding, or NULL */
struct process *caller_binding(struct request *request); /* the same, and also of a backup */

/*
 * 0, or the request is failed: EDVSBADDCID or EDVSDCNOTRUN; `error`. This node may be behind: before it says that a DC
 * does not run, it catches up with the order, and the handler (NULL: it does not) is called again.
 */
int request_check_dc(struct request *request, int dcid, void (*handler)(struct request *));
int request_check_slot(struct request *request, int dcid, int p_nr, int error);
/* Answers with the caller's pages: node bell, and own bell and status if it is bound. */
void request_end_with_pages(struct request *request, int64_t value, struct process *process);

/* bind.c */
void handle_hello(struct request *request);
void handle_bind(struct request *request);
void handle_channel(struct request *request);

/* unbind.c */
void handle_unbind(struct request *request);
void handle_getep(struct request *request);
void handle_wait4bind(struct request *request);

/* info.c */
void handle_procinfo(struct request *request);
void handle_dcinfo(struct request *request);
void handle_nodeinfo(struct request *request);
void handle_dvsinfo(struct request *request);
void handle_priv(struct request *request);
void handle_status(struct request *request);

/* snapshot.c */
void handle_ps(struct request *request);
void handle_proctable(struct request *request);
void handle_ended(struct request *request);
void handle_nodes(struct request *request);
void handle_dcs(struct request *request);

/* cluster.c */
void handle_dcinit(struct request *request);
void handle_dcend(struct request *request);
void handle_addnode(struct request *request);
void handle_delnode(struct request *request);
void handle_shutdown(struct request *request);
void handle_wakeup(struct request *request);
void handle_notify(struct request *request);

/* waits.c */
void handle_waits(struct request *request);

/* hand.c: the three steps by hand */
void handle_migrate(struct request *request);

/* run.c */
void handle_run(struct request *request);
void handle_logs(struct request *request);

/* signal.c */
void handle_signal(struct request *request);

/* restart.c */
void handle_restart(struct request *request);

/* move.c */
void handle_move(struct request *request);
void handle_drain(struct request *request);

#endif
