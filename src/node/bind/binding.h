/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_BIND_BINDING_H
#define DVS_NODE_BIND_BINDING_H

/*
 * The tie between a task of this node and an endpoint: the pages, and what is under way with it. The role says whose
 * the endpoint is:
 *
 *	BINDING_PRIMARY    the endpoint is this task's, on this node
 *	BINDING_BACKUP     stands by for a primary elsewhere: see backup.h
 *	BINDING_ARRIVING   is being loaded: the endpoint is another node's until the commit
 *
 *	ARRIVING, BACKUP --binding_take()--> PRIMARY     never back
 *
 * and the state what may be done with it:
 *
 *	BOUND -> LEAVING -> (gone: moved away)
 *	   |        \-> BOUND (rolled back)
 *	   \-> ENDING: its task has ended, its UNBIND is on the way
 *
 * Node lock held.
 */

#include <stdbool.h>
#include <stdint.h>

#include "dvk.h"
#include "node/bind/addresses.h"
#include "os/kept.h"
#include "pages/exchange.h"

struct life;
struct order;
struct os_loop;
struct proxy;
struct request;
struct requests;
struct ring_chase;
struct task;
struct tasks;
struct warning;

/* The part of struct node. */
struct bindings {
	struct order *order;
	struct exchange *exchange;
	struct proxy *proxy;
	struct os_loop *loop;
	struct life *life;
	struct tasks *tasks;
	struct requests *requests; /* asks other nodes by these */
	uint32_t log_bytes;	   /* kept of a process's output, where `dvs run` says no other */
	unsigned emptied;	   /* by so many drains: no command begins here meanwhile */
	struct binding *all;	   /* of tasks of this node, the newest first */
	/* The same by slot: each message looks for the process of an endpoint. */
	struct binding *at[SHM_DCS][SHM_SLOTS];
	struct addresses addresses; /* of the containers, that are here */
	struct ring_chase *chases; /* looking for endpoints that wait for each other; see waits.h */
};

enum binding_role {
	BINDING_PRIMARY,
	BINDING_BACKUP,
	BINDING_ARRIVING,
};

enum binding_state {
	BINDING_BOUND,
	BINDING_LEAVING, /* frozen or about to be: the far ends are the daemon's */
	BINDING_ENDING,
};

struct binding {
	struct os_kept in_state;      /* HANDOVER_BINDING; not while it is ARRIVING */
	struct binding *next;	      /* of the node; the newest first */
	struct binding *next_of_task; /* the same */
	struct binding *next_at;      /* the same */
	struct task *task;
	struct bindings *bindings;
	enum binding_role role;
	enum binding_state state;
	int dcid, p_nr, endpoint;
	uint32_t generation;
	char name[16];			/* also of a backup, which no directory names */
	struct exchange_status *status; /* owned, never NULL */
	int copying;		 /* parts of data copies under way: it stays until they are done */
	struct warning *warning; /* of its end, under way; see warning.h */
	uint64_t drain;		 /* number of the last one that had it in hand; see drain.c */
	struct request *unbinders; /* wait for its end; by next_kept */
};

/* Those of the node that has the request. */
struct bindings *binding_part(const struct request *request);
/* The endpoint's binding here: a primary, or NULL. */
struct binding *binding_find(const struct bindings *bindings, int dcid, int p_nr);
/* The newest of this role in a slot, which need not exist; or NULL. */
struct binding *binding_find_as(const struct bindings *bindings, int dcid, int p_nr,
				enum binding_role role);
/* The newest of the task that asks, or of its process: a primary; of any role that is here. NULL. */
struct binding *binding_of_caller(const struct request *request);
struct binding *binding_of_caller_any(const struct request *request);
/* The newest of a task or of its process, of any role that is here. */
struct binding *binding_of_pid(const struct tasks *tasks, int tgid, int tid);
/* Where an endpoint is, in the words of proxy.h. */
int binding_locate(const struct bindings *bindings, int dcid, int endpoint);

/* With a status page, filled from the arguments; a primary is to be taken next. 0 or negative errno. */
int binding_new(struct task *task, enum binding_role role, int dcid, int p_nr, int endpoint,
		uint32_t generation, struct binding **bindingp);
/* Enters one that was known before the daemon executed itself anew; takes what `image` owns. */
int binding_adopt(struct task *task, const struct binding *image, struct binding **bindingp);
/* The order has given it the endpoint: bell, rights, copy pids. 0 or negative errno. proxy_offer() comes after. */
int binding_take(struct binding *binding, int endpoint, uint32_t generation);
/* A new primary that has its endpoint. */
int binding_make(struct task *task, int dcid, int p_nr, int endpoint, uint32_t generation,
		 struct binding **bindingp);
/* The binding is over (unbound, died, moved by hand): calls give EDVSNOTBIND. Its task is forgotten if it may be. */
void binding_detach(struct binding *binding);
/*
 * The life of the node is over. Tasks of its containers end with it; those that were bound from outside live on, and
 * their calls give EDVSNOTBIND, also those that wait. Frees nothing.
 */
void binding_tell_end(struct bindings *bindings);
/* Its task goes on on another node, or nowhere (an arrival that is discarded). */
void binding_move_away(struct binding *binding);

/* Waits for its end: gets 0. */
void binding_await_end(struct binding *binding, struct request *request);

/* Rings its bell, so that it looks. */
void binding_poke(const struct binding *binding);
/* Answers with the pages: node bell, and own bell and status of a binding or NULL. */
void binding_end_with_pages(struct request *request, int64_t value, const struct binding *binding);
/* Fills copy_pid and node of every channel that it is an end of. */
void binding_refresh_channels(struct binding *binding);
/* p_nr is not on this node (any more): its channels with others that are not are dropped. */
void binding_drop_far_channels(struct bindings *bindings, int dcid, int p_nr);

#endif
