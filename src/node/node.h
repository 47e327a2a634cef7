/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_NODE_H
#define DVS_NODE_NODE_H

/*
 * The daemon: the only place that wires the parts together. One struct node per process.
 *
 * Threads and the lock. The main thread runs the event loop; the bell thread sleeps on the node bell;
 * each migration has one worker thread on either side, because ptrace belongs to a thread. `lock`
 * protects everything below and is held by whoever runs node code: the loop takes it around each
 * callback, the others take it by name. It is never held while waiting: see os/lock.h.
 *
 *	programs, dvs --> ask/door --> ask/request --> calls --> handler --> answer (now or later)
 *	                                                            |
 *	                                      state/order --> group --> effects
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/attention.h"
#include "core/directory.h"
#include "group/group.h"
#include "node/ask/request.h"
#include "node/task/task.h"
#include "pages/exchange.h"
#include "os/lock.h"
#include "os/loop.h"
#include "proxy/proxy.h"
#include "wire/ctl.h"

struct binding;
struct request;
struct proposal;
struct target;
struct source;
struct copy_task;
struct ring_chase;
struct share;
struct streams;
struct parts;
struct door;
struct restart;
struct homecoming;

#define NODE_SEARCHES_MAX 8 /* threads at one time that look at all processes of the machine */

struct node_options {
	int id;
	char name[MAXNODENAME];
	uint32_t address; /* network order */
	uint16_t port;
	const char *socket_path; /* NULL: CTL_SOCKET_PATH, if it is free */
	const char *group_spec;
	int ready_fd;	    /* -1 none */
	uint32_t log_bytes; /* kept of what a process wrote, where `dvs run` says no other */
	struct attention_costs costs; /* of this machine; not used by a successor */
	int adopt_fd;	   /* -1, or the state of the daemon that this one is the successor of */
	char *const *argv; /* as executed */
	char program[512]; /* its file */
};

struct node {
	struct node_options options;
	pthread_mutex_t lock;
	struct os_loop *loop;
	struct exchange *exchange;
	struct proxy *proxy;
	struct group *group;
	struct os_source *group_source;
	struct os_source *group_late; /* only with the fault order-late */
	struct directory directory;
	struct directory_effects effects;
	bool quorum;
	bool stopping;
	bool failed;
	_Atomic bool bell_stop;
	bool ready_told;
	struct door *door;
	struct requests requests;
	struct request
		*clients; /* requests of programs and commands on this machine, read or not */
	struct request
		*detached; /* attached to processes of nodes whose link is down; see reattach.h */
	struct restart *restart;       /* under way */
	uint32_t restarting;	       /* nodes that said so of themselves */
	struct homecoming *homecoming; /* of one, whose asker waits for the links; see adopt.h */
	uint32_t restarts;
	struct ctl_counters counters;
	uint64_t debug_level; /* this and the name as dvk_dvs_init gave them */
	char dvs_name[MAXDCNAME];
	uint64_t drains;	    /* begun so far */
	unsigned draining;	    /* under way */
	struct proposal *proposals; /* own commands not delivered yet */
	uint64_t next_request;
	struct tasks tasks;
	struct binding *bindings;  /* of tasks of this node, the newest first; see bind/binding.h */
	struct request *forwarded; /* waiting for another node's answer */
	unsigned searches;	   /* under way: named.h, children.h */
	struct share *shares;	   /* what users have of the node; see share.h */
	struct ring_chase *chases; /* looking for endpoints that wait for each other */
	struct copy_task *copies;  /* data copies under way */
	struct streams *streams;   /* the workers of the large ones */
	struct parts *parts;	   /* and the small ones */
	_Atomic int lanes_served;  /* threads of stream_serve.c */
	struct target *targets;	   /* migrations to this node */
	struct source *sources;	   /* migrations from this node */
	_Atomic int lanes_of[NR_NODES];
	pthread_t bell_thread;
	priv_usr_t priv[SHM_DCS][SHM_SLOTS]; /* as set by dvk_setpriv on this node; see priv.c */
};

static inline void node_lock(struct node *node)
{
	os_lock_take(&node->lock);
}

static inline void node_unlock(struct node *node)
{
	os_lock_release(&node->lock);
}

/* The directory's entry, or NULL when out of range; may be unbound. */
static inline const struct directory_endpoint *node_endpoint(const struct node *node, int dcid,
							     int p_nr)
{
	return directory_endpoint(&node->directory, dcid, p_nr);
}

/* Nobody is bound, and an RMT_BIND says that somebody will be, on another node (core/directory.h). */
static inline bool node_stated_elsewhere(const struct node *node,
					 const struct directory_endpoint *ep)
{
	return ep->stated && ep->node != node->options.id;
}

/* Whether a DC has this slot. */
static inline bool node_slot_valid(const struct directory_dc *dc, int p_nr)
{
	return p_nr >= -dc->nr_tasks && p_nr < dc->nr_procs;
}
int node_start(struct node *node, const struct node_options *options);
int node_run(struct node *node);

/* Kinds of node messages on a link (proxy_message). */
enum node_message {
	NODE_MESSAGE_REQUEST = 1,		   /* struct request_wire + ctl_request + payload */
	NODE_MESSAGE_PACKET = 2,		   /* struct request_wire + ctl_reply + payload */
	NODE_MESSAGE_CANCEL = 3,		   /* struct request_wire */
	NODE_MESSAGE_COPY = PROXY_LANE_BULK | 4,   /* struct copy_wire + data */
	NODE_MESSAGE_COPIED = PROXY_LANE_BULK | 5, /* struct copy_wire + data */
	/*
	 * u8 1: its daemon is about to be restarted; what it was asked over this link and has not
	 * answered it has not begun. 0: it goes on after all.
	 */
	NODE_MESSAGE_RESTART = 6,
};

#endif
