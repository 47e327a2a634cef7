/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CTL_LABNODE_H
#define DVS_CTL_LABNODE_H

/*
 * Starting the processes of the lab: one per namespace, in two steps (the namespace first, the program
 * when its network is there).
 */

#include "base/refusal.h"
#include "ctl/labstate.h"

/* A process between its two steps. Zero-initialise; go is -1 when there is none. */
struct labnode_start {
	int go, ready; /* descriptors, owned */
};

/*
 * Starts a program beside this one in the network of a process, and waits until it is ready; argv[0] is its name,
 * `ready` the word of argv that will be its ready-fd.
 */
int labnode_start_in(pid_t netns_pid, const char *name, char **argv, char *ready, const char *log,
		     struct refusal *refusal);

/* Starts the switch with its bridge, and, in a lab that has one, the sequencer; waits until that listens. */
int labnode_start_switch(struct lab *lab, struct refusal *refusal);

/* The switch itself, see lab_switch.c: its words, and its exit status. */
#define LAB_SWITCH_ARGUMENT "--lab-switch"
int lab_switch_main(int argc, char **argv);

/*
 * Starts the nodes of the bit map in a running switch, waits until each is a member and all see all,
 * for at most timeout_ms. Nodes that were begun are in the lab's record also when this fails.
 */
int labnode_start(struct lab *lab, unsigned nodes, int timeout_ms, struct refusal *refusal);

/* Bit map of the lab's nodes, all or those that run. */
unsigned labnode_all(const struct lab *lab);
unsigned labnode_running(const struct lab *lab);

#endif
