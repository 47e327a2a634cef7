/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where there is no DVS every call says so before anything else, and the parameters can be read.
 *
 * Usage: alone
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

int main(void)
{
	static proxy_payload_t pay;
	static char name[] = "nobody";
	message m;
	dvs_usr_t dvs;
	dc_usr_t dcu;
	node_usr_t node;
	proc_usr_t proc;
	priv_usr_t priv;
	cmd_t cmd;

	memset(&dcu, 0, sizeof(dcu));
	MUST(dvk_open() < 0, 1);
	MUST(dvk_getdvsinfo(&dvs), DVS_NO_INIT);
	MUST(dvs.d_max_copylen, MAXCOPYLEN);
	MUST(strcmp(dvs.d_name, "DVS_IPC"), 0);
	MUST(dvk_dvs_init(1, NULL), EDVSDVSINIT);
	MUST(dvk_dvs_init(99, NULL), EDVSBADNODEID);
	MUST(dvk_dvs_end(), EDVSDVSINIT);
	MUST(dvk_dc_init(&dcu), EDVSDVSINIT);
	MUST(dvk_dc_end(99), EDVSDVSINIT);
	MUST(dvk_getdcinfo(99, &dcu), EDVSDVSINIT);
	MUST(dvk_getdcinfo(-1, &dcu), EDVSDVSINIT);
	MUST(dvk_add_node(99, 99), EDVSDVSINIT);
	MUST(dvk_del_node(99, 99), EDVSDVSINIT);
	MUST(dvk_getnodeinfo(99, &node), EDVSDVSINIT);
	MUST(dvk_getprocinfo(99, 999, &proc), EDVSDVSINIT);
	MUST(dvk_getpriv(99, 999, &priv), EDVSDVSINIT);
	MUST(dvk_setpriv(99, 999, &priv), EDVSDVSINIT);
	MUST(dvk_proxies_bind(name, 99, -1, -1, 0), EDVSDVSINIT);
	MUST(dvk_proxies_unbind(99), EDVSDVSINIT);
	MUST(dvk_proxy_conn(99, CONNECT_SPROXY), EDVSDVSINIT);
	MUST(dvk_getproxyinfo(99, &proc, &proc), EDVSDVSINIT);
	MUST(dvk_node_up(name, 99, 99), EDVSDVSINIT);
	MUST(dvk_node_down(99), EDVSDVSINIT);
	MUST(dvk_get2rmt(&cmd, &pay), EDVSDVSINIT);
	MUST(dvk_put2lcl(&cmd, &pay), EDVSDVSINIT);
	MUST(dvk_bind(99, 10), EDVSDVSINIT);
	MUST(dvk_bkupbind(99, getpid(), 10, 99), EDVSDVSINIT);
	MUST(dvk_rmtbind(99, name, 10, 99), EDVSDVSINIT);
	MUST(dvk_unbind(99, 10), EDVSDVSINIT);
	MUST(dvk_wait4bind(), EDVSDVSINIT);
	MUST(dvk_wait4unbind(10), EDVSDVSINIT);
	MUST(dvk_getep(-7), EDVSDVSINIT);
	MUST(dvk_send(10, (long)&m), EDVSDVSINIT);
	MUST(dvk_receive(ANY, (long)&m), EDVSDVSINIT);
	MUST(dvk_sendrec(10, (long)&m), EDVSDVSINIT);
	MUST(dvk_reply(10, (long)&m), EDVSDVSINIT);
	MUST(dvk_rcvrqst((long)&m), EDVSDVSINIT);
	MUST(dvk_notify(10), EDVSDVSINIT);
	MUST(dvk_src_notify(SYSTEM, 10), EDVSDVSINIT);
	MUST(dvk_hdw_notify(99, 10), EDVSDVSINIT);
	MUST(dvk_wakeup(99, 10), EDVSDVSINIT);
	MUST(dvk_relay(10, (long)&m), OK);
	MUST(dvk_vcopy(SELF, &m, 10, &m, -1), EDVSRANGE); /* the one that comes first */
	MUST(dvk_vcopy(SELF, &m, 10, &m, 8), EDVSDVSINIT);
	MUST(dvk_migr_start(99, 10), EDVSDVSINIT);
	MUST(dvk_migr_rollback(99, 10), EDVSDVSINIT);
	MUST(dvk_migr_commit(-1, 99, 10, 99), EDVSDVSINIT);
	return 0;
}
