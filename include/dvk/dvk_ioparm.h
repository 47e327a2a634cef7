/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVK_DVK_IOPARM_H
#define DVK_DVK_IOPARM_H
/*
 * Argument blocks of the kernel module's device. Programs written for it include this header and
 * use nothing of it but, at times, the print format: here calls do not go through a device.
 */
#include "../dvk.h"

typedef struct parm_rcvrqst_s {
	message *parm_mptr;
	unsigned long parm_tout;
} parm_rcvrqst_t;
typedef struct parm_getdcinfo_s {
	int parm_dcid;
	dc_usr_t *parm_dc;
} parm_getdcinfo_t;
typedef struct parm_getnodeinfo_s {
	int parm_nodeid;
	node_usr_t *parm_node;
} parm_getnodeinfo_t;
typedef struct parm_relay_s {
	int parm_ep;
	message *parm_mptr;
} parm_relay_t;
typedef struct parm_wakeup_s {
	int parm_dcid;
	int parm_ep;
} parm_wakeup_t;
typedef struct parm_put2lcl_s {
	cmd_t *parm_cmd;
	proxy_payload_t *parm_pay;
} parm_put2lcl_t;
typedef struct parm_dcnode_s {
	int parm_dcid;
	int parm_nodeid;
} parm_dcnode_t;
typedef struct parm_dvsinit_s {
	int parm_nodeid;
	dvs_usr_t *parm_dvs;
} parm_dvsinit_t;
typedef struct parm_pxconn_s {
	int parm_pxid;
	int parm_sts;
} parm_pxconn_t;
typedef struct parm_wait4bind_s {
	int parm_cmd;
	int parm_ep;
	unsigned long parm_tout;
} parm_wait4bind_t;
typedef struct parm_unbind_s {
	int parm_dcid;
	int parm_ep;
	unsigned long parm_tout;
} parm_unbind_t;
typedef struct parm_ipc_s {
	int parm_ep;
	message *parm_mptr;
	unsigned long parm_tout;
} parm_ipc_t;
typedef struct parm_notify_s {
	int parm_nr;
	int parm_ep;
	int parm_val;
} parm_notify_t;
typedef struct parm_priv_s {
	int parm_dcid;
	int parm_ep;
	priv_usr_t *parm_priv;
} parm_priv_t;
typedef struct parm_get2rmt_s {
	cmd_t *parm_cmd;
	proxy_payload_t *parm_pay;
	unsigned long parm_tout;
} parm_get2rmt_t;
typedef struct parm_nodeup_s {
	char *parm_name;
	int parm_nodeid;
	int parm_pxid;
} parm_nodeup_t;
typedef struct parm_proxyinfo_s {
	int parm_pxid;
	proc_usr_t *parm_spx;
	proc_usr_t *parm_rpx;
} parm_proxyinfo_t;
typedef struct parm_bind_s {
	int parm_cmd;
	int parm_dcid;
	int parm_pid;
	int parm_ep;
	int parm_nodeid;
} parm_bind_t;
typedef struct parm_pxbind_s {
	char *parm_name;
	int parm_pxid;
	int parm_spid;
	int parm_rpid;
	int parm_maxbuf;
} parm_pxbind_t;
typedef struct parm_procinfo_s {
	int parm_dcid;
	int parm_nr;
	proc_usr_t *parm_proc;
} parm_procinfo_t;

#define PARM_BIND_FORMAT "parm_cmd=%d parm_dcid=%d parm_pid=%d parm_ep=%d parm_nodeid=%d\n"
#define PARM_BIND_FIELDS(p) \
	(p)->parm_cmd, (p)->parm_dcid, (p)->parm_pid, (p)->parm_ep, (p)->parm_nodeid

#endif
