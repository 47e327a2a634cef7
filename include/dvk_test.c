/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers and printed texts of the public header, as programs of the original know them. */
#include "dvk.h"

#include <stdarg.h>
#include <string.h>

#include "base/test.h"

static char text[512];

__attribute__((format(printf, 1, 2))) static const char *print(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return text;
}

static void test_limits(void)
{
	CHECK_EQ(NR_TASKS, 35);
	CHECK_EQ(NR_PROCS, 221);
	CHECK_EQ(NR_SYS_PROCS, 64);
	CHECK_EQ(NR_USR_PROCS, 157);
	CHECK_EQ(MAXCOPYLEN, 1048576);
	CHECK_EQ(MAXBUFSIZE, 1472 - 172);
	CHECK_EQ(NR_SYS_CHUNKS, 4);
	CHECK_EQ(NR_DVK_CHUNKS, 3);
	CHECK_EQ(MC_STRING, 10);
}

static void test_endpoints(void)
{
	CHECK_EQ(ANY, 31438);
	CHECK_EQ(NONE, 27342);
	CHECK_EQ(SELF, 35534);
	CHECK_EQ(_ENDPOINT_GENERATION_SIZE, 35570);
	CHECK_EQ(_ENDPOINT_MAX_GENERATION, 60372);
	CHECK_EQ(SYSTASK(3), -5);
	CHECK_EQ(SLOTS, -34);
	CHECK_EQ(CLOCK, -35);
	CHECK_EQ(IDLE, -36);
	CHECK_EQ(_ENDPOINT(2, 10), 71150);
	for (int p = -NR_TASKS; p < NR_PROCS; p++) {
		CHECK_EQ(_ENDPOINT_P(_ENDPOINT(7, p)), p);
		CHECK_EQ(_ENDPOINT_G(_ENDPOINT(7, p)), 7);
	}
	CHECK_EQ(NOTIFY_FROM(12), 4108);
	CHECK_EQ(NOTIFY_FROM(SYSTEM), SYSTEM);
}

static void test_flags(void)
{
	CHECK_EQ(SENDING, 0x4);
	CHECK_EQ(RECEIVING, 0x8);
	CHECK_EQ(ONCOPY, 0x400);
	CHECK_EQ(MIGRATING, 0x800);
	CHECK_EQ(REMOTE, 0x1000);
	CHECK_EQ(RMTOPER, 0x2000);
	CHECK_EQ(WAITMIGR, 0x8000);
	CHECK_EQ(WAITUNBIND, 0x20000);
	CHECK_EQ(WAITBIND, 0x40000);
	CHECK_EQ(MIS_GRPLEADER, 0x20);
	CHECK_EQ(MIS_WOKENUP, 0x200);
	CHECK_EQ(MIS_NOMIGRATE, 0x1000);
	CHECK_EQ(MIS_ATOMIC, 0x2000);
	CHECK_EQ(DVK_INITIALIZED, 0x100);
	CHECK_EQ(NODE_ATTACHED | NODE_SCONNECTED | NODE_RCONNECTED, 0xE);
	CHECK_EQ(CMD_SHUTDOWN, 11);
	CHECK_EQ(CMD_LAST_CMD, 15);
	CHECK_EQ(CMD_COPYOUT_DATA, 0x2006);
}

static void test_errors(void)
{
	CHECK_EQ(EDVSINTR, -4);
	CHECK_EQ(EDVSAGAIN, -11);
	CHECK_EQ(EDVSTIMEDOUT, -61);
	CHECK_EQ(EDVSDEADSRCDST, -105);
	CHECK_EQ(EDVSSRCDIED, -108);
	CHECK_EQ(EDVSERRCODE, -300);
	CHECK_EQ(EDVSNOTBIND, -310);
	CHECK_EQ(EDVSDCRUN, -323);
	CHECK_EQ(EDVSWOKENUP, -348);
	CHECK_EQ(EDVSNOREPLICA, -402);
	CHECK_EQ(EDVSVERSION, -403);
	CHECK_EQ(EDVSUSERFULL, -404);
	CHECK_EQ(EDVSRESTARTSYS, -512);
}

static void test_message_text(void)
{
	message m;

	memset(&m, 0, sizeof(m));
	m.m_source = 11;
	m.m_type = 7;
	m.m1_i1 = 1;
	m.m1_i2 = 2;
	m.m1_i3 = 3;
	m.m1_p1 = (char *)0x10;
	m.m1_p2 = (char *)0x20;
	m.m1_p3 = (char *)0x30;
	CHECK(!strcmp(print(MSG1_FORMAT, MSG1_FIELDS(&m)),
		      "source=11 type=7 m1i1=1 m1i2=2 m1i3=3 m1p1=0x10 m1p2=0x20 m1p3=0x30 \n"));
	m.mA_dst = 4;
	m.mA_nr = 5;
	memcpy(m.mA_ia, (int[SLOTS_BY_MSG]){ 6, 7, 8, 9 }, sizeof(m.mA_ia));
	CHECK(!strcmp(print(MSGA_FORMAT, MSGA_FIELDS(&m)),
		      "source=11 type=7 dest=4 mAnr=5 mAia[0]=6 mAia[1]=7 mAia[2]=8 mAia[3]=9\n"));
	m.m9_i1 = -1;
	m.m9_l1 = -2;
	m.m9_t1 = (struct timespec){ .tv_sec = 3, .tv_nsec = 4 };
	CHECK(!strcmp(print(MSG9_FORMAT, MSG9_FIELDS(&m)),
		      "source=11 type=7 m9i1=-1 m9l1=-2 m9t1.tv_sec=3 m9t1.tv_nsec=4\n"));
}

static void test_row_text(void)
{
	proc_usr_t proc;

	memset(&proc, 0, sizeof(proc));
	proc.p_nr = proc.p_endpoint = 10;
	proc.p_rts_flags = RECEIVING;
	proc.p_misc_flags = MIS_GRPLEADER;
	proc.p_lpid = 755;
	proc.p_vpid = 12;
	proc.p_nodeid = 1;
	proc.p_getfrom = ANY;
	proc.p_sendto = proc.p_waitmigr = proc.p_waitunbind = proc.p_proxy = NONE;
	strcpy(proc.p_name, "migr_server");
	CHECK(!strcmp(print(PROC_USR_FORMAT, PROC_USR_FIELDS(&proc)),
		      "nr=10 endp=10 dcid=0 flags=8 misc=20 lpid=755 vpid=12 nodeid=1 "
		      "name=migr_server \n"));
	CHECK(!strcmp(print(PROC_WAIT_FORMAT, PROC_WAIT_FIELDS(&proc)),
		      "endp=10 dcid=0 flags=8 p_getfrom=31438 p_sendto=27342 p_waitmigr=27342 "
		      "p_waitunbind=27342 p_proxy=27342\n"));
	CHECK(!strcmp(print(PROC_COUNT_FORMAT, PROC_COUNT_FIELDS(&proc)),
		      "nr=10 endp=10 dcid=0 p_lclsent=0 p_rmtsent=0 p_lclcopy=0 p_rmtcopy=0 \n"));
	CHECK(!strcmp(print(PROC_CPU_FORMAT, PROC_CPU_FIELDS(&proc)),
		      "nr=10 endp=10 dcid=0 lpid=755 p_cpumask=0 nodemap=0 name=migr_server \n"));
}

static void test_other_rows_text(void)
{
	dc_usr_t dc;
	node_usr_t node;
	cmd_t cmd;

	memset(&dc, 0, sizeof(dc));
	memset(&node, 0, sizeof(node));
	memset(&cmd, 0, sizeof(cmd));
	strcpy(dc.dc_name, "DC0");
	strcpy(node.n_name, "node1");
	dc.dc_nodes = 3;
	dc.dc_pid = 5;
	node.n_nodeid = 1;
	node.n_stimestamp = (struct timespec){ .tv_sec = 3, .tv_nsec = 4 };
	CHECK(!strcmp(print(DC_USR2_FORMAT, DC_USR2_FIELDS(&dc)),
		      "flags=0 dc_nodes=3 dc_pid=5 dc_name=DC0\n"));
	CHECK(!strcmp(print(DC_CPU_FORMAT, DC_CPU_FIELDS(&dc)),
		      "dc_dcid=0 dc_cpumask=0 dc_name=DC0 \n"));
	CHECK(!strcmp(print(NODE_TIME_FORMAT, NODE_TIME_FIELDS(&node)),
		      "n_nodeid=1 n_name=node1 n_stime_sec=3 n_stime_nsec=4 n_rtime_sec=0 "
		      "n_rtime_nsec=0\n"));
	CHECK(!strcmp(print(VCOPY_FORMAT, VCOPY_FIELDS(&cmd)),
		      "src=0 dst=0 rqtr=0 saddr=(nil) daddr=(nil) bytes=0 \n"));
}

int main(void)
{
	TEST(test_limits);
	TEST(test_endpoints);
	TEST(test_flags);
	TEST(test_errors);
	TEST(test_message_text);
	TEST(test_row_text);
	TEST(test_other_rows_text);
	return test_end();
}
