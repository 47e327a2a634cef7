/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/stage_init_test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int stage_init_send(int sock, const struct stage_request *request, const int *fds)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(4 * sizeof(int))];
	} control = { 0 };
	struct iovec io = { .iov_base = (void *)request, .iov_len = sizeof(*request) };
	struct msghdr message = { .msg_iov = &io, .msg_iovlen = 1 };
	size_t bytes = request->fd_count * sizeof(int);

	if (bytes) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(bytes);
		control.head.cmsg_len = CMSG_LEN(bytes);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(&control.head), fds, bytes);
	}
	return sendmsg(sock, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static ssize_t receive_with_fds(int sock, void *data, size_t bytes, int *fds)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(4 * sizeof(int))];
	} control = { 0 };
	struct iovec io = { .iov_base = data, .iov_len = bytes };
	struct msghdr message = { .msg_iov = &io,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	ssize_t got = recvmsg(sock, &message, MSG_CMSG_CLOEXEC);

	if (got > 0 && message.msg_controllen > sizeof(struct cmsghdr))
		memcpy(fds, CMSG_DATA(&control.head), control.head.cmsg_len - CMSG_LEN(0));
	return got;
}

static void become(const struct stage_request *request, int *fds)
{
	char *argv[STAGE_ARGS_MAX + 1] = { 0 };
	char *envp[] = { "PATH=/usr/bin:/bin", "LC_ALL=C", NULL };
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (request->fd_count == 1) {
		int high = fcntl(fds[0], F_DUPFD, 100);

		dup2(high, 3);
		syscall(SYS_close_range, 0, 2, 0);
	} else {
		int high[4];

		for (uint32_t i = 0; i < request->fd_count; i++)
			high[i] = fcntl(fds[i], F_DUPFD, 100);
		for (uint32_t i = 0; i < request->fd_count; i++)
			dup2(high[i], (int)i);
	}
	syscall(SYS_close_range, 4, ~0u, 0);
	for (uint32_t i = 0; i < request->argc; i++)
		argv[i] = (char *)request->arg[i];
	execve(argv[0], argv, envp);
	_exit(127);
}

static int start_child(const struct stage_request *request, int *fds)
{
	pid_t set_tid = request->vpid;
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
		uint64_t set_tid, set_tid_size, cgroup;
	} args = { .exit_signal = SIGCHLD, .set_tid = (uint64_t)&set_tid, .set_tid_size = 1 };
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0)
		become(request, fds);
	return pid < 0 ? -errno : 0;
}

static void on_sigchld(int signal)
{
	(void)signal;
}

static void reap(int sock)
{
	struct stage_news news = { .ended = 1 };

	while ((news.vpid = waitpid(-1, &news.status, WNOHANG)) > 0)
		send(sock, &news, sizeof(news), MSG_NOSIGNAL);
}

void stage_init_run(int sock)
{
	struct sigaction action = { .sa_handler = on_sigchld };
	sigset_t blocked, open;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigaction(SIGCHLD, &action, NULL);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGCHLD);
	sigprocmask(SIG_BLOCK, &blocked, &open);
	for (;;) {
		struct pollfd poll_fd = { .fd = sock, .events = POLLIN };

		reap(sock);
		if (ppoll(&poll_fd, 1, NULL, &open) < 0)
			continue;
		struct stage_request request;
		int fds[4];
		ssize_t got = receive_with_fds(sock, &request, sizeof(request), fds);

		if (got <= 0)
			_exit(0);
		struct stage_news news = { .vpid = request.vpid,
					   .status = start_child(&request, fds) };

		for (uint32_t i = 0; i < request.fd_count; i++)
			close(fds[i]);
		send(sock, &news, sizeof(news), MSG_NOSIGNAL);
	}
}
