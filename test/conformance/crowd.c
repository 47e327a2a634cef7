/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fairness under ANY: a server and a crowd of clients, of which each calls again as soon as it has its
 * answer. In each round the server waits until all of them have called; then the next COUNT turns have to
 * serve each of them once, however many call again in between.
 *
 *	crowd serve EP COUNT ROUNDS          binds EP; prints "served"
 *	crowd call EP FIRST COUNT ROUNDS     COUNT threads, bound to the slots from FIRST on; the process
 *	                                     itself to the one before
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dvk.h"

#define CLIENTS_MAX NR_PROCS
#define WAIT_MS	    20000

static int server, rounds;

static void fail(const char *what, long result)
{
	printf("%s: %ld\n", what, result);
	exit(1);
}

static int number(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (end == text || *end || n < -NR_TASKS || n > 100000)
		fail(text, EDVSINVAL);
	return (int)n;
}

static void *call(void *slot)
{
	int p_nr = (int)(long)slot;
	long r = dvk_tbind(0, p_nr);
	message m;

	if (r < EDVSERRCODE)
		fail("tbind", r);
	for (int i = 0; i < rounds; i++) {
		m.m_type = 1;
		r = dvk_sendrec_T(server, &m, WAIT_MS);
		if (r)
			fail("sendrec", r);
	}
	return NULL;
}

static void call_all(int first, int count)
{
	pthread_t thread[CLIENTS_MAX];

	for (int i = 0; i < count; i++)
		if (pthread_create(&thread[i], NULL, call, (void *)(long)(first + i)))
			fail("pthread_create", i);
	for (int i = 0; i < count; i++)
		pthread_join(thread[i], NULL);
}

/* How many wait for us, as the tables say. */
static int waiting(void)
{
	int count = 0;

	for (int p_nr = 0; p_nr < NR_PROCS; p_nr++) {
		proc_usr_t proc;

		if (dvk_getprocinfo(0, p_nr, &proc) == 0 && proc.p_rts_flags & SENDING &&
		    proc.p_sendto == server)
			count++;
	}
	return count;
}

static void await(int count)
{
	for (int i = 0; i < WAIT_MS / 10; i++) {
		if (waiting() == count)
			return;
		usleep(10000);
	}
	fail("waiting", waiting());
}

static void serve_all(int count, int round)
{
	static int served[CLIENTS_MAX];
	message m;

	for (int turn = 0; turn < count; turn++) {
		long r = dvk_receive_T(ANY, &m, WAIT_MS);
		int p_nr = _ENDPOINT_P(m.m_source);

		if (r)
			fail("receive", r);
		if (served[p_nr] == round)
			fail("served again before everybody had been", p_nr);
		served[p_nr] = round;
		r = dvk_reply_T(m.m_source, &m, WAIT_MS);
		if (r)
			fail("reply", r);
	}
}

static void serve(int count)
{
	for (int round = 1; round <= rounds; round++) {
		await(count);
		serve_all(count, round);
	}
	puts("served");
}

int main(int argc, char **argv)
{
	long r = dvk_open();

	if (r < 0 || argc < 5)
		fail("usage, or open", r);
	server = number(argv[2]);
	rounds = number(argv[argc - 1]);
	if (strcmp(argv[1], "serve") == 0) {
		r = dvk_bind(0, server);
		if (r != server)
			fail("bind", r);
		serve(number(argv[3]));
	} else {
		r = dvk_bind(0, number(argv[3]) - 1);
		if (r < EDVSERRCODE)
			fail("bind", r);
		r = dvk_wait4bindep_T(server, WAIT_MS);
		if (r != server)
			fail("wait4bind", r);
		call_all(number(argv[3]), number(argv[4]));
	}
	return 0;
}
