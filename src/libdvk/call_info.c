/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The calls that only pass a question or an order to the daemon: rows of the tables, DCs, privileges,
 * migration by hand, and proxies of one's own.
 */

#include <string.h>

#include "dvk.h"
#include "libdvk/binding.h"
#include "libdvk/control.h"

/* Asks for one row; the caller's buffer is only written when there is one. */
static int row_ask(struct control *control, void *row, size_t bytes)
{
	DVK_ASSERT(bytes && !control->answer);
	if (!row)
		return EDVSFAULT;
	control->answer = row;
	control->answer_bytes = bytes;
	return control_call(control);
}

/* No daemon, no DVS: this is said before anything else. */
static int running(void)
{
	dvs_usr_t dvs;

	return dvk_getdvsinfo(&dvs) == DVS_NO_INIT ? EDVSDVSINIT : 0;
}

/* dcid -1 means the caller's. */
static int caller_dcid(int *dcid)
{
	struct binding *binding;
	int r = *dcid == -1 ? binding_current(&binding) : 0;

	if (!r && *dcid == -1)
		*dcid = binding->dcid;
	return r;
}

/* ---- the system ---- */

static const dvs_usr_t defaults = {
	.d_name = "DVS_IPC",
	.d_nr_dcs = NR_DCS,
	.d_nr_nodes = NR_NODES,
	.d_nr_procs = NR_PROCS,
	.d_nr_tasks = NR_TASKS,
	.d_nr_sysprocs = NR_SYS_PROCS,
	.d_max_copybuf = MAXCOPYBUF,
	.d_max_copylen = MAXCOPYLEN,
	.d_version = DVS_VERSION,
	.d_flags = DVK_IPC,
	.d_size_proc = 256,
};

long dvk_getdvsinfo(dvs_usr_t *dvsu)
{
	struct control control = control_request(CTL_DVSINFO);
	int r = row_ask(&control, dvsu, sizeof(*dvsu));

	if (r == EDVSDVSINIT) {
		*dvsu = defaults;
		return DVS_NO_INIT;
	}
	return r ? r : (long)control.value;
}

static int geometry_check(const dvs_usr_t *u)
{
	if (u->d_nr_dcs < 1 || u->d_nr_dcs > NR_DCS || u->d_nr_nodes < 1 ||
	    u->d_nr_nodes > NR_NODES || u->d_nr_procs < 1 || u->d_nr_procs > NR_PROCS ||
	    u->d_nr_tasks < 1 || u->d_nr_tasks > NR_TASKS || u->d_nr_sysprocs < 1 ||
	    u->d_nr_sysprocs > NR_SYS_PROCS || u->d_nr_sysprocs >= u->d_nr_procs + u->d_nr_tasks ||
	    u->d_nr_sysprocs <= u->d_nr_tasks)
		return EDVSBADRANGE;
	if (u->d_max_copybuf > MAXCOPYBUF || u->d_max_copylen > MAXCOPYLEN ||
	    u->d_max_copylen < u->d_max_copybuf)
		return EDVSBADVALUE;
	return 0;
}

/* The daemon keeps the name and the debug mask. The maxima are those of this release. */
static int dvs_tell(dvs_usr_t *dvsu)
{
	struct control control = control_request(CTL_DVSINFO);
	dvs_usr_t now;

	control.request.cmd = 1;
	control.request.payload_bytes = sizeof(*dvsu);
	control.payload = dvsu;
	return row_ask(&control, &now, sizeof(now));
}

/* The daemon is the DVS of its node: it runs under one number, or nothing runs at all. */
long dvk_dvs_init(int nodeid, dvs_usr_t *dvsu)
{
	dvs_usr_t now;
	int r;
	long here = dvk_getdvsinfo(&now);

	if (here != DVS_NO_INIT && here != nodeid)
		return here < 0 ? here : EDVSDVSBUSY;
	if (nodeid < 0 || nodeid >= NR_NODES)
		return EDVSBADNODEID;
	if (dvsu && geometry_check(dvsu))
		return geometry_check(dvsu);
	if (here == DVS_NO_INIT)
		return EDVSDVSINIT;
	r = dvsu ? dvs_tell(dvsu) : 0;
	return r ? r : here;
}

/* A node's daemon is ended by the operator that started it, not by a program that talks through it. */
long dvk_dvs_end(void)
{
	return running() ? EDVSDVSINIT : EDVSNOSYS;
}

/* ---- containers ---- */

long dvk_dc_init(dc_usr_t *dcu)
{
	struct control control = control_request(CTL_DCINIT);
	int r;

	if (!dcu)
		return EDVSFAULT;
	control.request.dcid = dcu->dc_dcid;
	control.request.payload_bytes = sizeof(*dcu);
	control.payload = dcu;
	r = control_call(&control);
	if (r == EDVSBADDCID)
		return EDVSBADRANGE; /* one number among others here */
	return r ? r : (long)control.value;
}

static long dc_order(enum ctl_call call, int dcid, int nodeid)
{
	struct control control = control_request(call);

	DVK_ASSERT(call == CTL_DCEND || call == CTL_ADDNODE || call == CTL_DELNODE);
	control.request.dcid = dcid;
	control.request.nodeid = nodeid;
	return control_call(&control);
}

long dvk_dc_end(int dcid)
{
	return dc_order(CTL_DCEND, dcid, LOCALNODE);
}

long dvk_add_node(int dcid, int nodeid)
{
	return dc_order(CTL_ADDNODE, dcid, nodeid);
}

long dvk_del_node(int dcid, int nodeid)
{
	return dc_order(CTL_DELNODE, dcid, nodeid);
}

/* ---- rows ---- */

long dvk_getdcinfo(int dcid, dc_usr_t *dcu)
{
	struct control control = control_request(CTL_DCINFO);
	int r;

	r = caller_dcid(&dcid);
	if (r)
		return r == EDVSDVSINIT ? r : EDVSBADDCID;
	control.request.dcid = dcid;
	return row_ask(&control, dcu, sizeof(*dcu));
}

long dvk_getnodeinfo(int nodeid, node_usr_t *node)
{
	struct control control = control_request(CTL_NODEINFO);

	control.request.nodeid = nodeid;
	return row_ask(&control, node, sizeof(*node));
}

long dvk_getprocinfo(int dcid, int p_nr, proc_usr_t *proc)
{
	struct control control = control_request(CTL_PROCINFO);
	int r = caller_dcid(&dcid);

	if (r)
		return r;
	control.request.dcid = dcid;
	control.request.endpoint = p_nr;
	return row_ask(&control, proc, sizeof(*proc));
}

/* ---- privileges ---- */

static struct control priv_request(int dcid, int ep, int set)
{
	struct control control = control_request(CTL_PRIV);

	DVK_ASSERT(set == 0 || set == 1);
	control.request.cmd = set;
	control.request.dcid = dcid;
	control.request.endpoint = ep;
	return control;
}

long dvk_getpriv(int dcid, int ep, priv_usr_t *priv)
{
	struct control control = priv_request(dcid, ep, 0);

	return row_ask(&control, priv, sizeof(*priv));
}

long dvk_setpriv(int dcid, int ep, priv_usr_t *priv)
{
	struct control control = priv_request(dcid, ep, 1);

	if (!priv)
		return EDVSFAULT;
	control.payload = priv;
	control.request.payload_bytes = sizeof(*priv);
	return control_call(&control);
}

/* ---- migration by hand ---- */

long dvk_migrate_X(int cmd, int pid, int dcid, int ep, int nodeid)
{
	struct control control = control_request(CTL_MIGRATE);
	dvs_usr_t dvs;
	int r;

	control.request.cmd = cmd;
	control.request.pid = pid;
	control.request.dcid = dcid;
	control.request.endpoint = ep;
	control.request.nodeid = nodeid;
	r = control_call(&control);
	if (!r && cmd == MIGR_COMMIT && dvk_getdvsinfo(&dvs) == nodeid)
		local_nodeid = nodeid;
	return r;
}

/*
 * ---- proxies of one's own ----
 *
 * The daemons' links join the nodes; there are no pairs to make, connect or serve. The arguments are
 * checked as the contract says, and then the operation does not exist here: EDVSNOSYS. A pair is
 * never in use, so what looks for one does not find it: EDVSPROXYFREE.
 */

static int pair_check(int pxid)
{
	if (running())
		return EDVSDVSINIT;
	return pxid < 0 || pxid >= NR_NODES ? EDVSPROXYID : EDVSPROXYFREE;
}

long dvk_proxies_bind(char *name, int pxid, int spid, int rpid, int maxcopybuf)
{
	(void)name;
	if (running())
		return EDVSDVSINIT;
	if (pxid < 0 || pxid >= NR_NODES)
		return EDVSBADNODEID;
	if (spid <= 0 || rpid <= 0)
		return EDVSBADPID;
	return maxcopybuf > MAXCOPYBUF ? EDVS2BIG : EDVSNOSYS;
}

long dvk_proxies_unbind(int pxid)
{
	return pair_check(pxid);
}

long dvk_proxy_conn(int pxid, int status)
{
	(void)status;
	return pair_check(pxid);
}

long dvk_getproxyinfo(int pxid, proc_usr_t *sender, proc_usr_t *receiver)
{
	(void)sender;
	(void)receiver;
	return pair_check(pxid);
}

long dvk_node_up(char *name, int nodeid, int pxid)
{
	(void)name;
	if (running())
		return EDVSDVSINIT;
	if (nodeid < 0 || nodeid >= NR_NODES)
		return EDVSBADNODEID;
	return pair_check(pxid);
}

long dvk_node_down(int nodeid)
{
	if (running())
		return EDVSDVSINIT;
	return nodeid < 0 || nodeid >= NR_NODES ? EDVSBADNODEID : EDVSNOSYS;
}

/* Only a proxy may take commands out or put them in, and nobody can be one: see above. */
static long proxy_call(int call)
{
	struct binding *binding;
	int r = binding_enter(&binding, call);

	DVK_ASSERT(call == DVK_GET2RMT || call == DVK_PUT2LCL);
	return r ? r : binding_leave(binding, EDVSNOPROXY);
}

long dvk_get2rmt_T(cmd_t *hdr, proxy_payload_t *pay, long timeout)
{
	(void)hdr;
	(void)pay;
	(void)timeout;
	return proxy_call(DVK_GET2RMT);
}

long dvk_put2lcl(cmd_t *hdr, proxy_payload_t *pay)
{
	(void)hdr;
	(void)pay;
	return proxy_call(DVK_PUT2LCL);
}
