/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client of server.c: counts the nodes that answered it. One call may stay without an answer.
 *
 * Usage: client DCID EP SERVER_EP CALLS
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

int main(int argc, char *argv[])
{
	message m, *m_ptr = &m;
	int dcid, ep, svr_ep, calls, last = -1, unanswered = 0, ret;

	if (argc != 5)
		ERROR_EXIT(EDVSINVAL);
	dcid = strtol(argv[1], NULL, 10);
	svr_ep = strtol(argv[3], NULL, 10);
	calls = strtol(argv[4], NULL, 10);
	if (dvk_open() < 0)
		ERROR_EXIT(EDVSDVSINIT);
	ep = dvk_bind(dcid, strtol(argv[2], NULL, 10));
	if (ep < EDVSERRCODE)
		ERROR_EXIT(ep);
	/* News of an endpoint elsewhere that a node of old had to be told. */
	ret = dvk_rmtbind(dcid, "server", svr_ep, (dvk_getdvsinfo(&(dvs_usr_t){ 0 }) + 1) % 2);
	if (ret < EDVSERRCODE && ret != EDVSSLOTUSED)
		ERROR_EXIT(ret);
	ret = dvk_wait4bindep_T(svr_ep, 5000);
	if (ret < EDVSERRCODE)
		ERROR_EXIT(ret);
	svr_ep = ret;
	for (int i = 0; i < calls; i++) {
		m_ptr->m_type = 1;
		m_ptr->m1_i1 = i;
		ret = dvk_sendrec_T(svr_ep, (long)m_ptr, 3000);
		/* Nobody answers the requests that the old process had taken when the new one started. */
		if (ret == EDVSTIMEDOUT && !unanswered++) {
			i--;
			continue;
		}
		if (ret < 0)
			ERROR_EXIT(ret);
		MUST(m_ptr->m_type, OK);
		MUST(m_ptr->m1_i1, i);
		if (m_ptr->m1_i2 != last)
			printf("answered by node %d\n", last = m_ptr->m1_i2);
		fflush(stdout);
		usleep(2000);
	}
	return 0;
}
