/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_TASK_RIGHTS_H
#define DVS_NODE_TASK_RIGHTS_H

/*
 * The privileges of the contract (section 4.7), kept at the owner's node: which calls a process may make, and to
 * which peers. Enforced where a process cannot get round it: no channel for sending is handed out to an endpoint that
 * its privileges exclude, and what it writes into a channel that it has is taken by nobody (pages/exchange_bars.c).
 */

#include <stdbool.h>

#include "dvk.h"
#include "os/kept.h"
#include "wire/shm.h"

struct exchange;
struct order;
struct status_page;

/* A part of struct tasks. */
struct rights {
	const struct order *order;
	struct exchange *exchange;
	/* as set by dvk_setpriv on this node; see bind/privileges.c */
	priv_usr_t of[SHM_DCS][SHM_SLOTS];
	struct os_kept in_state[SHM_DCS]
			       [SHM_SLOTS]; /* HANDOVER_RIGHTS, of those that have changed */
};

/* Those of a slot have changed. */
void rights_note(struct rights *rights, int dcid, int p_nr);

/* Sets the defaults of a fresh binding. */
void rights_reset(struct rights *rights, int dcid, int p_nr);
/* Fills those of a bound task in its status page: call bits, system process or not. */
void rights_fill(const struct rights *rights, int dcid, int p_nr, struct status_page *page);
/* It is an endpoint of this node from now on, or its privileges have changed: shown to those it may reach. */
void rights_show(const struct rights *rights, int dcid, int own_nr);
/* It is one no more. */
void rights_hide(const struct rights *rights, int dcid, int own_nr);
bool rights_is_sysproc(const struct rights *rights, int dcid, int p_nr);
bool rights_may_talk(const struct rights *rights, int dcid, int own_nr, int peer_nr);
/*
 * May p_nr have a copy made between these two, and are they there? 0, EDVSBADCALL, EDVSBADDEST, EDVSRANGE,
 * EDVSTRAPDENIED, EDVSENDPOINT, EDVSSRCDIED, EDVSDSTDIED: the contract's order.
 */
int rights_copy_check(const struct rights *rights, int dcid, int p_nr, int src_ep, int dst_ep);

#endif
