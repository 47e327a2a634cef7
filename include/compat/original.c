/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program as it was written for the original: its headers by their old names, relative to its own
 * folder, in the usual order, and every macro of the interface used once. It is compiled, in C and
 * C++, with warnings as errors; it is never linked or run.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define DVS_USERSPACE 1
#include <sched.h>
#define cpumask_t cpu_set_t

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/param.h>

#include "../../include/com/dvs_config.h"
#include "../../include/com/config.h"
#include "../../include/com/com.h"
#include "../../include/com/const.h"
#include "../../include/com/endpoint.h"
#include "../../include/com/cmd.h"
#include "../../include/com/priv_usr.h"
#include "../../include/com/dc_usr.h"
#include "../../include/com/node_usr.h"
#include "../../include/com/proc_sts.h"
#include "../../include/com/proc_usr.h"
#include "../../include/com/proxy_sts.h"
#include "../../include/com/proxy_usr.h"
#include "../../include/com/dvs_usr.h"
#include "../../include/com/dvk_calls.h"
#include "../../include/com/dvk_ioctl.h"
#include "../../include/com/dvs_errno.h"
#include "../../include/dvk/dvk_ioparm.h"
#include "../../include/com/stub_dvkcall.h"
#include "../../include/com/dvs_debug.h"
#include "../../include/com/ipc.h"
#include "../../include/com/kipc.h"
#include "../../include/com/priv.h"
#include "../../include/com/proc.h"
#include "../../include/com/proxy.h"
#include "../../include/com/timers.h"
#include "../../include/com/types.h"
#include "../../include/com/macros.h"
#include "../../include/com/macros.h"
#include "../../include/generic/tracker.h"
#include "../../include/generic/hello.h"
#include "../../include/generic/configfile.h"

int local_nodeid;
void print_all(message *m, cmd_t *c, dvs_usr_t *dvs, dc_usr_t *dc, node_usr_t *node);
void print_rows(proc_usr_t *proc, priv_usr_t *priv, proxies_usr_t *px, parm_bind_t *parm);
long call_messages(message *m);
long call_binds(char *name);
long call_tables(priv_usr_t *priv, cmd_t *c, proxy_payload_t *pay);
long touch_maps(priv_usr_t *priv);
long touch_config(config_t *cfg);

void print_all(message *m, cmd_t *c, dvs_usr_t *dvs, dc_usr_t *dc, node_usr_t *node)
{
	printf(MSG1_FORMAT, MSG1_FIELDS(m));
	printf(MSG2_FORMAT, MSG2_FIELDS(m));
	printf(MSG3_FORMAT, MSG3_FIELDS(m));
	printf(MSG4_FORMAT, MSG4_FIELDS(m));
	printf(MSG5_FORMAT, MSG5_FIELDS(m));
	printf(MSG6_FORMAT, MSG6_FIELDS(m));
	printf(MSG7_FORMAT, MSG7_FIELDS(m));
	printf(MSG8_FORMAT, MSG8_FIELDS(m));
	printf(MSG9_FORMAT, MSG9_FIELDS(m));
	printf(MSGA_FORMAT, MSGA_FIELDS(m));
	printf(MSGB_FORMAT, MSGB_FIELDS(m));
	printf(MSGC_FORMAT, MSGC_FIELDS(m));
	printf(CMD_FORMAT, CMD_FIELDS(c));
	printf(HDR_FORMAT, HDR_FIELDS(c));
	printf(CMD_XFORMAT, CMD_XFIELDS(c));
	printf(VCOPY_FORMAT, VCOPY_FIELDS(c));
	printf(TIME_FORMAT, TIME_FIELDS(&c->c_timestamp));
	printf(TRK_FORMAT, TRK_FIELDS(m));
	printf(DVS_USR_FORMAT, DVS_USR_FIELDS(dvs));
	printf(DVS_MAX_FORMAT, DVS_MAX_FIELDS(dvs));
	printf(DVS_VER_FORMAT, DVS_VER_FIELDS(dvs));
	printf(DC_USR1_FORMAT, DC_USR1_FIELDS(dc));
	printf(DC_USR2_FORMAT, DC_USR2_FIELDS(dc));
	printf(DC_CPU_FORMAT, DC_CPU_FIELDS(dc));
	printf(DC_WARN_FORMAT, DC_WARN_FIELDS(dc));
	printf(NODE_USR_FORMAT, NODE_USR_FIELDS(node));
	printf(NODE_TIME_FORMAT, NODE_TIME_FIELDS(node));
}

void print_rows(proc_usr_t *proc, priv_usr_t *priv, proxies_usr_t *px, parm_bind_t *parm)
{
	printf(PROC_USR_FORMAT, PROC_USR_FIELDS(proc));
	printf(PROC_WAIT_FORMAT, PROC_WAIT_FIELDS(proc));
	printf(PROC_COUNT_FORMAT, PROC_COUNT_FIELDS(proc));
	printf(PROC_CPU_FORMAT, PROC_CPU_FIELDS(proc));
	printf(PRIV_USR_FORMAT, PRIV_USR_FIELDS(priv));
	printf(PX_USR_FORMAT, PX_USR_FIELDS(px));
	printf(PARM_BIND_FORMAT, PARM_BIND_FIELDS(parm));
}

/* Both ways in which programs pass a message: as it is, and cast to long. */
long call_messages(message *m)
{
	long r = 0;

	r += dvk_send(1, m) + dvk_send(1, (long)m) + dvk_send_T(1, (long)m, TIMEOUT_MOLCALL);
	r += dvk_receive(ANY, m) + dvk_receive(ANY, (long)m) + dvk_receive_T(ANY, (long)m, 0);
	r += dvk_sendrec(1, m) + dvk_sendrec(1, (long)m) + dvk_sendrec_T(1, (long)m, TIMEOUT_MS);
	r += dvk_reply(1, m) + dvk_reply(1, (long)m) + dvk_reply_T(1, (long)m, -1);
	r += dvk_rcvrqst(m) + dvk_rcvrqst((long)m) + dvk_rcvrqst_T((long)m, TIMEOUT_NOWAIT);
	r += dvk_send_T(1, m, 1) + dvk_receive_T(1, m, 1) + dvk_sendrec_T(1, m, 1);
	r += dvk_relay(1, m) + dvk_relay(1, (long)m);
	r += dvk_notify(1) + dvk_src_notify(SELF, 1) + dvk_ntfy_value(SELF, 1, 5);
	r += dvk_hdw_notify(0, 1) + dvk_wakeup(0, 1);
	r += dvk_vcopy(SELF, m->m1_p1, 1, m->m1_p2, m->m1_i1);
	return r;
}

long call_binds(char *name)
{
	long r = 0;

	r += dvk_open() + dvk_bind(0, 10) + dvk_tbind(0, 11) + dvk_lclbind(0, getpid(), 12);
	r += dvk_rmtbind(0, name, 13, 1) + dvk_rmtbind(0, "rclient", 13, 1);
	r += dvk_rmtbind(0, (long)name, 13, 1) + dvk_bkupbind(0, getpid(), 14, 1);
	r += dvk_replbind(0, getpid(), 15) + dvk_umbind(0, getpid(), 16);
	r += dvk_bind_X(LCL_BIND, 0, PROC_NO_PID, SYSTASK(3), LOCALNODE);
	r += dvk_unbind(0, 10) + dvk_unbind_T(0, 10, 1000);
	r += dvk_wait4bind() + dvk_wait4bind_T(2000) + dvk_wait4bindep(10);
	r += dvk_wait4bindep_T(10, 5) + dvk_wait4unbind(10) + dvk_wait4unbind_T(10, 5);
	r += dvk_getep(getpid());
	r += dvk_migr_start(0, 10) + dvk_migr_rollback(0, 10) + dvk_migr_commit(-1, 0, 10, 1);
	return r;
}

long call_tables(priv_usr_t *priv, cmd_t *c, proxy_payload_t *pay)
{
	static dvs_usr_t dvs;
	static dc_usr_t dc;
	static node_usr_t node;
	static proc_usr_t proc, other;
	static char name[MAXPROXYNAME];
	long r = 0;

	CPU_ZERO(&dc.dc_cpumask);
	r += dvk_dvs_init(0, &dvs) + dvk_getdvsinfo(&dvs) + dvk_dvs_end();
	r += dvk_dc_init(&dc) + dvk_dc_end(0) + dvk_getdcinfo(0, &dc);
	r += dvk_add_node(0, 1) + dvk_del_node(0, 1) + dvk_delnode(0, 1);
	r += dvk_proxies_bind(name, 0, 1, 2, MAXCOPYBUF) + dvk_proxies_unbind(0);
	r += dvk_proxy_conn(0, CONNECT_SPROXY) + dvk_node_up(name, 1, 0) + dvk_node_down(1);
	r += dvk_getnodeinfo(1, &node) + dvk_getproxyinfo(0, &proc, &other);
	r += dvk_get2rmt(c, pay) + dvk_get2rmt_T(c, pay, HELLO_PERIOD) + dvk_put2lcl(c, pay);
	r += dvk_getprocinfo(0, 10, &proc) + dvk_getpriv(0, 10, priv) + dvk_setpriv(0, 10, priv);
	if (r < EDVSERRCODE)
		r = EDVSNOTBIND;
	print_all(&c->c_msg, c, &dvs, &dc, &node);
	return r + dvk_fd + local_nodeid;
}

long touch_maps(priv_usr_t *priv)
{
	unsigned long nodes = 0;
	int lesser = MIN(NR_NODES, NR_TASKS);
	int more = MAX(NR_NODES, NR_TASKS);

	SET_BIT(nodes, 3);
	CLR_BIT(nodes, 4);
	CLR_SYS_MAP(priv->priv_ipc_to);
	SET_SYS_MAP(priv->priv_ipc_to);
	CLR_DVK_MAP(priv->priv_dvk_allowed);
	SET_DVK_MAP(priv->priv_dvk_allowed);
	set_sys_bit(priv->priv_ipc_to, 3);
	unset_sys_bit(priv->priv_ipc_to, 3);
	set_dvk_bit(priv->priv_dvk_allowed, DVK_SENDREC);
	if (get_sys_bit(priv->priv_ipc_to, 3) || !get_dvk_bit(priv->priv_dvk_allowed, DVK_SENDREC))
		return 0;
	return (long)TEST_BIT(nodes, 3) + lesser + more + _ENDPOINT(1, _ENDPOINT_P(10)) +
	       _ENDPOINT_G(10) + TRACKER_EP(2) + NOTIFY_FROM(3) + (long)MAXBUFSIZE + PID_MAX;
}

long touch_config(config_t *cfg)
{
	if (config_issub(cfg) && !config_isatom(cfg) && !config_isstring(cfg))
		return (long)config_length(cfg->list);
	return MT_LOAD_LEVEL | MT_ACKNOWLEDGE | LVL_BUSY;
}
