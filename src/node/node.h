/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_NODE_H
#define DVS_NODE_NODE_H

/*
 * The daemon: the only place that wires the parts together. One struct node per process.
 *
 * Threads and the lock. The main thread runs the event loop; the bell thread sleeps on the node bell; each migration
 * has one worker thread on either side, because ptrace belongs to a thread. `lock` protects everything below, and
 * each thread holds it while it runs node code: the loop takes it around each callback, the other threads take it by
 * name. It is never held while waiting: see os/lock.h.
 *
 *	programs, dvs --> ask/door --> ask/request --> calls --> handler --> answer (now or later)
 *	                                                            |
 *	                                      state/order --> group --> effects
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/attention.h"
#include "core/directory.h"
#include "node/ask/request.h"
#include "node/bind/binding.h"
#include "node/copy/copy.h"
#include "node/keys.h"
#include "node/move/move.h"
#include "node/restart/restart.h"
#include "node/settings.h"
#include "node/state/life.h"
#include "node/state/order.h"
#include "node/task/task.h"
#include "pages/exchange.h"
#include "os/lock.h"
#include "os/loop.h"
#include "proxy/proxy.h"
#include "wire/ctl.h"

struct node_options {
	struct node_settings settings; /* as they were read */
	int id;
	char name[MAXNODENAME];
	struct address address;
	uint16_t port;
	const char *socket_path; /* NULL: CTL_SOCKET_PATH, if it is free */
	const char *group_spec;
	const char *key_path; /* NULL: connections prove nothing */
	int ready_fd;	      /* -1 none */
	uint32_t log_bytes;   /* kept of a process's output, where `dvs run` says no other */
	struct attention_costs costs; /* of this machine; not used by a successor */
	bool died;		      /* which died, and was not ready for it */
	int adopt_fd;	   /* -1, or the state of the daemon that this one is the successor of */
	char *const *argv; /* of a successor, without --adopt */
	char program[512]; /* its file */
};

/* Each part is declared in the header of the room that it belongs to, and most functions know their part only. */
struct node {
	struct node_options options;
	pthread_mutex_t lock;
	struct os_loop *loop;
	struct exchange *exchange;
	struct proxy *proxy;
	struct keys keys;
	struct order order;
	struct life life;
	struct requests requests;
	struct tasks tasks;
	struct bindings bindings;
	struct moves moves;
	struct copies copies;
	struct restarts restarts;
};

static inline void node_lock(struct node *node)
{
	os_lock_take(&node->lock);
}

static inline void node_unlock(struct node *node)
{
	os_lock_release(&node->lock);
}

/* Makes the parts known to each other, as far as they are there. */
void node_wire(struct node *node);
int node_start(struct node *node, const struct node_options *options);
int node_run(struct node *node);

#endif
