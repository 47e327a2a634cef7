/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process, its threads and its children, each of which is an endpoint and answers calls. The process calls all of
 * them in turn; from others they may be called as well. Each member counts the calls of each caller, and each answer
 * says which one it is: so a call that is lost, comes twice or out of its turn is seen, and a member that is not the
 * same any more. SIGTERM ends it.
 *
 * Usage: family DCID EP THREADS CHILDREN	the members have the endpoints from EP + 1 on, the threads first
 *	  family DCID EP call MEMBER...		calls those from outside
 */
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "dvk.h"

#define MEMBERS_MAX 32

static int dcid, own;
static volatile sig_atomic_t over;

static void on_term(int signo)
{
	(void)signo;
	over = 1;
}

static int fail(const char *what, int ep, long result)
{
	printf("failed: endpoint %d: %s: %ld\n", ep, what, result);
	fflush(stdout);
	return 1;
}

/* Answers with the number of the call, the count of this caller's calls, and the number of the task. */
static void serve(int ep)
{
	static _Thread_local int count[NR_TASKS + NR_PROCS];
	message m;
	long r = dvk_bind(dcid, ep);

	if (r < EDVSERRCODE)
		exit(fail("bind", ep, r));
	for (;;) {
		r = dvk_receive(ANY, &m);
		if (r < 0)
			exit(fail("receive", ep, r));
		m.m1_i2 = ++count[_ENDPOINT_P(m.m_source) + NR_TASKS];
		m.m1_i3 = (int)gettid();
		r = dvk_reply(m.m_source, &m);
		if (r < 0 && r != EDVSNOTBIND && r != EDVSDSTDIED)
			exit(fail("reply", ep, r));
	}
}

static void *thread(void *arg)
{
	serve((int)(long)arg);
	return NULL;
}

static int number(const char *text)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || *end || value < -NR_TASKS || value >= NR_PROCS)
		exit(fail(text, 0, value));
	return (int)value;
}

static int call(const int *member, int members)
{
	int tid[MEMBERS_MAX] = { 0 };
	long turns = 0;

	while (!over) {
		turns++;
		for (int i = 0; i < members; i++) {
			message m = { .m_type = 1, .m1_i1 = (int)turns };
			long r = dvk_sendrec(member[i], &m);

			/* It has not bound itself yet. */
			if (turns == 1 &&
			    (r == EDVSNOTBIND || r == EDVSENDPOINT || r == EDVSDEADSRCDST)) {
				usleep(1000);
				i--;
				continue;
			}
			if (over)
				break;
			if (r < 0)
				return fail("call", member[i], r);
			if (m.m1_i1 != turns || m.m1_i2 != turns)
				return fail("answer of another turn", member[i], m.m1_i2);
			if (tid[i] && tid[i] != m.m1_i3)
				return fail("answer of another task", member[i], m.m1_i3);
			tid[i] = m.m1_i3;
		}
		usleep(200);
	}
	printf("turns=%ld failed=0\n", turns);
	fflush(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	int member[MEMBERS_MAX], members = 0, threads, children;
	struct sigaction act = { .sa_handler = on_term };
	bool outside = argc > 3 && !strcmp(argv[3], "call");
	long r;

	if (argc < 5)
		return fail("usage", 0, argc);
	sigaction(SIGTERM, &act, NULL);
	dcid = number(argv[1]);
	own = number(argv[2]);
	threads = outside ? 0 : number(argv[3]);
	children = outside ? 0 : number(argv[4]);
	for (int i = 4; outside && i < argc && members < MEMBERS_MAX; i++)
		member[members++] = number(argv[i]);
	for (int i = 0; i < threads + children && members < MEMBERS_MAX; i++)
		member[members++] = own + 1 + i;
	for (int i = threads; i < threads + children; i++) {
		pid_t first = getpid();

		if (fork())
			continue;
		act.sa_handler = SIG_DFL;
		sigaction(SIGTERM, &act, NULL);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != first)
			_exit(1);
		if (dvk_open() < 0)
			exit(fail("open", member[i], 0));
		serve(member[i]);
	}
	if (dvk_open() < 0)
		return fail("open", own, 0);
	r = dvk_getep(getpid());
	if (r == EDVSNOTBIND)
		r = dvk_bind(dcid, own);
	if (r < EDVSERRCODE)
		return fail("bind", own, r);
	for (int i = 0; i < threads; i++) {
		pthread_t made;

		if (pthread_create(&made, NULL, thread, (void *)(long)member[i]))
			return fail("thread", member[i], 0);
	}
	return call(member, members);
}
