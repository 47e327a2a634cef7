/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every message call by its short name, between a parent and the child that it forks and binds.
 *
 * Usage: talk DCID
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

#define PARENT_EP 10
#define CHILD_EP  11
#define BLOCK	  3000

static message m, *m_ptr = &m;
static char block[BLOCK];
int dcid, parent_ep, child_ep;

/* The child waits to be bound, then does the other half of each exchange of the parent. */
static void child(void)
{
	int ret;

	MUST(dvk_wait4bind_T(20000), child_ep);
	MUST(dvk_getep(getpid()), child_ep);
	MUST(dvk_wait4bindep(parent_ep), parent_ep);
	MUST(dvk_wait4bindep_T(parent_ep, 1000), parent_ep);

	MUST(dvk_receive(ANY, (long)m_ptr), OK);
	printf(MSG1_FORMAT, MSG1_FIELDS(m_ptr));
	MUST(m_ptr->m_type, 1);
	MUST(dvk_receive_T(parent_ep, (long)m_ptr, TIMEOUT_MOLCALL), OK);
	MUST(m_ptr->m_type, 2);

	MUST(dvk_receive(parent_ep, (long)m_ptr), OK);
	MUST(m_ptr->m_type, 3);
	ret = dvk_vcopy(parent_ep, m_ptr->m1_p1, SELF, block, m_ptr->m1_i1);
	if (ret < 0)
		ERROR_EXIT(ret);
	for (int i = 0; i < BLOCK; i++)
		if (block[i] != (char)i)
			ERROR_EXIT(i);
	memset(block, 'A', sizeof(block));
	ret = dvk_vcopy(child_ep, block, parent_ep, m_ptr->m1_p1, m_ptr->m1_i1);
	if (ret != 0)
		ERROR_EXIT(ret);
	m_ptr->m_type = OK;
	MUST(dvk_send(parent_ep, (long)m_ptr), OK);

	MUST(dvk_rcvrqst((long)m_ptr), OK);
	MUST(m_ptr->m_type, 4);
	MUST(m_ptr->m_source, parent_ep);
	m_ptr->m_type = 40;
	MUST(dvk_reply(parent_ep, (long)m_ptr), OK);
	MUST(dvk_rcvrqst_T((long)m_ptr, 5000), OK);
	MUST(dvk_reply_T(parent_ep, (long)m_ptr, 5000), OK);

	/* A notification, then one with values of the system, then one in another's name. */
	MUST(dvk_receive(ANY, (long)m_ptr), OK);
	MUST(m_ptr->m_type, NOTIFY_FROM(PARENT_EP));
	printf(MSG9_FORMAT, MSG9_FIELDS(m_ptr));
	MUST(dvk_sendrec(parent_ep, (long)m_ptr), OK);
	MUST(dvk_receive_T(parent_ep, (long)m_ptr, 5000), OK);
	MUST(m_ptr->m_type, NOTIFY_FROM(SYSTEM));
	MUST(m_ptr->NOTIFY_ARG, 1 << 5);
	MUST(dvk_sendrec(parent_ep, (long)m_ptr), OK);
	MUST(dvk_receive(ANY, (long)m_ptr), OK);
	MUST(m_ptr->m_source, HARDWARE);

	MUST(dvk_receive_T(ANY, (long)m_ptr, TIMEOUT_NOWAIT), EDVSAGAIN);
	MUST(dvk_receive_T(ANY, (long)m_ptr, 50), EDVSTIMEDOUT);
	MUST(dvk_receive(ANY, (long)m_ptr), EDVSWOKENUP);
	MUST(dvk_unbind(dcid, child_ep), OK);
	exit(0);
}

/* Answers the child's sendrec, which says that it has had the last notification. */
static void answer(void)
{
	MUST(dvk_receive(child_ep, (long)m_ptr), OK);
	MUST(dvk_reply(child_ep, (long)m_ptr), OK);
}

static void parent(pid_t pid)
{
	int ret, status;
	proc_usr_t proc;

	ret = dvk_lclbind(dcid, pid, child_ep);
	if (ret < EDVSERRCODE)
		ERROR_EXIT(ret);
	MUST(ret, child_ep);

	m_ptr->m_type = 1;
	MUST(dvk_send(child_ep, (long)m_ptr), OK);
	MUST(m_ptr->m_source, parent_ep);
	m_ptr->m_type = 2;
	MUST(dvk_send_T(child_ep, (long)m_ptr, TIMEOUT_MOLCALL), OK);

	for (int i = 0; i < BLOCK; i++)
		block[i] = (char)i;
	m_ptr->m_type = 3;
	m_ptr->m1_p1 = block;
	m_ptr->m1_i1 = BLOCK;
	MUST(dvk_sendrec(child_ep, (long)m_ptr), OK);
	for (int i = 0; i < BLOCK; i++)
		if (block[i] != 'A')
			ERROR_EXIT(i);

	m_ptr->m_type = 4;
	MUST(dvk_sendrec(child_ep, (long)m_ptr), OK);
	MUST(m_ptr->m_type, 40);
	MUST(dvk_sendrec_T(child_ep, (long)m_ptr, 5000), OK);

	MUST(dvk_notify(child_ep), OK);
	answer();
	MUST(dvk_ntfy_value(SYSTEM, child_ep, 5), OK);
	answer();
	MUST(dvk_hdw_notify(dcid, child_ep), OK);

	do {
		usleep(1000);
		ret = dvk_getprocinfo(dcid, _ENDPOINT_P(child_ep), &proc);
		if (ret < 0)
			ERROR_EXIT(ret);
	} while (proc.p_rts_flags != RECEIVING);
	usleep(200000);
	printf(PROC_USR_FORMAT, PROC_USR_FIELDS(&proc));
	printf(PROC_WAIT_FORMAT, PROC_WAIT_FIELDS(&proc));
	MUST(dvk_wakeup(dcid, child_ep), OK);
	MUST(dvk_wait4unbind_T(child_ep, 5000), OK);
	MUST(dvk_wait4unbind(child_ep), OK);
	MUST(waitpid(pid, &status, 0), pid);
	MUST(status, 0);
	MUST(dvk_relay(child_ep, (long)m_ptr), OK);
	MUST(dvk_unbind_T(dcid, parent_ep, 1000), OK);
}

int main(int argc, char *argv[])
{
	dvs_usr_t dvs, *d_ptr = &dvs;
	dc_usr_t dcu, *dc_ptr = &dcu;
	proc_usr_t proc;
	int ret;
	pid_t pid;

	if (argc != 2) {
		fprintf(stderr, "Usage: %s <dcid>\n", argv[0]);
		exit(EXIT_FAILURE);
	}
	dcid = strtol(argv[1], NULL, 10);
	parent_ep = PARENT_EP;
	child_ep = CHILD_EP;
	ret = dvk_open();
	if (ret < 0)
		ERROR_EXIT(ret);
	local_nodeid = dvk_getdvsinfo(d_ptr);
	if (local_nodeid < DVS_NO_INIT)
		ERROR_EXIT(local_nodeid);
	printf(DVS_USR_FORMAT, DVS_USR_FIELDS(d_ptr));
	ret = dvk_getdcinfo(dcid, dc_ptr);
	if (ret < 0)
		ERROR_EXIT(ret);
	printf(DC_USR1_FORMAT, DC_USR1_FIELDS(dc_ptr));
	ret = dvk_bind(dcid, parent_ep);
	if (ret < EDVSERRCODE)
		ERROR_EXIT(ret);
	parent_ep = ret;
	/* A slot that was bound before has another number the next time. */
	MUST(dvk_getprocinfo(dcid, CHILD_EP, &proc), OK);
	child_ep = proc.p_endpoint;
	pid = fork();
	if (pid == 0)
		child();
	parent(pid);
	return 0;
}
