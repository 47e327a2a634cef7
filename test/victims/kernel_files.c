/* SPDX-License-Identifier: Apache-2.0 */
/* Files of /proc and /sys that tell of the kernel, of the process and of its child, read on from where they were. */
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "victims/victim.h"

static int status, maps, meminfo, version, sys, folder, of_child, of_init, space;
static pid_t child;

static int open_it(const char *name)
{
	int fd = open(name, O_RDONLY);

	VICTIM_CHECK(fd >= 0);
	return fd;
}

static bool tells(int fd, off_t from, const char *wanted)
{
	char text[8192] = "";

	return pread(fd, text, sizeof(text) - 1, from) > 0 && strstr(text, wanted);
}

static void check(void)
{
	struct stat found, wanted;
	char text[32];

	snprintf(text, sizeof(text), "\nPid:\t%d\n", getpid());
	VICTIM_CHECK(tells(status, 0, text));
	VICTIM_CHECK(lseek(status, 0, SEEK_CUR) == 6); /* after "Name:\t" */
	VICTIM_CHECK(read(status, text, 6) == 6 && memcmp(text, "kernel", 6) == 0);
	VICTIM_CHECK(lseek(status, 6, SEEK_SET) == 6);
	VICTIM_CHECK(tells(maps, 0, "[vdso]") || tells(maps, 4096, "[vdso]"));
	VICTIM_CHECK(tells(meminfo, 0, "MemTotal:") && tells(version, 0, "Linux version"));
	VICTIM_CHECK(sys < 0 || tells(sys, 0, "0"));
	VICTIM_CHECK(tells(of_init, 0, "\nPid:\t1\n"));
	VICTIM_CHECK(fstat(space, &found) == 0 && stat("/proc/self/ns/uts", &wanted) == 0 &&
		     found.st_ino == wanted.st_ino && found.st_dev == wanted.st_dev);
	VICTIM_CHECK(faccessat(folder, "fd", R_OK, 0) == 0);
	snprintf(text, sizeof(text), "%d (", child);
	VICTIM_CHECK(tells(of_child, 0, text));
	VICTIM_CHECK(fcntl(meminfo, F_GETFD) == FD_CLOEXEC && fcntl(meminfo, F_GETFL) & O_NONBLOCK);
}

int main(void)
{
	char name[32], text[6];

	victim_begin();
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	snprintf(name, sizeof(name), "/proc/%d/stat", child);
	of_child = open_it(name);
	status = open_it("/proc/self/status");
	maps = open_it("/proc/self/maps");
	meminfo = open("/proc/meminfo", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	version = open_it("/proc/version");
	sys = open("/sys/devices/system/cpu/online", O_RDONLY);
	folder = open_it("/proc/self");
	of_init = open_it("/proc/1/status");
	space = open_it("/proc/self/ns/uts");
	VICTIM_CHECK(read(status, text, 6) == 6);
	victim_ready();
	while (victim_moved())
		check();
	return victim_end();
}
