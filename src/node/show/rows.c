/* SPDX-License-Identifier: Apache-2.0 */
#include "node/show/rows.h"

#include <stdio.h>
#include <string.h>

#include "node/bind/backup.h"
#include "node/task/init.h"
#include "node/state/life.h"
#include "node/state/order.h"
#include "node/bind/binding.h"
#include "node/task/task.h"
#include "os/clock.h"
#include "proxy/proxy.h"

/*
 * MIGRATING, NEEDMIG and WAITMIGR are nobody's own state: a process may not know that it, or its peer,
 * is being moved. They are derived here from the directory.
 */

static void show_moves(const struct order *order, const struct directory_endpoint *ep, int dcid,
		       proc_usr_t *row)
{
	const struct directory_endpoint *peer = NULL;

	if (ep->moving) {
		if (row->p_rts_flags || !ep->by_hand || ep->node != order->self)
			row->p_rts_flags |= MIGRATING;
		else
			row->p_misc_flags |= MIS_NEEDMIG;
	}
	if (row->p_rts_flags & SENDING && row->p_sendto != NONE)
		peer = order_endpoint(order, dcid, _ENDPOINT_P(row->p_sendto));
	else if (row->p_rts_flags & RECEIVING && row->p_getfrom != ANY && row->p_getfrom != NONE)
		peer = order_endpoint(order, dcid, _ENDPOINT_P(row->p_getfrom));
	/* As in the original, nothing else of the wait is shown until the move is over. */
	if (peer && peer->bound && peer->moving) {
		row->p_waitmigr = row->p_rts_flags & SENDING ? row->p_sendto : row->p_getfrom;
		row->p_rts_flags &= ~(unsigned long)(SENDING | RECEIVING);
		row->p_rts_flags |= WAITMIGR;
		row->p_getfrom = row->p_sendto = NONE;
	}
}

/*
 * A caller whose request was taken goes on sleeping: nobody wakes it to say so. Its line knows; also that
 * the answer is there and the caller has not had a CPU since.
 */
static bool is_taken(const struct binding *binding, const struct status_page *page)
{
	int p_nr = binding->p_nr;
	struct exchange_channel *channel;
	enum line_state state;

	if (!(page->rts_flags & SENDING) || !(page->rts_flags & RECEIVING))
		return false;
	channel = exchange_find(binding->bindings->exchange, binding->dcid, p_nr,
				_ENDPOINT_P(page->sendto));
	if (!channel)
		return false;
	state = line_word_state(channel->page->line[exchange_side(channel, p_nr)].word);
	return state == LINE_TAKEN || state == LINE_DONE;
}

static void show_status(const struct binding *binding, proc_usr_t *row)
{
	const struct status_page *page = binding->status->page;

	row->p_lpid = binding->task->lpid;
	row->p_vpid = binding->task->vpid;
	row->p_rts_flags = page->rts_flags;
	if (is_taken(binding, page))
		row->p_rts_flags &= ~(unsigned long)SENDING;
	row->p_misc_flags |= page->misc_flags;
	row->p_getfrom = page->rts_flags & RECEIVING ? page->getfrom : NONE;
	row->p_sendto = row->p_rts_flags & SENDING ? page->sendto : NONE;
	row->p_waitunbind = page->rts_flags & WAITUNBIND ? page->waitunbind : NONE;
	row->p_lclsent = page->lclsent;
	row->p_rmtsent = page->rmtsent;
	row->p_lclcopy = page->lclcopy;
	row->p_rmtcopy = page->rmtcopy;
	if (binding->warning)
		row->p_misc_flags |= MIS_KILLED;
	if (page->latch == EDVSWOKENUP)
		row->p_misc_flags |= MIS_WOKENUP;
}

void rows_proc(const struct order *order, const struct bindings *bindings, int dcid, int p_nr,
	       proc_usr_t *row)
{
	const struct directory_endpoint *ep = order_endpoint(order, dcid, p_nr);
	struct binding *binding = binding_find(bindings, dcid, p_nr);

	memset(row, 0, sizeof(*row));
	row->p_nr = p_nr;
	row->p_endpoint = p_nr;
	row->p_dcid = dcid;
	row->p_lpid = row->p_vpid = row->p_nodeid = -1;
	row->p_getfrom = row->p_sendto = row->p_waitmigr = NONE;
	row->p_waitunbind = row->p_proxy = NONE;
	if (!ep || (!ep->bound && !order_stated_elsewhere(order, ep))) {
		row->p_rts_flags = SLOT_FREE;
		snprintf(row->p_name, sizeof(row->p_name), "$noname");
		return;
	}
	row->p_nodeid = ep->node;
	row->p_nodemap = ep->bound ? ep->nodemap : 1u << ep->node;
	memcpy(row->p_name, ep->name, sizeof(row->p_name));
	if (ep->node != order->self) {
		row->p_rts_flags = REMOTE;
		binding = backup_find(bindings, dcid, p_nr);
		if (binding)
			backup_row(binding, row);
	} else {
		row->p_misc_flags = (unsigned long)ep->misc;
		if (binding)
			show_status(binding, row);
	}
	show_moves(order, ep, dcid, row);
}

void rows_dc(const struct order *order, const struct tasks *tasks, int dcid, dc_usr_t *row)
{
	const struct directory_dc *dc = &order->directory.dc[dcid];

	memset(row, 0, sizeof(*row));
	row->dc_dcid = dcid;
	row->dc_flags = dc->running ? DC_RUNNING : DC_FREE;
	row->dc_nr_procs = dc->nr_procs;
	row->dc_nr_tasks = dc->nr_tasks;
	row->dc_nr_sysprocs = dc->nr_sysprocs;
	row->dc_nr_nodes = dc->nr_nodes;
	row->dc_nodes = dc->nodes;
	row->dc_warn2proc = dc->warn2proc;
	row->dc_warnmsg = dc->warnmsg;
	row->dc_pid = tasks->init[dcid] ? dc_init_pid(tasks->init[dcid]) : -1;
	memcpy(row->dc_name, dc->name, sizeof(row->dc_name));
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		CPU_SET(cpu, &row->dc_cpumask);
}

void rows_node(const struct order *order, const struct proxy *proxy, int nodeid, node_usr_t *row)
{
	const struct directory_node *entry = &order->directory.node[nodeid];
	struct proxy_link_stats stats = { 0 };

	memset(row, 0, sizeof(*row));
	row->n_nodeid = nodeid;
	row->n_proxies = NO_PROXIES;
	snprintf(row->n_name, sizeof(row->n_name), "NONAME");
	if (!entry->up)
		return;
	memcpy(row->n_name, entry->name, sizeof(row->n_name));
	for (int dcid = 0; dcid < SHM_DCS; dcid++)
		if (order->directory.dc[dcid].running &&
		    order->directory.dc[dcid].nodes >> nodeid & 1)
			row->n_dcs |= 1ul << dcid;
	row->n_flags = NODE_ATTACHED | NODE_SCONNECTED;
	if (nodeid == order->self)
		return;
	row->n_proxies = nodeid;
	proxy_link_stats(proxy, nodeid, &stats);
	row->n_flags = NODE_ATTACHED | (stats.up ? NODE_SCONNECTED | NODE_RCONNECTED : 0);
	row->n_pxsent = stats.frames_sent;
	row->n_pxrcvd = stats.frames_received;
	row->n_stimestamp = os_timespec((int64_t)stats.sent_ns);
	row->n_rtimestamp = os_timespec((int64_t)stats.received_ns);
}

void rows_dvs(const struct life *life, dvs_usr_t *row)
{
	*row = (dvs_usr_t){
		.d_nr_dcs = NR_DCS,
		.d_nr_nodes = NR_NODES,
		.d_nr_procs = NR_PROCS,
		.d_nr_tasks = NR_TASKS,
		.d_nr_sysprocs = NR_SYS_PROCS,
		.d_max_copybuf = MAXCOPYBUF,
		.d_max_copylen = MAXCOPYLEN,
		.d_version = DVS_VERSION,
		.d_flags = DVK_INITIALIZED,
		.d_dbglvl = life->debug_level,
		.d_size_proc = sizeof(proc_usr_t),
	};
	memcpy(row->d_name, life->dvs_name, sizeof(row->d_name));
}
