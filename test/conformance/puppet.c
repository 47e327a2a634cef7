/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that makes the calls it is told to. A test connects several of them, on any nodes, by a
 * socket that is a path, which all nodes of a lab share, and so has nothing to do with what it tests.
 *
 *	test                                 puppet
 *	  |  <---- "pid tid buffer" ----------  |   on start
 *	  |  ----- "send 10 7 -1" ----------->  |
 *	  |                                     |   dvk_send_T(10, {type 7}, -1)
 *	  |  <---- "0 11" --------------------  |   result, then what else there is to know
 *
 * Orders are a verb and numbers. A thread, a forked child and the same process after exec connect
 * anew, and are then told apart by their connections. SIGUSR1 interrupts a call and does nothing else.
 *
 * Usage: puppet SOCKET
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "dvk.h"
#include "conformance/puppet.h"
#include "conformance/weather.h"

#define LINE_MAX_ 256

static const char *socket_path;
static unsigned char buffer[MAXCOPYLEN + 4096];

static void say_message(struct answer *answer, long result, const message *m)
{
	say(answer, result);
	say(answer, m->m_source);
	say(answer, m->m_type);
	say(answer, m->m1_i1);
	say(answer, m->m1_i2); /* of a notification: m9_l1 */
}

/* ---- messages ---- */

/* send EP TYPE TIMEOUT I1 */
static void do_send(const struct order *o, struct answer *answer)
{
	message m = { .m_type = (int)o->a[1] };

	m.m1_i1 = (int)o->a[3];
	say(answer, dvk_send_T((int)o->a[0], &m, o->a[2]));
	say(answer, m.m_source);
}

/* receive EP TIMEOUT */
static void do_receive(const struct order *o, struct answer *answer)
{
	message m = { 0 };
	long result = dvk_receive_T((int)o->a[0], &m, o->a[1]);

	say_message(answer, result, &m);
}

/* sendrec EP TYPE TIMEOUT I1 */
static void do_sendrec(const struct order *o, struct answer *answer)
{
	message m = { .m_type = (int)o->a[1] };
	long result;

	m.m1_i1 = (int)o->a[3];
	result = dvk_sendrec_T((int)o->a[0], &m, o->a[2]);
	say_message(answer, result, &m);
}

/* reply EP TYPE TIMEOUT I1 */
static void do_reply(const struct order *o, struct answer *answer)
{
	message m = { .m_type = (int)o->a[1] };

	m.m1_i1 = (int)o->a[3];
	say(answer, dvk_reply_T((int)o->a[0], &m, o->a[2]));
}

/* rcvrqst TIMEOUT */
static void do_rcvrqst(const struct order *o, struct answer *answer)
{
	message m = { 0 };
	long result = dvk_rcvrqst_T(&m, o->a[0]);

	say_message(answer, result, &m);
}

/* notify NR EP VALUE */
static void do_notify(const struct order *o, struct answer *answer)
{
	say(answer, dvk_notify_X((int)o->a[0], (int)o->a[1], (int)o->a[2]));
}

/* wakeup DCID EP */
static void do_wakeup(const struct order *o, struct answer *answer)
{
	say(answer, dvk_wakeup((int)o->a[0], (int)o->a[1]));
}

/* calls EP N: sendrec N times; says how many did not come back as they should */
static void do_calls(const struct order *o, struct answer *answer)
{
	long wrong = 0, error = 0;

	for (int i = 0; i < o->a[1]; i++) {
		message m = { .m_type = 7 };
		long result;

		m.m1_i1 = i;
		result = dvk_sendrec_T((int)o->a[0], &m, 5000);
		if (result < 0)
			error = result;
		wrong += result != 0 || m.m_type != 8 || m.m1_i1 != i + 1 || m.m_source != o->a[0];
	}
	say(answer, wrong);
	say(answer, error);
}

/* serve N: answer N calls, by reply and by send in turn */
static void do_serve(const struct order *o, struct answer *answer)
{
	long wrong = 0, error = 0;

	for (int i = 0; i < o->a[0]; i++) {
		message m = { 0 };
		long result = dvk_receive_T(ANY, &m, 5000);

		if (result == 0) {
			m.m_type = 8;
			m.m1_i1++;
			result = i % 2 ? dvk_send_T(m.m_source, &m, 5000)
				       : dvk_reply_T(m.m_source, &m, 5000);
		}
		if (result < 0)
			error = result;
		wrong += result < 0;
	}
	say(answer, wrong);
	say(answer, error);
}

/* flood EP N: send N numbered messages */
static void do_flood(const struct order *o, struct answer *answer)
{
	long wrong = 0;

	for (int i = 0; i < o->a[1]; i++) {
		message m = { .m_type = 9 };

		m.m1_i1 = i;
		wrong += dvk_send_T((int)o->a[0], &m, 5000) != 0;
	}
	say(answer, wrong);
}

/* drain N EP1 EP2: receive N from ANY; says errors, messages out of order, how many of each source */
static void do_drain(const struct order *o, struct answer *answer)
{
	long errors = 0, disorder = 0, of[2] = { 0 };

	for (int i = 0; i < o->a[0]; i++) {
		message m = { 0 };

		if (dvk_receive_T(ANY, &m, 5000) < 0) {
			errors++;
			continue;
		}
		for (int s = 0; s < 2; s++) {
			if (m.m_source == o->a[1 + s])
				disorder += m.m1_i1 != of[s]++;
		}
	}
	say(answer, errors);
	say(answer, disorder);
	say(answer, of[0]);
	say(answer, of[1]);
}

/* stormsend SENDER EP EP EP USER */
static void do_stormsend(const struct order *o, struct answer *answer)
{
	char log[128];

	snprintf(log, sizeof(log), "%s.s%ld", socket_path, o->a[0]);
	say(answer, weather_send(log, (int)o->a[0], &o->a[1], (int)o->a[4]));
}

/* stormrecv NUMBER */
static void do_stormrecv(const struct order *o, struct answer *answer)
{
	char log[128];

	snprintf(log, sizeof(log), "%s.r%ld", socket_path, o->a[0]);
	say(answer, weather_receive(log, (int)o->a[0]));
}

/* ---- binding ---- */

/* open */
static void do_open(const struct order *o, struct answer *answer)
{
	(void)o;
	say(answer, dvk_open());
}

/* bind KIND DCID PID EP NODE */
static void do_bind(const struct order *o, struct answer *answer)
{
	say(answer,
	    dvk_bind_X((int)o->a[0], (int)o->a[1], (int)o->a[2], (int)o->a[3], (int)o->a[4]));
}

/* rmtbind DCID EP NODE: under the name "stranger" */
static void do_rmtbind(const struct order *o, struct answer *answer)
{
	say(answer, dvk_rmtbind((int)o->a[0], "stranger", (int)o->a[1], (int)o->a[2]));
}

/* unbind DCID EP TIMEOUT */
static void do_unbind(const struct order *o, struct answer *answer)
{
	say(answer, dvk_unbind_T((int)o->a[0], (int)o->a[1], (unsigned long)o->a[2]));
}

/* wait4bind CMD EP TIMEOUT */
static void do_wait4bind(const struct order *o, struct answer *answer)
{
	say(answer, dvk_wait4bindep_X((int)o->a[0], (int)o->a[1], (unsigned long)o->a[2]));
}

/* getep PID, 0: its own */
static void do_getep(const struct order *o, struct answer *answer)
{
	say(answer, dvk_getep(o->a[0] ? (int)o->a[0] : getpid()));
}

/* ---- tables ---- */

/* procinfo DCID NR */
static void do_procinfo(const struct order *o, struct answer *answer)
{
	proc_usr_t row = { 0 };

	say(answer, dvk_getprocinfo((int)o->a[0], (int)o->a[1], &row));
	say(answer, (long)row.p_rts_flags);
	say(answer, (long)row.p_misc_flags);
	say(answer, row.p_nodeid);
	say(answer, row.p_getfrom);
	say(answer, row.p_sendto);
	say(answer, row.p_endpoint);
	say(answer, row.p_nr);
	say(answer, row.p_dcid);
	say(answer, row.p_lpid);
	say(answer, row.p_vpid);
	say(answer, (long)row.p_nodemap);
	say(answer, (long)row.p_lclsent);
	say(answer, (long)row.p_rmtsent);
	say(answer, (long)(row.p_lclcopy + row.p_rmtcopy));
	say(answer, row.p_waitunbind);
}

/* dcinfo DCID */
static void do_dcinfo(const struct order *o, struct answer *answer)
{
	dc_usr_t dc = { 0 };

	say(answer, dvk_getdcinfo((int)o->a[0], &dc));
	say(answer, dc.dc_dcid);
	say(answer, dc.dc_flags);
	say(answer, (long)dc.dc_nodes);
	say(answer, dc.dc_nr_procs);
	say(answer, dc.dc_nr_tasks);
	say(answer, dc.dc_nr_sysprocs);
	say(answer, dc.dc_nr_nodes);
	say(answer, dc.dc_warn2proc);
	say(answer, (long)strlen(dc.dc_name));
}

/* nodeinfo NODE */
static void do_nodeinfo(const struct order *o, struct answer *answer)
{
	node_usr_t node = { 0 };

	say(answer, dvk_getnodeinfo((int)o->a[0], &node));
	say(answer, node.n_nodeid);
	say(answer, (long)node.n_flags);
	say(answer, (long)node.n_dcs);
}

/* dvsinfo */
static void do_dvsinfo(const struct order *o, struct answer *answer)
{
	dvs_usr_t dvs = { 0 };

	(void)o;
	say(answer, dvk_getdvsinfo(&dvs));
	say(answer, dvs.d_nr_nodes);
	say(answer, dvs.d_nr_procs);
	say(answer, dvs.d_max_copylen);
	say(answer, dvs.d_version);
	say(answer, (long)dvs.d_flags);
	say(answer, (long)dvs.d_dbglvl);
	say(answer, strcmp(dvs.d_name, "rare") == 0);
}

/* dcinit DCID PROCS TASKS SYSPROCS NODES [WARN TYPE]: TYPE 0 is no warning */
static void do_dcinit(const struct order *o, struct answer *answer)
{
	dc_usr_t dc = { 0 };

	dc.dc_dcid = (int)o->a[0];
	dc.dc_nr_procs = (int)o->a[1];
	dc.dc_nr_tasks = (int)o->a[2];
	dc.dc_nr_sysprocs = (int)o->a[3];
	dc.dc_nr_nodes = (int)o->a[4];
	dc.dc_warn2proc = o->a[6] ? (int)o->a[5] : NONE;
	dc.dc_warnmsg = (int)o->a[6];
	snprintf(dc.dc_name, sizeof(dc.dc_name), "DC%ld", o->a[0]);
	say(answer, dvk_dc_init(&dc));
}

/* dcend DCID */
static void do_dcend(const struct order *o, struct answer *answer)
{
	say(answer, dvk_dc_end((int)o->a[0]));
}

/* addnode DCID NODE */
static void do_addnode(const struct order *o, struct answer *answer)
{
	say(answer, dvk_add_node((int)o->a[0], (int)o->a[1]));
}

/* delnode DCID NODE */
static void do_delnode(const struct order *o, struct answer *answer)
{
	say(answer, dvk_del_node((int)o->a[0], (int)o->a[1]));
}

/* migrate CMD PID DCID EP NODE */
static void do_migrate(const struct order *o, struct answer *answer)
{
	say(answer,
	    dvk_migrate_X((int)o->a[0], (int)o->a[1], (int)o->a[2], (int)o->a[3], (int)o->a[4]));
}

static long bits_of(const bitchunk_t *chunk, int nr_chunks)
{
	uint64_t bits = 0;

	for (int i = 0; i < nr_chunks; i++)
		bits |= (uint64_t)chunk[i] << 16 * i;
	return (long)bits;
}

/* getpriv DCID EP */
static void do_getpriv(const struct order *o, struct answer *answer)
{
	priv_usr_t priv = { 0 };

	say(answer, dvk_getpriv((int)o->a[0], (int)o->a[1], &priv));
	say(answer, priv.priv_id);
	say(answer, priv.priv_level);
	say(answer, priv.priv_warn);
	say(answer, bits_of(priv.priv_dvk_allowed.chunk, NR_DVK_CHUNKS));
	say(answer, bits_of(priv.priv_ipc_to.chunk, NR_SYS_CHUNKS));
}

/* setpriv DCID EP LEVEL WARN CALLS TARGETS */
static void do_setpriv(const struct order *o, struct answer *answer)
{
	priv_usr_t priv = { 0 };

	priv.priv_level = (int)o->a[2];
	priv.priv_warn = (int)o->a[3];
	for (unsigned i = 0; i < NR_DVK_CHUNKS; i++)
		priv.priv_dvk_allowed.chunk[i] = (bitchunk_t)((uint64_t)o->a[4] >> 16 * i);
	for (unsigned i = 0; i < NR_SYS_CHUNKS; i++)
		priv.priv_ipc_to.chunk[i] = (bitchunk_t)((uint64_t)o->a[5] >> 16 * i);
	say(answer, dvk_setpriv((int)o->a[0], (int)o->a[1], &priv));
}

/* ---- copies ---- */

/* vcopy SRC SRC_ADDRESS DST DST_ADDRESS BYTES */
static void do_vcopy(const struct order *o, struct answer *answer)
{
	say(answer,
	    dvk_vcopy((int)o->a[0], (void *)o->a[1], (int)o->a[2], (void *)o->a[3], (int)o->a[4]));
}

static unsigned char byte_of(long seed, long i)
{
	return (unsigned char)((seed * 31 + i) * 2654435761UL >> 16);
}

/* fill SEED BYTES: the whole buffer but for these is set to 0xEE */
static void do_fill(const struct order *o, struct answer *answer)
{
	memset(buffer, 0xEE, sizeof(buffer));
	for (long i = 0; i < o->a[1] && i < (long)sizeof(buffer); i++)
		buffer[i] = byte_of(o->a[0], i);
	say(answer, 0);
}

/* compare SEED BYTES: says how many are wrong, and how many beyond them are not 0xEE */
static void do_compare(const struct order *o, struct answer *answer)
{
	long wrong = 0, beyond = 0;

	for (long i = 0; i < (long)sizeof(buffer); i++) {
		if (i < o->a[1])
			wrong += buffer[i] != byte_of(o->a[0], i);
		else
			beyond += buffer[i] != 0xEE;
	}
	say(answer, wrong);
	say(answer, beyond);
}

/* ---- other lives ---- */

static int connect_anew(void);
static void obey(int fd);

static void *thread_main(void *unused)
{
	int fd = connect_anew();

	(void)unused;
	if (fd >= 0)
		obey(fd);
	close(fd);
	return NULL;
}

/* thread: a new one connects */
static void do_thread(const struct order *o, struct answer *answer)
{
	pthread_t thread;

	(void)o;
	say(answer, -pthread_create(&thread, NULL, thread_main, NULL));
	pthread_detach(thread);
}

/* fork: the child connects */
static void do_fork(const struct order *o, struct answer *answer)
{
	pid_t pid = fork();

	(void)o;
	if (pid == 0) {
		thread_main(NULL);
		_exit(0);
	}
	say(answer, pid < 0 ? -errno : 0);
}

/* exec: this program again, in the same process; it connects, and there is no answer */
static void do_exec(const struct order *o, struct answer *answer)
{
	(void)o;
	execl("/proc/self/exe", "puppet", socket_path, (char *)NULL);
	say(answer, -errno);
}

/* exit STATUS */
static void do_exit(const struct order *o, struct answer *answer)
{
	(void)answer;
	_exit((int)o->a[0]);
}

static const struct verb_row verbs[] = {
	{ "send", do_send },	       { "receive", do_receive },
	{ "sendrec", do_sendrec },     { "reply", do_reply },
	{ "rcvrqst", do_rcvrqst },     { "notify", do_notify },
	{ "wakeup", do_wakeup },       { "calls", do_calls },
	{ "serve", do_serve },	       { "flood", do_flood },
	{ "drain", do_drain },	       { "open", do_open },
	{ "bind", do_bind },	       { "rmtbind", do_rmtbind },
	{ "unbind", do_unbind },       { "wait4bind", do_wait4bind },
	{ "getep", do_getep },	       { "procinfo", do_procinfo },
	{ "dcinfo", do_dcinfo },       { "nodeinfo", do_nodeinfo },
	{ "dvsinfo", do_dvsinfo },     { "dcinit", do_dcinit },
	{ "dcend", do_dcend },	       { "addnode", do_addnode },
	{ "delnode", do_delnode },     { "getpriv", do_getpriv },
	{ "setpriv", do_setpriv },     { "migrate", do_migrate },
	{ "vcopy", do_vcopy },	       { "fill", do_fill },
	{ "compare", do_compare },     { "thread", do_thread },
	{ "fork", do_fork },	       { "exec", do_exec },
	{ "stormsend", do_stormsend }, { "stormrecv", do_stormrecv },
	{ "exit", do_exit },	       { NULL, NULL },
};

static const struct verb_row *verb_find(const struct verb_row *rows, const char *word)
{
	while (rows->verb && strcmp(rows->verb, word))
		rows++;
	return rows->verb ? rows : NULL;
}

static void carry_out(char *line, struct answer *answer)
{
	struct order order = { 0 };
	char *rest = line, *word = strsep(&rest, " "), *number;
	const struct verb_row *row;

	for (int i = 0; i < PUPPET_ARGS && (number = strsep(&rest, " ")); i++)
		order.a[i] = strtol(number, NULL, 0);
	row = verb_find(verbs, word);
	if (!row)
		row = verb_find(puppet_rare, word);
	if (row)
		row->do_it(&order, answer);
	else
		say(answer, -ENOSYS);
}

static void obey(int fd)
{
	char line[LINE_MAX_], text[PUPPET_VALUES * 24];

	for (;;) {
		struct answer answer = { .n = 0 };
		ssize_t got = recv(fd, line, sizeof(line) - 1, 0);
		int at = 0;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return;
		line[got] = '\0';
		carry_out(line, &answer);
		for (int i = 0; i < answer.n; i++)
			at += snprintf(text + at, sizeof(text) - (size_t)at, "%ld ", answer.v[i]);
		if (send(fd, text, (size_t)at, MSG_NOSIGNAL) < 0)
			return;
	}
}

static int connect_anew(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char hello[64];
	int length, fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		perror(socket_path);
		return -1;
	}
	length = snprintf(hello, sizeof(hello), "%d %ld %ld", (int)getpid(), syscall(SYS_gettid),
			  (long)buffer);
	return send(fd, hello, (size_t)length, MSG_NOSIGNAL) < 0 ? -1 : fd;
}

static void on_signal(int number)
{
	(void)number;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: puppet SOCKET\n");
		return 2;
	}
	socket_path = argv[1];
	setvbuf(stdout, NULL, _IOLBF, 0); /* it is killed: its words are to be seen */
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* it may be blocked in a call for ever */
	sigaction(SIGUSR1, &action, NULL);
	fd = connect_anew();
	if (fd < 0)
		return 1;
	obey(fd);
	return 0;
}
