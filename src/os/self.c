/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/self.h"

int os_self_beside(const char *name, char *path, size_t size)
{
	static const char *const folders[] = { "", "/../libexec/dvs", "/../sbin", "/../bin" };
	char exe[512], *slash;
	ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	assert(size > 0);
	if (len < 0)
		return -errno;
	exe[len] = '\0';
	slash = strrchr(exe, '/');
	if (!slash)
		return -ENOENT;
	*slash = '\0';
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		if (snprintf(path, size, "%s%s/%s", exe, folders[i], name) >= (int)size)
			return -ENAMETOOLONG;
		if (access(path, X_OK) == 0)
			return 0;
	}
	return -ENOENT;
}

int os_self_cwd(char *path, size_t size)
{
	assert(size > 0);
	return getcwd(path, size) ? 0 : -errno;
}

unsigned os_self_umask(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return mask;
}

char **os_self_environment(void)
{
	return environ;
}

bool os_self_is_root(void)
{
	return geteuid() == 0;
}

void os_self_keep_running(void)
{
	static const int harmless[] = { SIGHUP,	 SIGINT,  SIGQUIT, SIGPIPE,  SIGALRM, SIGUSR1,
					SIGUSR2, SIGPROF, SIGPOLL, SIGPWR,   SIGTTIN, SIGTTOU,
					SIGTSTP, SIGXCPU, SIGXFSZ, SIGVTALRM };
	struct sigaction action = { .sa_handler = SIG_IGN };

	for (size_t i = 0; i < sizeof(harmless) / sizeof(*harmless); i++)
		sigaction(harmless[i], &action, NULL);
	for (int signo = SIGRTMIN; signo <= SIGRTMAX; signo++)
		sigaction(signo, &action, NULL);
}

int os_self_finish(const char *program, int status)
{
	/* Closed, and not only flushed: some file systems tell of a full disk only then. */
	bool failed = ferror(stdout) != 0;
	int copy = dup(STDOUT_FILENO);

	errno = 0;
	if (fflush(stdout))
		failed = true;
	if (copy >= 0 && close(copy) < 0)
		failed = true;
	if (!failed)
		return status;
	fprintf(stderr,
		"%s: standard output could not be written: %s; what was printed is not complete (%s)\n",
		program, errno ? strerror(errno) : "input/output error",
		errno == ENOSPC ? "EDVSNOSPC" : "EDVSIO");
	return status ? status : 1;
}

void os_self_name(const char *name)
{
	prctl(PR_SET_NAME, name, 0, 0, 0);
}

pid_t os_self_pid(void)
{
	return getpid();
}

int os_self_become(char **argv)
{
	assert(argv[0]);
	execvp(argv[0], argv);
	return -errno;
}

void os_self_kill(void)
{
	raise(SIGKILL);
	_exit(128 + SIGKILL);
}

void os_self_read_line(char *line, size_t size)
{
	if (!fgets(line, (int)size, stdin))
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
}

void os_self_sleep_ms(unsigned ms)
{
	struct timespec delay = os_timespec(ms * OS_MS_NS);

	clock_nanosleep(CLOCK_MONOTONIC, 0, &delay, NULL);
}

int os_self_pipe(int ends[2])
{
	return pipe2(ends, O_CLOEXEC) < 0 ? -errno : 0;
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signo)
{
	(void)signo;
	interrupted = 1;
}

bool os_self_interrupted(void)
{
	bool was = interrupted;

	interrupted = 0;
	return was;
}

void os_self_catch_interrupt(void)
{
	struct sigaction action = { .sa_handler = on_interrupt };
	sigset_t both;

	sigemptyset(&both);
	sigaddset(&both, SIGINT);
	sigaddset(&both, SIGTERM);
	sigprocmask(SIG_BLOCK, &both, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

int os_self_wait(int fd, int timeout_ms)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	struct timespec limit = os_timespec(timeout_ms * OS_MS_NS);
	sigset_t mask;
	int ready;

	assert(fd >= 0);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	sigdelset(&mask, SIGINT);
	sigdelset(&mask, SIGTERM);
	ready = ppoll(&wait, 1, timeout_ms < 0 ? NULL : &limit, &mask);
	if (ready < 0)
		return -errno;
	return ready ? 0 : -ETIMEDOUT;
}
