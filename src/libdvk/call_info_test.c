/* SPDX-License-Identifier: Apache-2.0 */

/* The calls that ask the daemon for a row or give it an order: the checks on the way, and their order. */

#include <errno.h>

#include "libdvk/rig_test.h"

static void tells_node(void)
{
	dvs_usr_t dvs = { .d_nr_dcs = 3 };
	struct rig_packet *packet = rig_say(0, RIG_NODE, NULL, 0);

	packet->head.payload_bytes = sizeof(dvs);
	memcpy(packet->payload, &dvs, sizeof(dvs));
}

static dvs_usr_t good(void)
{
	return (dvs_usr_t){ .d_nr_dcs = 1,
			    .d_nr_nodes = 1,
			    .d_nr_procs = NR_PROCS,
			    .d_nr_tasks = NR_TASKS,
			    .d_nr_sysprocs = NR_SYS_PROCS,
			    .d_max_copybuf = MAXCOPYBUF,
			    .d_max_copylen = MAXCOPYLEN };
}

/* ---- the system ---- */

static void test_getdvsinfo(void)
{
	dvs_usr_t dvs;

	rig.daemon = tells_node;
	CHECK_EQ(dvk_getdvsinfo(&dvs), RIG_NODE);
	CHECK_EQ(dvs.d_nr_dcs, 3);
	CHECK_EQ(dvk_getdvsinfo(NULL), EDVSFAULT);
	rig.refuse[CTL_DVSINFO] = EDVSPRIVILEGES;
	CHECK_EQ(dvk_getdvsinfo(&dvs), EDVSPRIVILEGES);
	/* Without a daemon the parameters are those of this release. */
	rig.connect = -ECONNREFUSED;
	CHECK_EQ(dvk_getdvsinfo(&dvs), DVS_NO_INIT);
	CHECK_EQ(dvs.d_nr_dcs, NR_DCS);
	CHECK_EQ(dvs.d_max_copylen, MAXCOPYLEN);
	CHECK_EQ(dvs.d_version, DVS_VERSION);
}

static void test_dvs_init(void)
{
	dvs_usr_t dvs = good();

	rig.daemon = tells_node;
	CHECK_EQ(dvk_dvs_init(RIG_NODE, NULL), RIG_NODE);
	CHECK_EQ(rig.asked[CTL_DVSINFO], 1);
	CHECK_EQ(dvk_dvs_init(RIG_NODE, &dvs), RIG_NODE);
	CHECK_EQ(rig.request.cmd, 1);
	CHECK_EQ(rig.request.payload_bytes, sizeof(dvs));
	CHECK(!memcmp(rig.payload, &dvs, sizeof(dvs)));
	CHECK_EQ(dvk_dvs_init(RIG_NODE + 1, NULL), EDVSDVSBUSY);
	CHECK_EQ(dvk_dvs_init(-5, NULL), EDVSDVSBUSY);
	CHECK_EQ(dvk_dvs_end(), EDVSNOSYS);
	rig.connect = -ECONNREFUSED;
	CHECK_EQ(dvk_dvs_init(NR_NODES, &dvs), EDVSBADNODEID);
	CHECK_EQ(dvk_dvs_init(-1, &dvs), EDVSBADNODEID);
	CHECK_EQ(dvk_dvs_init(RIG_NODE, &dvs), EDVSDVSINIT);
	CHECK_EQ(dvk_dvs_init(RIG_NODE, NULL), EDVSDVSINIT);
	dvs.d_nr_dcs = 0;
	CHECK_EQ(dvk_dvs_init(RIG_NODE, &dvs), EDVSBADRANGE); /* said before that none runs */
	CHECK_EQ(dvk_dvs_end(), EDVSDVSINIT);
}

static void test_geometry(void)
{
	static const struct {
		size_t at;
		int low, high, error;
	} limits[] = {
		{ offsetof(dvs_usr_t, d_nr_dcs), 0, NR_DCS + 1, EDVSBADRANGE },
		{ offsetof(dvs_usr_t, d_nr_nodes), 0, NR_NODES + 1, EDVSBADRANGE },
		{ offsetof(dvs_usr_t, d_nr_procs), 0, NR_PROCS + 1, EDVSBADRANGE },
		{ offsetof(dvs_usr_t, d_nr_tasks), 0, NR_TASKS + 1, EDVSBADRANGE },
		{ offsetof(dvs_usr_t, d_nr_sysprocs), NR_TASKS, NR_SYS_PROCS + 1, EDVSBADRANGE },
		{ offsetof(dvs_usr_t, d_max_copybuf), MAXCOPYBUF + 1, MAXCOPYBUF + 2,
		  EDVSBADVALUE },
		{ offsetof(dvs_usr_t, d_max_copylen), MAXCOPYBUF - 1, MAXCOPYLEN + 1,
		  EDVSBADVALUE },
	};

	rig.daemon = tells_node;
	for (unsigned i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		for (int high = 0; high < 2; high++) {
			dvs_usr_t dvs = good();

			*(int *)(void *)((char *)&dvs + limits[i].at) =
				high ? limits[i].high : limits[i].low;
			CHECK_EQ(dvk_dvs_init(RIG_NODE, &dvs), limits[i].error);
		}
	}
}

/* ---- containers ---- */

static void test_dc_init(void)
{
	dc_usr_t dc = { .dc_dcid = 3 };

	rig.daemon = tells_node;
	CHECK_EQ(dvk_dc_init(NULL), EDVSFAULT);
	CHECK_EQ(dvk_dc_init(&dc), RIG_NODE);
	CHECK_EQ(rig.request.dcid, 3);
	CHECK_EQ(rig.request.payload_bytes, sizeof(dc));
	rig.refuse[CTL_DCINIT] = EDVSBADDCID;
	CHECK_EQ(dvk_dc_init(&dc), EDVSBADRANGE);
	rig.refuse[CTL_DCINIT] = EDVSRSCBUSY;
	CHECK_EQ(dvk_dc_init(&dc), EDVSRSCBUSY);
}

static void test_orders(void)
{
	CHECK_EQ(dvk_dc_end(3), OK);
	CHECK_EQ(rig.request.call, CTL_DCEND);
	CHECK_EQ(rig.request.dcid, 3);
	CHECK_EQ(dvk_add_node(3, 7), OK);
	CHECK_EQ(rig.request.call, CTL_ADDNODE);
	CHECK_EQ(rig.request.nodeid, 7);
	CHECK_EQ(dvk_del_node(3, 8), OK);
	CHECK_EQ(rig.request.call, CTL_DELNODE);
	CHECK_EQ(rig.request.nodeid, 8);
	rig.refuse[CTL_DELNODE] = EDVSRSCBUSY;
	CHECK_EQ(dvk_del_node(3, 8), EDVSRSCBUSY);
}

/* ---- rows ---- */

static void test_rows(void)
{
	dc_usr_t dc;
	node_usr_t node;
	proc_usr_t proc;

	CHECK_EQ(dvk_getdcinfo(-1, &dc), OK); /* the caller's */
	CHECK_EQ(rig.request.dcid, RIG_DC);
	CHECK_EQ(dc.dc_nr_tasks, SHM_TASKS);
	CHECK_EQ(dvk_getdcinfo(7, &dc), OK);
	CHECK_EQ(rig.request.dcid, 7);
	CHECK_EQ(dvk_getdcinfo(7, NULL), EDVSFAULT);
	CHECK_EQ(dvk_getnodeinfo(6, &node), OK);
	CHECK_EQ(rig.request.nodeid, 6);
	CHECK_EQ(dvk_getnodeinfo(6, NULL), EDVSFAULT);
	CHECK_EQ(dvk_getprocinfo(-1, RIG_HIGH, &proc), OK);
	CHECK_EQ(rig.request.dcid, RIG_DC);
	CHECK_EQ(rig.request.endpoint, RIG_HIGH);
	CHECK_EQ(dvk_getprocinfo(7, RIG_HIGH, NULL), EDVSFAULT);
}

static void test_rows_of_nobody(void)
{
	dc_usr_t dc;
	proc_usr_t proc;

	CHECK_EQ(dvk_getdcinfo(-1, &dc), EDVSBADDCID); /* it has none */
	CHECK_EQ(dvk_getprocinfo(-1, RIG_HIGH, &proc), EDVSNOTBIND);
	CHECK_EQ(dvk_getdcinfo(7, &dc), OK);
	CHECK_EQ(dvk_getprocinfo(7, RIG_HIGH, &proc), OK);
	rig.connect = -ECONNREFUSED;
	CHECK_EQ(dvk_getdcinfo(-1, &dc), EDVSDVSINIT);
}

static void test_privileges(void)
{
	priv_usr_t priv;

	memset(&priv, 7, sizeof(priv));
	CHECK_EQ(dvk_setpriv(3, RIG_HIGH, &priv), OK);
	CHECK_EQ(rig.request.call, CTL_PRIV);
	CHECK_EQ(rig.request.cmd, 1);
	CHECK_EQ(rig.request.dcid, 3);
	CHECK_EQ(rig.request.endpoint, RIG_HIGH);
	CHECK(!memcmp(rig.payload, &priv, sizeof(priv)));
	CHECK_EQ(dvk_setpriv(3, RIG_HIGH, NULL), EDVSFAULT);
	CHECK_EQ(dvk_getpriv(3, RIG_HIGH, &priv), OK);
	CHECK_EQ(rig.request.cmd, 0);
	CHECK_EQ(rig.request.payload_bytes, 0);
	CHECK_EQ(dvk_getpriv(3, RIG_HIGH, NULL), EDVSFAULT);
}

/* ---- migration by hand ---- */

static void test_migrate(void)
{
	local_nodeid = -1;
	rig.daemon = tells_node;
	CHECK_EQ(dvk_migrate_X(MIGR_START, 7, 3, RIG_HIGH, RIG_NODE), OK);
	CHECK_EQ(rig.request.call, CTL_MIGRATE);
	CHECK_EQ(rig.request.cmd, MIGR_START);
	CHECK_EQ(rig.request.pid, 7);
	CHECK_EQ(rig.request.dcid, 3);
	CHECK_EQ(rig.request.endpoint, RIG_HIGH);
	CHECK_EQ(rig.request.nodeid, RIG_NODE);
	CHECK_EQ(local_nodeid, -1);
	/* The node's number is told to the program by the commit that brings it there, and by no other. */
	CHECK_EQ(dvk_migrate_X(MIGR_COMMIT, 7, 3, RIG_HIGH, RIG_NODE + 1), OK);
	CHECK_EQ(local_nodeid, -1);
	rig.refuse[CTL_MIGRATE] = EDVSBADPROC;
	CHECK_EQ(dvk_migrate_X(MIGR_COMMIT, 7, 3, RIG_HIGH, RIG_NODE), EDVSBADPROC);
	CHECK_EQ(local_nodeid, -1);
	rig.refuse[CTL_MIGRATE] = 0;
	CHECK_EQ(dvk_migrate_X(MIGR_COMMIT, 7, 3, RIG_HIGH, RIG_NODE), OK);
	CHECK_EQ(local_nodeid, RIG_NODE);
}

/* ---- proxies of one's own ---- */

static void test_proxies(void)
{
	char name[] = "x";
	proc_usr_t proc;

	rig.daemon = tells_node;
	CHECK_EQ(dvk_proxies_bind(name, NR_NODES, 1, 1, 0), EDVSBADNODEID);
	CHECK_EQ(dvk_proxies_bind(name, -1, 1, 1, 0), EDVSBADNODEID);
	CHECK_EQ(dvk_proxies_bind(name, 1, 0, 1, 0), EDVSBADPID);
	CHECK_EQ(dvk_proxies_bind(name, 1, 1, -1, 0), EDVSBADPID);
	CHECK_EQ(dvk_proxies_bind(name, 1, 1, 1, MAXCOPYBUF + 1), EDVS2BIG);
	CHECK_EQ(dvk_proxies_bind(name, 1, 1, 1, MAXCOPYBUF), EDVSNOSYS);
	CHECK_EQ(dvk_proxies_unbind(NR_NODES), EDVSPROXYID);
	CHECK_EQ(dvk_proxies_unbind(-1), EDVSPROXYID);
	CHECK_EQ(dvk_proxies_unbind(0), EDVSPROXYFREE);
	CHECK_EQ(dvk_proxy_conn(0, 0), EDVSPROXYFREE);
	CHECK_EQ(dvk_getproxyinfo(NR_NODES, &proc, &proc), EDVSPROXYID);
	CHECK_EQ(dvk_node_up(name, NR_NODES, 0), EDVSBADNODEID);
	CHECK_EQ(dvk_node_up(name, 0, NR_NODES), EDVSPROXYID);
	CHECK_EQ(dvk_node_up(name, 0, 0), EDVSPROXYFREE);
	CHECK_EQ(dvk_node_down(-1), EDVSBADNODEID);
	CHECK_EQ(dvk_node_down(0), EDVSNOSYS);
	CHECK_EQ(dvk_get2rmt_T(NULL, NULL, 0), EDVSNOPROXY);
	CHECK_EQ(dvk_put2lcl(NULL, NULL), EDVSNOPROXY);
	rig.status->calls_allowed = UINT64_C(1) << DVK_PUT2LCL;
	CHECK_EQ(dvk_get2rmt_T(NULL, NULL, 0), EDVSBADCALL);
	CHECK_EQ(dvk_put2lcl(NULL, NULL), EDVSNOPROXY);
}

/* No daemon, no DVS: said before anything else. */
static void test_proxies_without_daemon(void)
{
	char name[] = "x";
	proc_usr_t proc;

	rig.connect = -ECONNREFUSED;
	CHECK_EQ(dvk_proxies_bind(name, -1, 0, 0, 0), EDVSDVSINIT);
	CHECK_EQ(dvk_proxies_unbind(-1), EDVSDVSINIT);
	CHECK_EQ(dvk_proxy_conn(-1, 0), EDVSDVSINIT);
	CHECK_EQ(dvk_getproxyinfo(-1, &proc, &proc), EDVSDVSINIT);
	CHECK_EQ(dvk_node_up(name, -1, -1), EDVSDVSINIT);
	CHECK_EQ(dvk_node_down(-1), EDVSDVSINIT);
}

int main(void)
{
	RIG_TEST(test_getdvsinfo);
	RIG_TEST(test_dvs_init);
	RIG_TEST(test_geometry);
	RIG_TEST(test_dc_init);
	RIG_TEST(test_orders);
	RIG_TEST(test_rows);
	RIG_TEST_IN(rig_begin_unbound, test_rows_of_nobody);
	RIG_TEST(test_privileges);
	RIG_TEST(test_migrate);
	RIG_TEST(test_proxies);
	RIG_TEST(test_proxies_without_daemon);
	return test_end();
}
