/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CTL_LABSTATE_H
#define DVS_CTL_LABSTATE_H

/*
 * The record of this machine's lab, kept in one small file. Any later command, also after a crash, finds there
 * everything that has to be ended. A command that changes the lab holds the lock.
 *
 *	dvs-lab 1
 *	boot 5f0e...		the machine's boot: pids and namespaces of another one mean nothing
 *	switch PID START INODE COOKIE		keeps the network that joins the nodes
 *	sequencer PID START INODE COOKIE	in the same network, which thus outlives either
 *	corosync				the group engine, in place of a sequencer
 *	node ID PID START INODE COOKIE	PID 0: its start failed
 *	cut A B
 *	log-bytes N		for every daemon
 *	plain			for every daemon: no key
 *	ipv6			the nodes reach each other by IPv6
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/refusal.h"
#include "client/client.h"
#include "os/netns.h"
#include "os/task.h"

#define LAB_NODES_MAX	   16
#define LAB_STATE	   LAB_FOLDER "/state"
#define LAB_GROUP	   LAB_FOLDER "/group.sock"
#define LAB_KEY		   LAB_FOLDER "/key" /* only root can read it */
/*
 * The nodes' folders for files that come with processes, which are made when there is a first one: below /run no
 * program may run on some machines. Labs of several pid namespaces are beside each other there; the number is that of
 * the lab's.
 */
#define LAB_CARRIED_FOLDER "/var/lib/dvs-lab"
#define LAB_CARRIED	   LAB_CARRIED_FOLDER "/%llu-node%d"

struct lab_task {
	bool used; /* belongs to the lab; task.pid 0: not running; nor is one that has ended */
	struct task_id task;
	struct netns_id net; /* its own; kept after its end: something may live in it still */
};

struct lab {
	int lock; /* -1: not held */
	bool other_boot;
	struct lab_task hub; /* the switch */
	struct lab_task sequencer;
	bool corosync; /* each node has a Corosync, and there is no sequencer */
	struct lab_task node[LAB_NODES_MAX];
	uint16_t cut[LAB_NODES_MAX]; /* symmetric bit maps */
	bool plain;		     /* the daemons have no key, for a measurement */
	bool ipv6;     /* of both addresses of a node, that one is its address in the cluster */
	int log_bytes; /* for each daemon, also one that is started again; 0: its own choice */
};

/* A new lab, locked; refuses if there is one, or if the caller is not root. */
int lab_create(struct lab *lab, struct refusal *refusal);

/* A process that keeps the network between the nodes; 0: both that did have ended, and it with them. */
pid_t lab_network(const struct lab *lab);
/* True too where there need not be one. */
bool lab_has_sequencer(const struct lab *lab);

/* The lab there is, locked if asked. EDVSNOENT in the refusal: there is none. */
int lab_load(struct lab *lab, bool lock, struct refusal *refusal);

/* The same for a verb about one node of it. */
int lab_load_node(struct lab *lab, bool lock, int node, struct refusal *refusal);

int lab_save(const struct lab *lab, struct refusal *refusal);

/* Removes the folder and gives the lock back. */
int lab_forget(struct lab *lab, struct refusal *refusal);
void lab_unlock(struct lab *lab);

/* The file's text and back; false when it is not such a text. */
bool lab_print(const struct lab *lab, const char *boot, char *text, size_t size);
bool lab_parse(struct lab *lab, const char *boot, const char *text);

#endif
