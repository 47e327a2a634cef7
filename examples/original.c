/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program in the manner of those written for the original: headers by their old names, messages cast
 * to long, its own local_nodeid, negative results below EDVSERRCODE. Two of it make a client and a
 * server that copies a block from the client and answers.
 *
 * Usage: original server DCID EP | original client DCID EP SERVER_EP LOOPS
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define DVS_USERSPACE 1
#include <sched.h>
#define cpumask_t cpu_set_t
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../include/com/dvs_config.h"
#include "../include/com/config.h"
#include "../include/com/com.h"
#include "../include/com/const.h"
#include "../include/com/cmd.h"
#include "../include/com/priv_usr.h"
#include "../include/com/dc_usr.h"
#include "../include/com/node_usr.h"
#include "../include/com/proc_sts.h"
#include "../include/com/proc_usr.h"
#include "../include/com/proxy_sts.h"
#include "../include/com/proxy_usr.h"
#include "../include/com/dvs_usr.h"
#include "../include/com/dvk_calls.h"
#include "../include/com/dvk_ioctl.h"
#include "../include/com/dvs_errno.h"
#include "../include/dvk/dvk_ioparm.h"
#include "../include/com/stub_dvkcall.h"
#include "../include/com/macros.h"

#define BLOCK 5000
#define ERROR_EXIT(rcode)                                           \
	do {                                                        \
		fprintf(stderr, "%d: rcode=%d\n", __LINE__, rcode); \
		exit(rcode);                                        \
	} while (0)

int local_nodeid;
static char block[BLOCK];
static message m;

static void server(void)
{
	int ret;

	do {
		ret = (int)dvk_receive_T(ANY, (long)&m, TIMEOUT_MOLCALL);
		if (ret < 0)
			ERROR_EXIT(ret);
		printf(MSG1_FORMAT, MSG1_FIELDS(&m));
		if (m.m_type > 0) {
			ret = (int)dvk_vcopy(m.m_source, m.m1_p1, SELF, block, m.m1_i1);
			if (ret < 0)
				ERROR_EXIT(ret);
		}
		m.m1_i2 = block[m.m1_i3];
		ret = (int)dvk_send(m.m_source, (long)&m);
		if (ret < 0)
			ERROR_EXIT(ret);
	} while (m.m_type > 0);
}

static void client(int server_ep, int loops)
{
	int ret;

	for (int i = 0; i <= loops; i++) {
		memset(block, i, sizeof(block));
		m.m_type = loops - i;
		m.m1_i1 = sizeof(block);
		m.m1_i3 = sizeof(block) - 1;
		m.m1_p1 = block;
		ret = (int)dvk_sendrec(server_ep, (long)&m);
		if (ret < 0)
			ERROR_EXIT(ret);
		if (m.m_source != server_ep || (i < loops && m.m1_i2 != (char)i))
			ERROR_EXIT(EDVSBADVALUE);
	}
}

static void show(int dcid, int endpoint)
{
	static dvs_usr_t dvs;
	static dc_usr_t dc;
	static proc_usr_t proc;

	local_nodeid = (int)dvk_getdvsinfo(&dvs);
	if (local_nodeid < DVS_NO_INIT)
		ERROR_EXIT(local_nodeid);
	printf("local node ID %d... \n", local_nodeid);
	printf(DVS_USR_FORMAT, DVS_USR_FIELDS(&dvs));
	if (dvk_getdcinfo(dcid, &dc) < 0)
		ERROR_EXIT(EDVSBADDCID);
	printf(DC_USR1_FORMAT, DC_USR1_FIELDS(&dc));
	if (dvk_getprocinfo(dcid, endpoint, &proc) < 0)
		ERROR_EXIT(EDVSBADPROC);
	printf(PROC_USR_FORMAT, PROC_USR_FIELDS(&proc));
}

int main(int argc, char *argv[])
{
	int dcid, endpoint, ret;

	if (argc != 4 && argc != 6)
		ERROR_EXIT(EDVSINVAL);
	dcid = (int)strtol(argv[2], NULL, 10);
	endpoint = (int)strtol(argv[3], NULL, 10);
	ret = (int)dvk_open();
	if (ret < 0)
		ERROR_EXIT(ret);
	ret = (int)dvk_bind(dcid, endpoint);
	if (ret < EDVSERRCODE)
		ERROR_EXIT(ret);
	show(dcid, endpoint);
	if (argc == 4)
		server();
	else
		client((int)strtol(argv[4], NULL, 10), (int)strtol(argv[5], NULL, 10));
	return OK;
}
