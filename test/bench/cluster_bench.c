/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a process of a cluster sees, measured from inside.
 *
 *	bind DC EP COUNT	microseconds until the endpoint is bound: the median
 *	binds DC COUNT		says `ready`, waits for a line on its input, and has that many processes bind 0, 1, ...
 *				at once: the clock's microseconds at the first call and at the last answer
 *	wait DC EP SERVER_EP	calls the server, which never answers, and says when that ends
 *	serve DC EP		takes calls and answers none
 */

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "bench/measure.h"
#include "dvk.h"

static int dcid, ep;

static long long now_us(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000ll + time.tv_nsec / 1000;
}

static void check(const char *what, long r)
{
	if (r >= EDVSERRCODE)
		return;
	fprintf(stderr, "cluster_bench: %s: %ld\n", what, r);
	exit(1);
}

static int by_value(const void *a, const void *b)
{
	long long x = *(const long long *)a, y = *(const long long *)b;

	return (x > y) - (x < y);
}

static int time_binds(int count)
{
	long long *took = calloc((size_t)count, sizeof(*took));

	if (!took || count < 1)
		measure_fail("calloc");
	for (int i = 0; i < count; i++) {
		long long begin = now_us();

		check("bind", dvk_bind(dcid, ep));
		took[i] = now_us() - begin;
		check("unbind", dvk_unbind(dcid, ep));
	}
	qsort(took, (size_t)count, sizeof(*took), by_value);
	printf("%lld\n", took[count / 2]);
	return 0;
}

static _Noreturn void bind_one(int slot, int go, int done)
{
	char byte;
	long r;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	r = dvk_open();
	if (write(done, "r", 1) != 1 || read(go, &byte, 1) != 1)
		_exit(1);
	if (r >= 0)
		r = dvk_bind(dcid, slot);
	if (r < EDVSERRCODE)
		fprintf(stderr, "cluster_bench: endpoint %d: %ld\n", slot, r);
	else if (write(done, "b", 1) == 1)
		for (;;)
			pause();
	_exit(1);
}

static int bind_at_once(int count)
{
	int go[2], done[2];
	char byte, bytes[256];
	long long begin;

	if (pipe(go) < 0 || pipe(done) < 0 || count > (int)sizeof(bytes))
		measure_fail("pipe");
	for (int i = 0; i < count; i++)
		if (!fork())
			bind_one(i, go[0], done[1]);
	close(done[1]);
	for (int i = 0; i < count; i++)
		if (read(done[0], &byte, 1) != 1)
			measure_fail("a child");
	printf("ready\n");
	fflush(stdout);
	if (!fgets(bytes, sizeof(bytes), stdin))
		return 1;
	begin = now_us();
	if (write(go[1], bytes, (size_t)count) != count)
		measure_fail("write");
	for (int i = 0; i < count; i++)
		if (read(done[0], &byte, 1) != 1)
			measure_fail("a child");
	printf("%lld %lld\n", begin, now_us());
	fflush(stdout);
	return fgets(bytes, sizeof(bytes), stdin) == NULL; /* they stay until then */
}

static int wait_for(int server)
{
	message m = { .m_type = 1 };
	long r;

	check("bind", dvk_bind(dcid, ep));
	printf("ready\n");
	fflush(stdout);
	r = dvk_sendrec(server, &m);
	printf("%lld %ld\n", now_us(), r);
	return 0;
}

static _Noreturn void serve(void)
{
	check("wait4bind", dvk_wait4bind_T(5000));
	for (;;) {
		message m;

		dvk_receive(ANY, &m);
	}
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr,
			"usage: cluster_bench bind DC EP COUNT | binds DC COUNT | wait DC EP "
			"SERVER_EP | serve DC EP\n");
		return 2;
	}
	dcid = (int)strtol(argv[2], NULL, 10);
	ep = (int)strtol(argv[3], NULL, 10);
	if (!strcmp(argv[1], "binds"))
		return bind_at_once(ep);
	if (dvk_open() < 0)
		measure_fail("dvk_open");
	if (argc == 5 && !strcmp(argv[1], "bind"))
		return time_binds((int)strtol(argv[4], NULL, 10));
	if (argc == 5 && !strcmp(argv[1], "wait"))
		return wait_for((int)strtol(argv[4], NULL, 10));
	serve();
}
