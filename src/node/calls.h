/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_CALLS_H
#define DVS_NODE_CALLS_H

/*
 * The control calls: the rights that each needs, and their handlers by the file that has them. A handler is called
 * with the node lock held and ends the request once, now or later.
 */

struct request;

/*
 * Checks asker and call, then calls the handler, here or on the node that is meant: each request comes by here. The
 * hook requests.dispatch.
 */
void calls_dispatch(struct request *request);

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

/* tables.c */
void handle_ps(struct request *request);
void handle_proctable(struct request *request);
void handle_ended(struct request *request);
void handle_nodes(struct request *request);
void handle_dcs(struct request *request);
void handle_status(struct request *request);
void handle_counters(struct request *request);

/* cluster.c */
void handle_dcinit(struct request *request);
void handle_dcend(struct request *request);
void handle_addnode(struct request *request);
void handle_delnode(struct request *request);
void handle_shutdown(struct request *request);

/* roster.c */
void handle_roster(struct request *request);

/* poke.c */
void handle_wakeup(struct request *request);
void handle_notify(struct request *request);

/* waits.c */
void handle_waits(struct request *request);

/* bind/by_hand.c: the three steps by hand */
void handle_migrate(struct request *request);

/* run.c */
void handle_run(struct request *request);
void handle_logs(struct request *request);

/* signal.c */
void handle_signal(struct request *request);

/* keys.c */
void handle_keys(struct request *request);

/* restart.c */
void handle_restart(struct request *request);
void handle_checkpoint(struct request *request);
void handle_restore(struct request *request);
void handle_image(struct request *request);

/* move.c */
void handle_move(struct request *request);
void handle_drain(struct request *request);

#endif
