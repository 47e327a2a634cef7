/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs of a puppet that few tests need: odd memory, signals, and the calls there is little use for. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "dvk.h"
#include "conformance/puppet.h"

#define PAGE 4096

/* edge: the address of a page before one that nobody may touch, and that of one which may only be read */
static void do_edge(const struct order *o, struct answer *answer)
{
	static unsigned char *pages;

	(void)o;
	if (!pages) {
		pages = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			     -1, 0);
		if (pages == MAP_FAILED || mprotect(pages + PAGE, PAGE, PROT_NONE) < 0 ||
		    mprotect(pages + 2 * PAGE, PAGE, PROT_READ) < 0)
			abort();
	}
	say(answer, 0);
	say(answer, (long)pages);
	say(answer, (long)pages + 2 * PAGE);
}

/* ignore SIGNAL */
static void do_ignore(const struct order *o, struct answer *answer)
{
	struct sigaction action = { .sa_handler = SIG_IGN };

	say(answer, sigaction((int)o->a[0], &action, NULL));
}

/* setuid UID DUMPABLE: for good; a process that does that is hidden from others, unless it says that it is dumpable */
static void do_setuid(const struct order *o, struct answer *answer)
{
	int r = setgid((gid_t)o->a[0]) || setuid((uid_t)o->a[0]);

	if (!r && o->a[1])
		r = prctl(PR_SET_DUMPABLE, 1);
	say(answer, r ? -1 : 0);
}

/* dcname DCID LENGTH: a DC whose name is that long */
static void do_dcname(const struct order *o, struct answer *answer)
{
	dc_usr_t dc = { 0 };

	dc.dc_dcid = (int)o->a[0];
	dc.dc_nr_procs = NR_PROCS;
	dc.dc_nr_tasks = NR_TASKS;
	dc.dc_nr_sysprocs = NR_SYS_PROCS;
	dc.dc_nr_nodes = NR_NODES;
	dc.dc_warn2proc = NONE;
	memset(dc.dc_name, 'x', (size_t)o->a[1]);
	say(answer, dvk_dc_init(&dc));
}

/* relay EP */
static void do_relay(const struct order *o, struct answer *answer)
{
	message m = { .m_type = 1 };

	say(answer, dvk_relay((int)o->a[0], &m));
}

/* dvsinit NODE [TASKS SYSPROCS COPYBUF COPYLEN [DEBUG]]: under the name "rare" */
static void do_dvsinit(const struct order *o, struct answer *answer)
{
	dvs_usr_t dvs = { 0 };

	dvs.d_nr_dcs = NR_DCS;
	dvs.d_nr_nodes = NR_NODES;
	dvs.d_nr_procs = NR_PROCS;
	dvs.d_nr_tasks = (int)o->a[1];
	dvs.d_nr_sysprocs = (int)o->a[2];
	dvs.d_max_copybuf = (int)o->a[3];
	dvs.d_max_copylen = (int)o->a[4];
	dvs.d_dbglvl = (unsigned long)o->a[5];
	memcpy(dvs.d_name, "rare", sizeof("rare"));
	say(answer, dvk_dvs_init((int)o->a[0], o->a[1] ? &dvs : NULL));
}

/* closefd: what the open returned */
static void do_closefd(const struct order *o, struct answer *answer)
{
	(void)o;
	say(answer, close(dvk_fd));
}

/* descriptors FREE: so many may still be opened; -1: as many as before */
static void do_descriptors(const struct order *o, struct answer *answer)
{
	static struct rlimit before;
	struct rlimit limit;
	long left = o->a[0];

	if (!before.rlim_cur)
		getrlimit(RLIMIT_NOFILE, &before);
	limit = before;
	if (left >= 0)
		for (limit.rlim_cur = 0; left > 0 || fcntl((int)limit.rlim_cur, F_GETFD) >= 0;
		     limit.rlim_cur++)
			left -= fcntl((int)limit.rlim_cur, F_GETFD) < 0;
	say(answer, setrlimit(RLIMIT_NOFILE, &limit));
}

/* dvsend */
static void do_dvsend(const struct order *o, struct answer *answer)
{
	(void)o;
	say(answer, dvk_dvs_end());
}

/* pxbind PAIR SENDER RECEIVER COPYBUF */
static void do_pxbind(const struct order *o, struct answer *answer)
{
	static char name[] = "pair";

	say(answer, dvk_proxies_bind(name, (int)o->a[0], (int)o->a[1], (int)o->a[2], (int)o->a[3]));
}

/* pair PAIR: unbind it, connect it, look at it */
static void do_pair(const struct order *o, struct answer *answer)
{
	proc_usr_t sender = { 0 }, receiver = { 0 };

	say(answer, dvk_proxies_unbind((int)o->a[0]));
	say(answer, dvk_proxy_conn((int)o->a[0], CONNECT_SPROXY));
	say(answer, dvk_getproxyinfo((int)o->a[0], &sender, &receiver));
}

/* nodeup NODE PAIR */
static void do_nodeup(const struct order *o, struct answer *answer)
{
	static char name[] = "node";

	say(answer, dvk_node_up(name, (int)o->a[0], (int)o->a[1]));
}

/* nodedown NODE */
static void do_nodedown(const struct order *o, struct answer *answer)
{
	say(answer, dvk_node_down((int)o->a[0]));
}

/* proxy: take a command out, put it in */
static void do_proxy(const struct order *o, struct answer *answer)
{
	static proxy_payload_t pay;
	cmd_t cmd = { 0 };

	(void)o;
	say(answer, dvk_get2rmt_T(&cmd, &pay, 0));
	say(answer, dvk_put2lcl(&cmd, &pay));
}

/* nulls: every call that is given an address, without one */
static void do_nulls(const struct order *o, struct answer *answer)
{
	int ep = (int)o->a[0];

	say(answer, dvk_getdcinfo(0, NULL));
	say(answer, dvk_getnodeinfo(0, NULL));
	say(answer, dvk_getprocinfo(0, 0, NULL));
	say(answer, dvk_getdvsinfo(NULL));
	say(answer, dvk_getpriv(0, ep, NULL));
	say(answer, dvk_setpriv(0, ep, NULL));
	say(answer, dvk_dc_init(NULL));
	say(answer, dvk_send_T(ep, NULL, 100));
	say(answer, dvk_receive_T(ep, NULL, 100));
	say(answer, dvk_sendrec_T(ep, NULL, 100));
	say(answer, dvk_reply_T(ep, NULL, 100));
	say(answer, dvk_rcvrqst_T(NULL, 100));
}

const struct verb_row puppet_rare[] = {
	{ "edge", do_edge },
	{ "ignore", do_ignore },
	{ "relay", do_relay },
	{ "dvsinit", do_dvsinit },
	{ "dvsend", do_dvsend },
	{ "closefd", do_closefd },
	{ "descriptors", do_descriptors },
	{ "pxbind", do_pxbind },
	{ "pair", do_pair },
	{ "nodeup", do_nodeup },
	{ "forge", puppet_forge },
	{ "nodedown", do_nodedown },
	{ "proxy", do_proxy },
	{ "nulls", do_nulls },
	{ "setuid", do_setuid },
	{ "dcname", do_dcname },
	{ NULL, NULL },
};
