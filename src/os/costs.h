/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_COSTS_H
#define DVS_OS_COSTS_H

/*
 * The costs on this machine of letting another process have the CPU. A waiter that has to choose
 * between looking on, yielding and sleeping compares these costs, and no constant fits all machines:
 * a switch takes 0.6 us on one and 2 us on another, a wake of an idle CPU 2 us or 50.
 */

#include <stdint.h>

struct os_costs {
	uint32_t yield_ns;  /* a sched_yield() that finds nobody else and returns at once */
	uint32_t switch_ns; /* one that lets another process run, which yields back: two switches */
	uint32_t wake_ns;   /* from the wake until a sleeper runs on another, idle CPU */
};

/*
 * Measures with two child processes of its own, which end before it returns; takes some milliseconds
 * and never more than limit_ms. With one CPU wake_ns is what a wake and a switch take there. Each figure
 * is the lower quartile of its samples, so that other load of the machine hardly shows. Safe with
 * several threads. Processes of one program that measure at one time do so in turn, for which half of the limit is
 * spent at most. 0; -ETIMEDOUT when the machine was too busy; or negative errno.
 */
int os_costs_measure(struct os_costs *costs, int limit_ms);

#endif
