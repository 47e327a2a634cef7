/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads with endpoints of their own, and a thread that borrows that of its process.
 *
 * Usage: threads DCID
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

#define MAIN_EP	  12
#define THREAD_EP 13
#define LOOPS	  200

int dcid, main_ep, thread_ep;
static volatile int bound;

static void *server(void *arg)
{
	message m;
	int ret;

	ret = dvk_tbind(dcid, THREAD_EP);
	if (ret < EDVSERRCODE)
		ERROR_EXIT(ret);
	MUST(dvk_getep(syscall(SYS_gettid)), ret);
	thread_ep = ret;
	bound = 1;
	for (int i = 0; i < LOOPS; i++) {
		MUST(dvk_receive(ANY, (long)&m), OK);
		MUST(m.m_source, main_ep);
		MUST(m.m1_i1, i);
		m.m1_i1++;
		MUST(i % 2 ? dvk_send(main_ep, (long)&m) : dvk_reply(main_ep, (long)&m), OK);
	}
	MUST(dvk_unbind(dcid, thread_ep), OK);
	return arg;
}

static void *borrower(void *arg)
{
	/* Unbound, it acts as its main thread: what it may not send to is the endpoint of that. */
	MUST(dvk_send_T(main_ep, (long)arg, TIMEOUT_NOWAIT), EDVSBADDEST);
	MUST(dvk_wait4bind(), main_ep);
	return arg;
}

int main(int argc, char *argv[])
{
	pthread_t thread;
	message m;
	proc_usr_t proc;

	if (argc != 2)
		ERROR_EXIT(EDVSINVAL);
	dcid = strtol(argv[1], NULL, 10);
	if (dvk_open() < 0)
		ERROR_EXIT(EDVSDVSINIT);
	main_ep = dvk_umbind(dcid, PROC_NO_PID, MAIN_EP);
	if (main_ep < EDVSERRCODE)
		ERROR_EXIT(main_ep);
	MUST(pthread_create(&thread, NULL, borrower, &m), 0);
	MUST(pthread_join(thread, NULL), 0);
	MUST(pthread_create(&thread, NULL, server, NULL), 0);
	while (!bound)
		usleep(1000);
	for (int i = 0; i < LOOPS; i++) {
		m.m_type = 1;
		m.m1_i1 = i;
		MUST(dvk_sendrec(thread_ep, (long)&m), OK);
		MUST(m.m1_i1, i + 1);
	}
	MUST(pthread_join(thread, NULL), 0);
	MUST(dvk_getprocinfo(dcid, MAIN_EP, &proc), OK);
	printf(PROC_USR_FORMAT, PROC_USR_FIELDS(&proc));
	printf(PROC_COUNT_FORMAT, PROC_COUNT_FIELDS(&proc));
	printf(PROC_CPU_FORMAT, PROC_CPU_FIELDS(&proc));
	MUST(proc.p_lclsent, LOOPS);
	MUST(TEST_BIT(proc.p_misc_flags, MIS_BIT_USERMODE) != 0, 1);
	return 0;
}
