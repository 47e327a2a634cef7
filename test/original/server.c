/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server that binds itself again wherever it finds itself, as those restored from a checkpoint did: on
 * a new node its slot is in use by a remote endpoint, so it starts a migration and commits itself.
 *
 * Usage: server DCID EP CALLS
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

int dcid, svr_ep, svr_pid;
static message m, *m_ptr = &m;

static int svr_bind(void)
{
	dvs_usr_t dvs;
	proc_usr_t proc;
	int ret;

	ret = dvk_open();
	if (ret < 0)
		ERROR_EXIT(ret);
	local_nodeid = dvk_getdvsinfo(&dvs);
	if (local_nodeid < 0)
		ERROR_EXIT(local_nodeid);
	ret = dvk_lclbind(dcid, svr_pid, svr_ep);
	if (ret == EDVSSLOTUSED) {
		MUST(dvk_getprocinfo(dcid, _ENDPOINT_P(svr_ep), &proc), OK);
		printf(PROC_USR_FORMAT, PROC_USR_FIELDS(&proc));
		if (!TEST_BIT(proc.p_rts_flags, BIT_REMOTE))
			ERROR_EXIT(ret);
		ret = dvk_migr_start(dcid, proc.p_endpoint);
		if (ret)
			ERROR_EXIT(ret);
		ret = dvk_migr_commit(PROC_NO_PID, dcid, proc.p_endpoint, local_nodeid);
		if (ret)
			ERROR_EXIT(ret);
		ret = dvk_getep(svr_pid);
	}
	if (ret < EDVSERRCODE)
		ERROR_EXIT(ret);
	printf("node %d serves endpoint %d\n", local_nodeid, ret);
	fflush(stdout);
	return ret;
}

int main(int argc, char *argv[])
{
	int ret, calls;

	if (argc != 4)
		ERROR_EXIT(EDVSINVAL);
	dcid = strtol(argv[1], NULL, 10);
	svr_ep = strtol(argv[2], NULL, 10);
	calls = strtol(argv[3], NULL, 10);
	svr_pid = getpid();
	svr_ep = svr_bind();
	while (calls > 0) {
		ret = dvk_receive_T(ANY, (long)m_ptr, TIMEOUT_MOLCALL);
		if (ret == EDVSNOTBIND) {
			svr_ep = svr_bind();
			continue;
		}
		if (ret == EDVSTIMEDOUT || ret == EDVSAGAIN || ret == EDVSINTR)
			continue;
		if (ret < 0)
			ERROR_EXIT(ret);
		m_ptr->m_type = OK;
		m_ptr->m1_i2 = local_nodeid;
		ret = dvk_send(m_ptr->m_source, (long)m_ptr);
		if (ret < 0)
			ERROR_EXIT(ret);
		calls--;
	}
	return 0;
}
