/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_LIBDVK_FAKE_NODE_TEST_H
#define DVS_LIBDVK_FAKE_NODE_TEST_H

/*
 * A daemon for tests of the library: one process that makes the pages (with the real exchange) and
 * answers the control calls, for children that it forks. It runs in a network namespace of its own.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "pages/exchange.h"

#define FAKE_PARTIES_MAX 8

struct fake_party {
	pid_t pid;
	int endpoint; /* -1: not bound */
	bool gone;
	int exit_status;
	struct exchange_status *status;
};

struct fake_node {
	int listener;
	struct exchange *exchange;
	struct fake_party party[FAKE_PARTIES_MAX];
	int parties;
	/* called every millisecond while children run */
	void (*on_tick)(struct fake_node *node);
	int ticks;
	/* copies are refused with EDVSNOSYS, but: */
	bool rings_are_lost;	 /* nobody is rung for that */
	bool copies_are_ignored; /* not even that */
};

/* 0; positive: it cannot run here (no namespaces). */
int fake_node_start(struct fake_node *node);
void fake_node_stop(struct fake_node *node);

/* Forks a child that runs fn and exits with its result. */
void fake_node_fork(struct fake_node *node, int (*fn)(void));
/* Serves until all children have ended. Returns how many ended other than with 0. */
int fake_node_serve(struct fake_node *node);

/* The party bound as p_nr, or NULL. */
struct fake_party *fake_node_party(struct fake_node *node, int p_nr);
struct exchange_bell *fake_node_bell(struct fake_node *node, int p_nr);

#endif
