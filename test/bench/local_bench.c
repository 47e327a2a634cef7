/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a message costs between two processes of one node, ours and all others measured by the same
 * loops.
 *
 *	local_bench ways				the ways this program was built with
 *	local_bench trip WAY COUNT CPU CPU		median microseconds of a round trip
 *	local_bench pairs WAY PAIRS MS			round trips per second of all pairs, unpinned
 *	local_bench copy BYTES COUNT			dvk_vcopy and process_vm_readv, microseconds each
 *
 * CPU: of the client and of the server; -1 for any. Figures are medians of batches after one that
 * does not count. To be run inside a node, where the daemon can be reached.
 */

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/way.h"

#define BATCHES	     21
#define PAIRS_MAX    64
#define CHILDREN_MAX (2 * PAIRS_MAX)

static pid_t child[CHILDREN_MAX];
static int children;
static pid_t parent;

void way_fail(const char *what)
{
	fprintf(stderr, "local_bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

void way_path(const struct way_pair *pair, char *path, size_t bytes, const char *prefix)
{
	snprintf(path, bytes, "%s/tmp/local_bench.%d.%d", prefix, (int)parent, pair->number);
}

static void end_children(void)
{
	if (getpid() != parent)
		return;
	for (int i = 0; i < children; i++)
		kill(child[i], SIGKILL);
	for (int i = 0; i < children; i++)
		waitpid(child[i], NULL, 0);
	children = 0;
}

/* 1 in the child. */
static int fork_child(void)
{
	pid_t pid = fork();

	if (pid < 0)
		way_fail("fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		return 1;
	}
	child[children++] = pid;
	return 0;
}

static void *shared_memory(size_t bytes)
{
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		way_fail("mmap");
	return map;
}

static int number(const char *text)
{
	return (int)strtol(text, NULL, 10);
}

static void use_cpu(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		way_fail("sched_setaffinity");
}

static double now_us(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double batch[BATCHES])
{
	qsort(batch, BATCHES, sizeof(batch[0]), by_value);
	return batch[BATCHES / 2];
}

static const struct way *find_way(const char *name)
{
	const struct way *all[] = { ways_ours, ways_kernel, ways_memory, ways_library };

	for (int i = 0; i < 4; i++) {
		for (const struct way *way = all[i]; way->name; way++) {
			if (!strcmp(way->name, name))
				return way;
		}
	}
	fprintf(stderr, "local_bench: built without '%s'\n", name);
	exit(2);
}

static int show_ways(void)
{
	const struct way *all[] = { ways_ours, ways_kernel, ways_memory, ways_library };

	for (int i = 0; i < 4; i++) {
		for (const struct way *way = all[i]; way->name; way++)
			printf("%s\n", way->name);
	}
	return 0;
}

static void prepare(const struct way *way, struct way_pair *pair, int i)
{
	*pair = (struct way_pair){ .number = i, .memory = shared_memory(4096) };
	if (way->prepare)
		way->prepare(pair);
}

static void finish(const struct way *way, struct way_pair *pair)
{
	if (way->finish)
		way->finish(pair);
}

/* ---- the time of one round trip ---- */

static double batch_us(const struct way *way, struct way_pair *pair, int size)
{
	double begin = now_us();

	for (int i = 0; i < size; i++)
		way->trip(pair);
	return (now_us() - begin) / size;
}

static int measure_trip(const struct way *way, int count, int client_cpu, int server_cpu)
{
	int size = count / BATCHES > 0 ? count / BATCHES : 1;
	double batch[BATCHES];
	struct way_pair pair;

	prepare(way, &pair, 0);
	if (fork_child()) {
		use_cpu(server_cpu);
		way->serve(&pair);
		exit(1);
	}
	use_cpu(client_cpu);
	if (way->begin)
		way->begin(&pair);
	batch_us(way, &pair, size);
	for (int i = 0; i < BATCHES; i++)
		batch[i] = batch_us(way, &pair, size);
	printf("%.4f\n", median(batch));
	end_children();
	finish(way, &pair);
	return 0;
}

/* ---- many pairs at once ---- */

struct race {
	_Atomic int ready, go;
	struct {
		_Alignas(64) _Atomic uint64_t trips;
	} of[PAIRS_MAX];
};

static void run_client(const struct way *way, struct way_pair *pair, struct race *race)
{
	_Atomic uint64_t *trips = &race->of[pair->number].trips;

	if (way->begin)
		way->begin(pair);
	way->trip(pair);
	race->ready++;
	while (!race->go)
		usleep(1000);
	for (uint64_t n = 1;; n++) {
		way->trip(pair);
		atomic_store_explicit(trips, n, memory_order_relaxed);
	}
}

static uint64_t sum(struct race *race, int pairs)
{
	uint64_t all = 0;

	for (int i = 0; i < pairs; i++)
		all += race->of[i].trips;
	return all;
}

static int measure_pairs(const struct way *way, int pairs, int ms)
{
	static struct way_pair pair[PAIRS_MAX];
	struct race *race = shared_memory(sizeof(*race));
	uint64_t before;
	double begin, took;

	if (pairs < 1 || pairs > PAIRS_MAX)
		return 2;
	for (int i = 0; i < pairs; i++) {
		prepare(way, &pair[i], i);
		if (fork_child()) {
			way->serve(&pair[i]);
			exit(1);
		}
		if (fork_child())
			run_client(way, &pair[i], race);
	}
	for (int i = 0; i < 20000 && race->ready < pairs; i++)
		usleep(1000);
	if (race->ready < pairs)
		way_fail("not all pairs came to talk");
	race->go = 1;
	usleep((unsigned)ms * 250);
	begin = now_us();
	before = sum(race, pairs);
	usleep((unsigned)ms * 1000);
	took = now_us() - begin;
	printf("%.0f\n", (double)(sum(race, pairs) - before) * 1e6 / took);
	end_children();
	for (int i = 0; i < pairs; i++)
		finish(way, &pair[i]);
	return 0;
}

/* ---- copies from a process that waits for our answer, in turn with the kernel's ---- */

#define COPIER 10 /* a system process: others may not copy */
#define COPIED 50

static char block[MAXCOPYLEN];

static void must(long result, const char *what)
{
	if (result > EDVSERRCODE)
		return;
	fprintf(stderr, "local_bench: %s: %ld\n", what, result);
	exit(1);
}

static void be_copied(void)
{
	message m = { .m1_p1 = block, .m1_i1 = getpid() };

	memset(block, 1, sizeof(block));
	must(dvk_open(), "dvk_open");
	must(dvk_bind(0, COPIED), "dvk_bind");
	must(dvk_sendrec(dvk_wait4bindep_T(COPIER, 5000), &m), "dvk_sendrec");
	exit(0);
}

static double copy_us(const message *m, int bytes, int count, int ours)
{
	struct iovec here = { block, (size_t)bytes }, there = { m->m1_p1, (size_t)bytes };
	double begin = now_us();

	for (int i = 0; i < count; i++) {
		if (ours)
			must(dvk_vcopy(m->m_source, m->m1_p1, SELF, block, bytes), "dvk_vcopy");
		else if (process_vm_readv(m->m1_i1, &here, 1, &there, 1, 0) != bytes)
			way_fail("process_vm_readv");
	}
	return (now_us() - begin) / count;
}

static int measure_copies(int bytes, int count)
{
	int size = count / BATCHES > 0 ? count / BATCHES : 1;
	double batch[2][BATCHES];
	message m;

	if (bytes < 1 || bytes > (int)sizeof(block))
		return 2;
	must(dvk_open(), "dvk_open");
	must(dvk_bind(0, COPIER), "dvk_bind");
	memset(block, 1, sizeof(block));
	if (fork_child())
		be_copied();
	must(dvk_receive(ANY, &m), "dvk_receive");
	for (int i = -1; i < BATCHES; i++) {
		for (int ours = 0; ours < 2; ours++)
			batch[ours][i < 0 ? 0 : i] = copy_us(&m, bytes, size, ours);
	}
	printf("%.4f %.4f\n", median(batch[1]), median(batch[0]));
	must(dvk_send(m.m_source, &m), "dvk_send");
	waitpid(child[0], NULL, 0);
	children = 0;
	return 0;
}

static int is(const char *verb, const char *name, int have, int need)
{
	return !strcmp(verb, name) && have == need;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	parent = getpid();
	atexit(end_children);
	if (is(verb, "ways", argc, 2))
		return show_ways();
	if (is(verb, "trip", argc, 6))
		return measure_trip(find_way(argv[2]), number(argv[3]), number(argv[4]),
				    number(argv[5]));
	if (is(verb, "pairs", argc, 5))
		return measure_pairs(find_way(argv[2]), number(argv[3]), number(argv[4]));
	if (is(verb, "copy", argc, 4))
		return measure_copies(number(argv[2]), number(argv[3]));
	fprintf(stderr, "usage: local_bench ways | trip WAY COUNT CPU CPU | pairs WAY PAIRS MS | "
			"copy BYTES COUNT\n");
	return 2;
}
