/* SPDX-License-Identifier: Apache-2.0 */

/*
 *	measurer                               partner
 *	yields alone                           sleeps
 *	yields, and waits for no answer        yields all the time, held to the same CPU
 *	notes the time, wakes                  sleeps on another CPU; notes when it runs
 *
 * Both are processes, because a switch between address spaces costs more than one between threads. They
 * make system calls only, and share one page with the parent, so a fork of one thread of many is enough.
 */

#include "os/costs.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/futex.h"
#include "os/socket.h"

#define YIELDS	  400
#define WAKES	  24
#define SETTLE_NS (20 * OS_US_NS) /* so that the other CPU has gone idle before it is woken */

enum stage {
	STAGE_APART,
	STAGE_TOGETHER,
	STAGE_WAKES,
	STAGE_OVER
};

struct shared {
	_Atomic uint32_t stage; /* the partner sleeps on it while APART and WAKES */
	_Atomic uint32_t asleep;
	_Atomic uint32_t rung;
	_Atomic int64_t woken_ns;
	_Atomic uint32_t done;
	struct os_costs costs;
};

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static uint32_t lower_quartile(int64_t *samples, int count)
{
	assert(count > 0);
	qsort(samples, (size_t)count, sizeof(*samples), compare);
	return samples[count / 4] > UINT32_MAX ? UINT32_MAX : (uint32_t)samples[count / 4];
}

static void hold_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* Another CPU that we may use, or the same. */
static int other_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return cpu;
	for (int i = 1; i < CPU_SETSIZE; i++)
		if (CPU_ISSET((cpu + i) % CPU_SETSIZE, &set))
			return (cpu + i) % CPU_SETSIZE;
	return cpu;
}

static uint32_t measure_yields(void)
{
	int64_t sample[YIELDS];

	for (int i = 0; i < YIELDS; i++) {
		int64_t begin = os_now_ns();

		sched_yield();
		sample[i] = os_now_ns() - begin;
	}
	return lower_quartile(sample, YIELDS);
}

static void set_stage(struct shared *shared, enum stage stage)
{
	atomic_store(&shared->stage, stage);
	os_futex_wake(&shared->stage, 1);
}

static uint32_t measure_wakes(struct shared *shared)
{
	int64_t sample[WAKES];

	for (int i = 0; i < WAKES; i++) {
		int64_t begin;

		while (!atomic_load(&shared->asleep))
			sched_yield();
		begin = os_now_ns();
		while (os_now_ns() - begin < SETTLE_NS)
			;
		atomic_store(&shared->asleep, 0);
		begin = os_now_ns();
		atomic_fetch_add(&shared->rung, 1);
		os_futex_wake(&shared->rung, 1);
		while (!atomic_load(&shared->woken_ns))
			sched_yield();
		sample[i] = atomic_exchange(&shared->woken_ns, 0) - begin;
	}
	return lower_quartile(sample, WAKES);
}

static void partner(struct shared *shared, int cpu, int other)
{
	hold_to(cpu);
	while (atomic_load(&shared->stage) == STAGE_APART)
		os_futex_wait(&shared->stage, STAGE_APART, -1);
	while (atomic_load(&shared->stage) == STAGE_TOGETHER)
		sched_yield();
	hold_to(other);
	for (int i = 0; i < WAKES && atomic_load(&shared->stage) == STAGE_WAKES; i++) {
		uint32_t rung = atomic_load(&shared->rung);

		atomic_store(&shared->asleep, 1);
		while (atomic_load(&shared->rung) == rung)
			os_futex_wait(&shared->rung, rung, -1);
		atomic_store(&shared->woken_ns, os_now_ns());
	}
}

/* The children end with the thread that made them: no measurement outlives the measured. */
static pid_t child_of(void (*body)(struct shared *shared, int cpu, int other),
		      struct shared *shared, int cpu, int other)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		body(shared, cpu, other);
		_exit(0);
	}
	return pid;
}

static void measurer(struct shared *shared, int cpu, int other)
{
	pid_t pid;

	hold_to(cpu);
	pid = child_of(partner, shared, cpu, other);
	if (pid < 0)
		return;
	shared->costs.yield_ns = measure_yields();
	set_stage(shared, STAGE_TOGETHER);
	shared->costs.switch_ns = measure_yields();
	set_stage(shared, STAGE_WAKES);
	shared->costs.wake_ns = measure_wakes(shared);
	set_stage(shared, STAGE_OVER);
	waitpid(pid, NULL, 0);
	atomic_store(&shared->done, 1);
	os_futex_wake(&shared->done, 1);
}

/*
 * Several daemons that start at one time, those of a lab, measure one after the other: each would measure the switches
 * of the others. Not for ever; the descriptor, or negative: it is not known to be alone.
 */
static int take_turn(int limit_ms)
{
	const struct timespec pause = { .tv_nsec = OS_MS_NS };
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	for (int i = 0; fd >= 0 && i < limit_ms && flock(fd, LOCK_EX | LOCK_NB) < 0; i++)
		nanosleep(&pause, NULL);
	return fd;
}

int os_costs_measure(struct os_costs *costs, int limit_ms)
{
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int64_t until = os_deadline_ns(limit_ms);
	OS_CLEANUP_FD int turn = take_turn(limit_ms / 2);
	int cpu = sched_getcpu(), r = 0;
	pid_t pid;

	if (shared == MAP_FAILED)
		return -errno;
	cpu = cpu < 0 ? 0 : cpu;
	pid = child_of(measurer, shared, cpu, other_cpu(cpu));
	if (pid < 0) {
		r = -errno;
	} else {
		while (!atomic_load(&shared->done) && r != -ETIMEDOUT)
			r = os_futex_wait(&shared->done, 0, until);
		r = atomic_load(&shared->done) ? 0 : -ETIMEDOUT;
		if (r)
			kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	if (r == 0)
		*costs = shared->costs;
	munmap(shared, sizeof(*shared));
	return r;
}
