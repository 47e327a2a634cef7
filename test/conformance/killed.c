/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process is killed with SIGKILL after so and so many instructions of a call, while another one talks
 * with it and two more talk with each other. Each instruction may be the last:
 *
 *	who talks with it	has an error soon after
 *	its slot		can be bound again at once
 *	the others		notice nothing
 *
 * Usage: killed POINTS	(inside a node; as many points of each call, or 0: every instruction)
 *
 * The victim is a child that stops itself before and after the call; between the two it is stepped.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dvk.h"

#define VICTIM	 12 /* all of them system processes: they may do everything */
#define PEER	 13
#define SERVER	 14
#define CALLER	 15
#define TOLD_MS	 50
#define HUNG_MS	 3000
#define BLOCK_MS 20 /* a step that takes longer is a sleep: it is killed there */
#define TRIES	 4  /* a loaded machine may be slow, but not each time */

enum answer {
	PEER_RECEIVES,
	PEER_SENDS,
	PEER_SERVES,
	PEER_CALLS,
	PEER_IDLE,
};

struct scene {
	const char *name;
	enum answer peer;
	void (*before)(void);
	void (*call)(void);
};

static struct shared {
	_Atomic int victim, peer; /* endpoints */
	_Atomic int round, answer, told;
	_Atomic long error;
	_Atomic int64_t told_us;
	_Atomic unsigned calls, bad_calls;
	_Atomic int64_t slowest_us;
} * shared;

static message m;
static char buffer[4096];
static const char *current = "";
static int failures;

static int64_t now_us(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static void fail(const char *what, long have)
{
	printf("%s: %s: %ld\n", current, what, have);
	failures++;
}

/* ---- the victim ---- */

static long bind_as(int p_nr)
{
	return dvk_open() < 0 ? EDVSDVSINIT : dvk_bind(0, p_nr);
}

static void be_bound(void)
{
	long endpoint = bind_as(VICTIM);

	if (endpoint < EDVSERRCODE)
		_exit(3);
	shared->victim = (int)endpoint;
}

/* The channel is open and both have used it. */
static void be_known(void)
{
	be_bound();
	shared->round++;
	m.m_type = 1;
}

static void be_called(void)
{
	be_known();
	if (dvk_receive_T(shared->peer, &m, HUNG_MS))
		_exit(4);
}

static void be_unbound(void)
{
	dvk_open();
}

static void call_send(void)
{
	dvk_send(shared->peer, &m);
}

static void call_receive(void)
{
	dvk_receive(ANY, &m);
}

static void call_sendrec(void)
{
	dvk_sendrec(shared->peer, &m);
}

static void call_reply(void)
{
	dvk_reply(shared->peer, &m);
}

static void call_notify(void)
{
	dvk_notify(shared->peer);
}

static void call_vcopy(void)
{
	dvk_vcopy(shared->peer, m.m1_p1, SELF, buffer, sizeof(buffer));
}

static void call_bind(void)
{
	dvk_bind(0, VICTIM);
}

static void call_unbind(void)
{
	dvk_unbind(0, shared->victim);
}

static const struct scene scenes[] = {
	{ "send", PEER_RECEIVES, be_known, call_send },
	{ "receive", PEER_SENDS, be_known, call_receive },
	{ "sendrec", PEER_SERVES, be_known, call_sendrec },
	{ "reply", PEER_CALLS, be_called, call_reply },
	{ "notify", PEER_RECEIVES, be_known, call_notify },
	{ "vcopy", PEER_CALLS, be_called, call_vcopy },
	{ "bind", PEER_IDLE, be_unbound, call_bind },
	{ "unbind", PEER_CALLS, be_known, call_unbind },
};

static pid_t start_victim(const struct scene *scene)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	scene->before();
	raise(SIGSTOP);
	scene->call();
	raise(SIGSTOP);
	_exit(0);
}

/* ---- those who talk with it and beside it ---- */

static long talk(int victim)
{
	switch ((int)shared->answer) {
	case PEER_RECEIVES:
		return dvk_receive(victim, &m);
	case PEER_SENDS:
		return dvk_send(victim, &m);
	case PEER_CALLS:
		m.m1_p1 = buffer;
		return dvk_sendrec(victim, &m);
	default:
		break;
	}
	if (dvk_receive(victim, &m))
		return EDVSSRCDIED;
	dvk_reply(victim, &m);
	return 0;
}

/* Talks with each victim until it is told that it is gone. */
static void be_peer(void)
{
	int round = 0;

	shared->peer = (int)bind_as(PEER);
	for (;;) {
		long r;

		while (shared->round == round)
			usleep(200);
		round = shared->round;
		do {
			m.m_type = 1;
			r = talk(shared->victim);
		} while (!r);
		shared->error = r;
		shared->told_us = now_us();
		shared->told = round;
	}
}

static void be_server(void)
{
	if (bind_as(SERVER) < EDVSERRCODE)
		_exit(5);
	for (;;) {
		if (!dvk_receive(ANY, &m))
			dvk_reply(m.m_source, &m);
	}
}

static void be_caller(void)
{
	long server;

	if (bind_as(CALLER) < EDVSERRCODE)
		_exit(5);
	server = dvk_wait4bindep_T(SERVER, HUNG_MS);
	for (;; usleep(500)) {
		int64_t begin = now_us(), took;

		shared->bad_calls += dvk_sendrec_T((int)server, &m, HUNG_MS) != 0;
		took = now_us() - begin;
		if (took > shared->slowest_us)
			shared->slowest_us = took;
		shared->calls++;
	}
}

static pid_t start(void (*be)(void))
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	be();
	_exit(0);
}

/* ---- the one who steps and kills ---- */

/* True once the child has stopped; false: it sleeps, or has gone. */
static bool await_stop(pid_t pid, int ms)
{
	int64_t deadline = now_us() + (int64_t)ms * 1000;
	int status;

	for (;;) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFSTOPPED(status);
		if (now_us() > deadline)
			return false;
	}
}

static bool is_at_end(pid_t pid)
{
	siginfo_t info;

	return ptrace(PTRACE_GETSIGINFO, pid, NULL, &info) == 0 && info.si_signo == SIGSTOP;
}

/* Steps up to `count` instructions. How many it were until the call had ended or slept. */
static long step(pid_t pid, long count)
{
	for (long i = 0; i < count; i++) {
		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) < 0 || !await_stop(pid, BLOCK_MS) ||
		    is_at_end(pid))
			return i;
	}
	return count;
}

static void bury(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Milliseconds until the peer of this round has been told; HUNG_MS: it was not. */
static long await_told(int round, int64_t killed_us)
{
	while (shared->told != round) {
		if (now_us() - killed_us > HUNG_MS * 1000)
			return HUNG_MS;
		usleep(200);
	}
	return shared->told_us > killed_us ? (long)((shared->told_us - killed_us) / 1000) : 0;
}

static int take_and_give_back(void)
{
	long endpoint = bind_as(VICTIM);

	return endpoint < EDVSERRCODE || dvk_unbind(0, (int)endpoint);
}

/* A fresh process gets the slot as soon as the dead one has been noticed. */
static long await_free(int64_t killed_us)
{
	long r = EDVSSLOTUSED;
	int status;

	while (r == EDVSSLOTUSED && now_us() - killed_us < HUNG_MS * 1000) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(take_and_give_back());
		waitpid(pid, &status, 0);
		r = status ? EDVSSLOTUSED : 0;
	}
	return (long)((now_us() - killed_us) / 1000);
}

/* Kills one victim after so many instructions. Returns how many it were; *late: in ms, the worst. */
static long kill_one(const struct scene *scene, long count, long *late)
{
	int round = shared->round + (scene->peer != PEER_IDLE);
	int64_t killed_us;
	long done, told = 0, freed;
	pid_t pid;

	shared->answer = scene->peer;
	pid = start_victim(scene);
	if (!await_stop(pid, HUNG_MS)) {
		fail("the victim did not come to its call after ... instructions", count);
		bury(pid);
		return 0;
	}
	done = step(pid, count);
	killed_us = now_us();
	bury(pid);
	if (scene->peer != PEER_IDLE)
		told = await_told(round, killed_us);
	freed = await_free(killed_us);
	if (told >= HUNG_MS)
		fail("the peer hangs, after ... instructions", count);
	if (freed >= HUNG_MS)
		fail("the slot stays taken, after ... instructions", count);
	*late = told > freed ? told : freed;
	return done;
}

static long kill_timely(const struct scene *scene, long count)
{
	long late = HUNG_MS, done = 0;

	for (int i = 0; i < TRIES && late > TOLD_MS && !failures; i++)
		done = kill_one(scene, count, &late);
	if (late > TOLD_MS)
		fail("it took ... ms until all was as it should be", late);
	return done;
}

/* How long the call is when nobody kills its caller before its end. */
static void sweep(const struct scene *scene, int points)
{
	int before = failures;
	long total, kills = 0, worst, stride;

	current = scene->name;
	total = kill_one(scene, 1000000, &worst);
	stride = points && total > points ? total / points : 1;
	for (long at = 0; at <= total && failures == before; at += stride, kills++)
		kill_timely(scene, at);
	if (failures == before)
		printf("ok - killed inside %s: %ld points of %ld instructions\n", scene->name,
		       kills, total);
	else
		printf("not ok - killed inside %s\n", scene->name);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int points = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 20;
	pid_t others[3];

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		return 1;
	setbuf(stdout, NULL);
	others[0] = start(be_peer);
	others[1] = start(be_server);
	others[2] = start(be_caller);
	for (int i = 0; i < HUNG_MS && (!shared->peer || !shared->calls); i++)
		usleep(1000);
	for (unsigned i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++)
		if (argc < 3 || !strcmp(argv[2], scenes[i].name))
			sweep(&scenes[i], points);
	printf("%s - others noticed nothing: %u calls, %u failed, the slowest took %ld us\n",
	       shared->calls && !shared->bad_calls && shared->slowest_us < 1000000 ? "ok"
										   : "not ok",
	       shared->calls, shared->bad_calls, (long)shared->slowest_us);
	if (!shared->calls || shared->bad_calls || shared->slowest_us >= 1000000)
		failures++;
	for (int i = 0; i < 3; i++)
		bury(others[i]);
	return failures != 0;
}
