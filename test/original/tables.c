/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A DC of its own, its tables and its privileges, with the macros that print them and work on the maps.
 *
 * Usage: tables DCID
 */
#define _GNU_SOURCE
#define DVS_USERSPACE 1
#include <sched.h>
#define cpumask_t cpu_set_t
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../include/com/dvs_config.h"
#include "../../include/com/config.h"
#include "../../include/com/com.h"
#include "../../include/com/const.h"
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

/* As in those programs: the status is the low byte of the error, and the line says where. */
#define ERROR_EXIT(rcode)                                                                \
	do {                                                                             \
		fprintf(stderr, "%s:%d: rcode=%d\\n", __FILE__, __LINE__, (int)(rcode)); \
		exit(1);                                                                 \
	} while (0)
#define MUST(call, want)                 \
	do {                             \
		long got = (call);       \
                                         \
		if (got != (long)(want)) \
			ERROR_EXIT(got); \
	} while (0)

int local_nodeid;

#include "../../include/com/macros.h"

#define SERVER_EP 5
#define CLIENT_NR 100

static void privileges(int dcid, int ep)
{
	priv_usr_t priv, *pr_ptr = &priv;

	MUST(dvk_getpriv(dcid, ep, pr_ptr), OK);
	printf(PRIV_USR_FORMAT, PRIV_USR_FIELDS(pr_ptr));
	MUST(get_sys_bit(pr_ptr->priv_ipc_to, 3) != 0, 1);
	MUST(dvk_setpriv(dcid, ep, pr_ptr), OK);
	pr_ptr->priv_warn = SYSTEM;
	pr_ptr->priv_level = SERVER_PRIV;
	unset_sys_bit(pr_ptr->priv_ipc_to, 3);
	CLR_DVK_MAP(pr_ptr->priv_dvk_allowed);
	set_sys_bit(pr_ptr->priv_dvk_allowed, DVK_SENDREC);
	MUST(dvk_setpriv(dcid, ep, pr_ptr), OK);
	memset(pr_ptr, 0, sizeof(*pr_ptr));
	MUST(dvk_getpriv(dcid, ep, pr_ptr), OK);
	MUST(pr_ptr->priv_level, SERVER_PRIV);
	MUST(get_sys_bit(pr_ptr->priv_ipc_to, 3), 0);
	MUST(get_sys_bit(pr_ptr->priv_dvk_allowed, DVK_SENDREC) != 0, 1);
	MUST(dvk_receive_T(ANY, (long)&(message){ 0 }, TIMEOUT_NOWAIT), EDVSBADCALL);
}

int main(int argc, char *argv[])
{
	dc_usr_t dcu, *dc_ptr = &dcu;
	dvs_usr_t dvs, *d_ptr = &dvs;
	node_usr_t node, *n_ptr = &node;
	proc_usr_t proc, *p_ptr = &proc;
	int dcid, ret, ep;

	if (argc != 2)
		ERROR_EXIT(EDVSINVAL);
	dcid = strtol(argv[1], NULL, 10);
	if (dvk_open() < 0)
		ERROR_EXIT(EDVSDVSINIT);
	local_nodeid = dvk_getdvsinfo(d_ptr);
	if (local_nodeid < 0)
		ERROR_EXIT(local_nodeid);
	MUST(dvk_dvs_init(local_nodeid, d_ptr), local_nodeid);
	printf(DVS_USR_FORMAT, DVS_USR_FIELDS(d_ptr));
	printf(DVS_MAX_FORMAT, DVS_MAX_FIELDS(d_ptr));
	printf(DVS_VER_FORMAT, DVS_VER_FIELDS(d_ptr));

	memset(dc_ptr, 0, sizeof(*dc_ptr));
	dc_ptr->dc_dcid = dcid;
	dc_ptr->dc_nr_procs = NR_PROCS;
	dc_ptr->dc_nr_tasks = NR_TASKS - 1;
	dc_ptr->dc_nr_sysprocs = NR_SYS_PROCS;
	dc_ptr->dc_nr_nodes = NR_NODES;
	dc_ptr->dc_warn2proc = NONE;
	dc_ptr->dc_warnmsg = KERNEL;
	snprintf(dc_ptr->dc_name, sizeof(dc_ptr->dc_name), "ORIGINAL%d", dcid);
	MUST(dvk_dc_init(dc_ptr), local_nodeid);
	memset(dc_ptr, 0, sizeof(*dc_ptr));
	MUST(dvk_getdcinfo(dcid, dc_ptr), OK);
	printf(DC_USR1_FORMAT, DC_USR1_FIELDS(dc_ptr));
	printf(DC_USR2_FORMAT, DC_USR2_FIELDS(dc_ptr));
	printf(DC_WARN_FORMAT, DC_WARN_FIELDS(dc_ptr));
	MUST(dc_ptr->dc_nr_tasks, NR_TASKS - 1);
	MUST(TEST_BIT(dc_ptr->dc_nodes, local_nodeid), 1 << local_nodeid);

	MUST(dvk_getnodeinfo(local_nodeid, n_ptr), OK);
	printf(NODE_USR_FORMAT, NODE_USR_FIELDS(n_ptr));
	printf(NODE_TIME_FORMAT, NODE_TIME_FIELDS(n_ptr));
	MUST(n_ptr->n_flags, NODE_ATTACHED | NODE_SCONNECTED);
	/* Each node of old was told of its peers by hand: to say it again is no error. */
	MUST(dvk_add_node(dcid, local_nodeid), OK);

	ep = dvk_replbind(dcid, getpid(), SERVER_EP);
	if (ep < EDVSERRCODE)
		ERROR_EXIT(ep);
	MUST(dvk_getprocinfo(dcid, SERVER_EP, p_ptr), OK);
	printf(PROC_USR_FORMAT, PROC_USR_FIELDS(p_ptr));
	printf(PROC_WAIT_FORMAT, PROC_WAIT_FIELDS(p_ptr));
	MUST(p_ptr->p_misc_flags, MIS_GRPLEADER | MIS_REPLICATED);
	MUST(p_ptr->p_getfrom, NONE);
	MUST(dvk_getprocinfo(dcid, CLIENT_NR, p_ptr), OK);
	MUST(p_ptr->p_rts_flags, SLOT_FREE);

	privileges(dcid, ep);
	MUST(dvk_unbind(dcid, ep), OK);
	ret = dvk_dc_end(dcid);
	if (ret)
		ERROR_EXIT(ret);
	MUST(dvk_getdcinfo(dcid, dc_ptr), OK);
	MUST(dc_ptr->dc_flags, DC_FREE);
	return 0;
}
