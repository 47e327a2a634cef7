/* SPDX-License-Identifier: Apache-2.0 */
/* What a process is: names, arguments, limits, priorities, settings. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/auxv.h>

#include "victims/victim.h"

static void slurp(const char *name, char *text, size_t bytes)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? 0 : read(fd, text, bytes - 1);

	text[got > 0 ? got : 0] = 0;
	if (fd >= 0)
		close(fd);
}

struct world {
	char cmdline[512], environ[2048], comm[64], exe[512], cwd[512], auxv[1024], oom[32],
		filter[32], login[32];
	struct rlimit limits[16];
	mode_t mask;
	int nice, policy, dumpable, thp, reaper, death, slack, person;
	cpu_set_t cpus;
	void *heap_start;
	pid_t ids[4];
};

static void look(struct world *world)
{
	memset(world, 0, sizeof(*world));
	slurp("/proc/self/cmdline", world->cmdline, sizeof(world->cmdline));
	slurp("/proc/self/environ", world->environ, sizeof(world->environ));
	slurp("/proc/self/comm", world->comm, sizeof(world->comm));
	slurp("/proc/self/auxv", world->auxv, sizeof(world->auxv));
	slurp("/proc/self/loginuid", world->login, sizeof(world->login));
	slurp("/proc/self/oom_score_adj", world->oom, sizeof(world->oom));
	slurp("/proc/self/coredump_filter", world->filter, sizeof(world->filter));
	VICTIM_CHECK(readlink("/proc/self/exe", world->exe, sizeof(world->exe) - 1) > 0);
	VICTIM_CHECK(getcwd(world->cwd, sizeof(world->cwd)) != NULL);
	for (int i = 0; i < 16; i++)
		getrlimit(i, &world->limits[i]);
	world->mask = umask(0);
	umask(world->mask);
	world->nice = getpriority(PRIO_PROCESS, 0);
	world->policy = sched_getscheduler(0);
	world->dumpable = prctl(PR_GET_DUMPABLE);
	world->thp = prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0);
	prctl(PR_GET_CHILD_SUBREAPER, &world->reaper);
	prctl(PR_GET_PDEATHSIG, &world->death);
	world->slack = prctl(PR_GET_TIMERSLACK);
	world->person = personality(0xffffffff);
	sched_getaffinity(0, sizeof(world->cpus), &world->cpus);
	world->ids[0] = getpid();
	world->ids[1] = getppid();
	world->ids[2] = getsid(0);
	world->ids[3] = getpgrp();
}

/* As a login does it; a kernel that does not know of it, or lets it be set only once, leaves it as it is. */
static void log_in(void)
{
	int fd = open("/proc/self/loginuid", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "4711", 4) != 4)
		fprintf(stderr, "the login user id cannot be set here\n");
	close(fd);
}

static void differ(void)
{
	log_in();
	cpu_set_t one;

	VICTIM_CHECK(chdir("/usr/bin") == 0);
	umask(027);
	VICTIM_CHECK(setpriority(PRIO_PROCESS, 0, 7) == 0);
	VICTIM_CHECK(sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){ 0 }) == 0);
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 333, 444 });
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 1 << 20, 2 << 20 });
	setrlimit(RLIMIT_STACK, &(struct rlimit){ 3 << 20, RLIM_INFINITY });
	prctl(PR_SET_NAME, "changed name");
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_PDEATHSIG, SIGUSR2);
	prctl(PR_SET_TIMERSLACK, 123456);
	prctl(PR_SET_DUMPABLE, 0);
	personality(ADDR_NO_RANDOMIZE);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
	int fd = open("/proc/self/oom_score_adj", O_WRONLY);

	VICTIM_CHECK(write(fd, "321", 3) == 3);
	close(fd);
	fd = open("/proc/self/coredump_filter", O_WRONLY);
	VICTIM_CHECK(write(fd, "0x7f", 4) == 4);
	close(fd);
}

int main(int argc, char **argv)
{
	static struct world before, after;
	char *heap;

	victim_begin();
	differ();
	look(&before);
	heap = sbrk(10000);
	victim_ready();
	while (victim_moved()) {
		look(&after);
		VICTIM_CHECK(strcmp(before.cmdline, after.cmdline) == 0);
		VICTIM_CHECK(strcmp(before.environ, after.environ) == 0);
		VICTIM_CHECK(strcmp(before.comm, after.comm) == 0);
		VICTIM_CHECK(strcmp(before.exe, after.exe) == 0);
		VICTIM_CHECK(strcmp(before.cwd, after.cwd) == 0);
		VICTIM_CHECK(strcmp(before.oom, after.oom) == 0);
		VICTIM_CHECK(strcmp(before.filter, after.filter) == 0);
		VICTIM_CHECK(strcmp(before.login, after.login) == 0);
		VICTIM_CHECK(memcmp(before.auxv, after.auxv, sizeof(after.auxv)) == 0);
		VICTIM_CHECK(memcmp(before.limits, after.limits, sizeof(after.limits)) == 0);
		VICTIM_CHECK(before.mask == after.mask && before.nice == after.nice);
		VICTIM_CHECK(before.policy == after.policy && before.dumpable == after.dumpable);
		VICTIM_CHECK(before.thp == after.thp && before.reaper == after.reaper);
		VICTIM_CHECK(before.death == after.death && before.slack == after.slack);
		VICTIM_CHECK(before.person == after.person && CPU_EQUAL(&before.cpus, &after.cpus));
		VICTIM_CHECK(memcmp(before.ids, after.ids, sizeof(after.ids)) == 0);
		char *next = sbrk(5000);

		VICTIM_CHECK(next >= heap + 5000);
		heap = next;
		heap[4999] = 1;
		VICTIM_CHECK(argc == 1 && strstr(argv[0], "identity") && getenv("LC_ALL"));
	}
	return victim_end();
}
