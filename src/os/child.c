/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/child.h"
#include "os/netns.h"

/* Between fork and exec: tells the parent the errno and ends. */
static void child_fail(int fd, int error)
{
	ssize_t done = write(fd, &error, sizeof(error));

	assert(error > 0);
	_exit(done < 0 ? 126 : 127);
}

static void child_streams(const struct child_plan *plan, int channel)
{
	int null = open("/dev/null", O_RDONLY), log = null;

	if (plan->log)
		log = open(plan->log, O_WRONLY | O_APPEND | O_CREAT, 0644);
	if (null < 0 || log < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
		child_fail(channel, errno);
	if (null > 2)
		close(null);
	if (log > 2)
		close(log);
}

static void child_start(const struct child_plan *plan, int channel)
{
	int zero = 0, r;
	char go;

	if (setsid() < 0)
		child_fail(channel, errno);
	r = plan->netns_pid ? os_netns_enter(plan->netns_pid) : os_netns_new();
	if (r < 0)
		child_fail(channel, -r);
	child_streams(plan, channel);
	if (write(channel, &zero, sizeof(zero)) != sizeof(zero))
		_exit(127);
	if (read(channel, &go, 1) != 1)
		_exit(127); /* the caller has gone or changed its mind */
	/* A daemon lives long: it must not keep descriptors that our own caller had open, of a lock for instance. */
	close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	if (plan->ready_fd >= 0 && fcntl(plan->ready_fd, F_SETFD, 0) < 0)
		child_fail(channel, errno);
	if (plan->env_key && setenv(plan->env_key, plan->env_value, 1) < 0)
		child_fail(channel, errno);
	if (chdir("/") < 0)
		child_fail(channel, errno);
	execv(plan->argv[0], plan->argv);
	child_fail(channel, errno);
}

/* The child's word: 0, or the errno of the step that failed; no word at all is its death. */
static int read_word(int fd)
{
	int error;
	ssize_t got;

	do
		got = read(fd, &error, sizeof(error));
	while (got < 0 && errno == EINTR);
	if (got == 0)
		return 1;
	return got == sizeof(error) ? -error : -EIO;
}

int os_child_hold(const struct child_plan *plan, pid_t *pidp, int *gop)
{
	int pair[2], r;
	pid_t pid;

	assert(plan->argv && plan->argv[0]);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = fork();
	if (pid < 0) {
		r = -errno;
		close(pair[0]);
		close(pair[1]);
		return r;
	}
	if (pid == 0) {
		close(pair[0]);
		child_start(plan, pair[1]);
	}
	close(pair[1]);
	r = read_word(pair[0]);
	if (r) {
		close(pair[0]);
		waitpid(pid, NULL, 0);
		return r > 0 ? -EIO : r;
	}
	*pidp = pid;
	*gop = pair[0];
	return 0;
}

int os_child_go(int go)
{
	int r = send(go, "g", 1, MSG_NOSIGNAL) == 1 ? 0 : -errno;

	assert(go >= 0);
	if (!r) {
		/* exec closes the child's end: the end of file is the good news */
		r = read_word(go);
		if (r > 0)
			r = 0;
	}
	close(go);
	return r;
}

static void run_start(char *const *argv, pid_t netns_pid, int in, int out)
{
	assert(argv[0]);
	if (netns_pid && os_netns_enter(netns_pid) < 0) {
		dprintf(out, "cannot enter the network namespace of process %d", netns_pid);
		_exit(126);
	}
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(126);
	execvp(argv[0], argv);
	dprintf(2, "cannot run %s: %s", argv[0], strerror(errno));
	_exit(127);
}

static void read_all(int fd, char *output, size_t size)
{
	char rest[512];
	size_t len = 0;
	ssize_t got;

	for (;;) {
		if (len + 1 < size)
			got = read(fd, output + len, size - 1 - len);
		else
			got = read(fd, rest, sizeof(rest));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		if (len + 1 < size)
			len += (size_t)got;
	}
	assert(!size || len < size);
	if (size)
		output[len] = '\0';
}

/* The input goes through a file without a name, so that no pipe can fill up and block us. */
static int input_file(const char *input)
{
	FILE *file = tmpfile();
	int fd;

	if (!file)
		return -errno;
	if (fputs(input, file) < 0 || fflush(file) || fseek(file, 0, SEEK_SET)) {
		fclose(file);
		return -EIO;
	}
	fd = fcntl(fileno(file), F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		fd = -errno;
	fclose(file);
	return fd;
}

int os_child_run(char *const *argv, pid_t netns_pid, const char *input, char *output, size_t size)
{
	int in, out[2], r = 0, status;
	pid_t pid;

	assert(argv[0]);
	in = input_file(input ? input : "");
	if (in < 0)
		return in;
	if (pipe2(out, O_CLOEXEC) < 0) {
		r = -errno;
		goto close_in;
	}
	pid = fork();
	if (pid == 0)
		run_start(argv, netns_pid, in, out[1]);
	if (pid < 0)
		r = -errno;
	close(out[1]);
	if (pid > 0) {
		read_all(out[0], output, size);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		r = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	close(out[0]);
close_in:
	close(in);
	return r;
}
