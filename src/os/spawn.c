/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parent and child of os_spawn_hold() talk over a socket pair, `channel` in the child:
 *
 *	child                            parent
 *	prepares itself
 *	word { READY or step, error } -->
 *	                             <-- one byte: go; or end of file: end
 *	execve: closes the channel   --> end of file: success
 *	   or: word { EXECUTE, error } -->
 */
#include "os/spawn.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/keeper.h"
#include "os/reap.h"
#include "os/socket.h"

#define LAST_PID_FILE	     "/proc/sys/kernel/ns_last_pid"
#define JOIN_SESSION_KEYRING 1	 /* KEYCTL_JOIN_SESSION_KEYRING */
#define HIGH_FD		     256 /* above every descriptor that a child is to have */
#define END_TIMEOUT_MS	     1000

struct word {
	int32_t step; /* OS_SPAWN_NONE: prepared */
	int32_t error;
};

const char *os_spawn_step_text(enum os_spawn_step step)
{
	static const char *const text[OS_SPAWN_STEPS] = {
		[OS_SPAWN_NONE] = "start it",
		[OS_SPAWN_CLONE] = "create the process",
		[OS_SPAWN_SESSION] = "make its session",
		[OS_SPAWN_STREAMS] = "open its standard streams",
		[OS_SPAWN_USER] = "become its user",
		[OS_SPAWN_FOLDER] = "enter its working directory",
		[OS_SPAWN_EXECUTE] = "execute it",
	};

	return (unsigned)step < OS_SPAWN_STEPS ? text[step] : text[OS_SPAWN_NONE];
}

static pid_t clone_with(uint64_t flags, pid_t pid, int cgroup, int *pidfd)
{
	struct clone_args args = {
		.flags = flags | CLONE_PIDFD | (cgroup > 0 ? CLONE_INTO_CGROUP : 0),
		.pidfd = (uint64_t)(uintptr_t)pidfd,
		.exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD, /* that of its brother */
		.set_tid = pid ? (uint64_t)(uintptr_t)&pid : 0,
		.set_tid_size = pid ? 1 : 0,
		.cgroup = cgroup > 0 ? (uint64_t)cgroup : 0,
	};
	long r = syscall(SYS_clone3, &args, sizeof(args));

	assert(pidfd);
	return r < 0 ? -errno : (pid_t)r;
}

/* ---- in the child ---- */

static _Noreturn void child_fail(int channel, enum os_spawn_step step, int error)
{
	struct word word = { .step = (int32_t)step, .error = error };
	ssize_t n = send(channel, &word, sizeof(word), MSG_NOSIGNAL);

	_exit(n < 0 ? 126 : 127);
}

/*
 * fds[] to first, first + 1 ... By way of high numbers, because a source may stand where another
 * one has to go. 0 or negative errno.
 */
static int place_fds(const int *fds, int count, int first)
{
	int high[OS_SPAWN_FDS_MAX];

	assert(count >= 0 && count <= OS_SPAWN_FDS_MAX);
	for (int i = 0; i < count; i++) {
		int null = fds[i] < 0 ? open("/dev/null", O_RDWR | O_CLOEXEC) : -1;

		high[i] = fcntl(fds[i] < 0 ? null : fds[i], F_DUPFD_CLOEXEC, HIGH_FD);
		if (high[i] < 0)
			return -errno;
	}
	for (int i = 0; i < count; i++)
		if (dup2(high[i], first + i) < 0)
			return -errno;
	return 0;
}

static int close_from_to(unsigned from, unsigned to)
{
	return from <= to && close_range(from, to, 0) < 0 ? -errno : 0;
}

/*
 * Nothing stays open but [first, first + count) and the channel: in particular not the parent's ends
 * of this channel and of those of other children that wait, which would never see their end.
 */
static int close_others(int first, int count, int channel)
{
	int r = first > 0 ? close_from_to(0, (unsigned)first - 1) : 0;

	assert(first >= 0 && count >= 0);
	if (!r)
		r = close_from_to((unsigned)(first + count), (unsigned)channel - 1);
	return r < 0 ? r : close_from_to((unsigned)channel + 1, ~0u);
}

static void default_signals(void)
{
	/* As the kernel has it: handler, flags, restorer, mask. All zero is the default. */
	const unsigned long action[4] = { 0 };
	sigset_t none;

	/* Not by sigaction(): that leaves out the two signals of the C library, which may come in ignored. */
	for (int signo = 1; signo < NSIG; signo++)
		syscall(SYS_rt_sigaction, signo, action, NULL, sizeof(action[3]));
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void limit_stack(uint64_t bytes)
{
	struct rlimit limit;

	if (!bytes || getrlimit(RLIMIT_STACK, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max < bytes ? limit.rlim_max : (rlim_t)bytes;
	setrlimit(RLIMIT_STACK, &limit);
}

static int become_user(const struct os_spawn *s)
{
	if (setgroups((size_t)s->group_count, s->groups) < 0)
		return -errno;
	if (setresgid(s->gid, s->gid, s->gid) < 0)
		return -errno;
	return setresuid(s->uid, s->uid, s->uid) < 0 ? -errno : 0;
}

static const char *path_of(char *const *envp)
{
	assert(envp);
	for (; *envp; envp++)
		if (!strncmp(*envp, "PATH=", 5))
			return *envp + 5;
	return "/usr/local/bin:/usr/bin:/bin";
}

/* Returns only if it failed: negative errno, that of a file which is there but may not be run first. */
static int execute(const struct os_spawn *s)
{
	const char *name = s->argv[0], *at = path_of(s->envp);
	int error = ENOENT;
	char file[4096];

	assert(name);
	if (!*name)
		return -ENOENT;
	if (strchr(name, '/')) {
		execve(name, s->argv, s->envp);
		return -errno;
	}
	for (; at; at = strchr(at, ':') ? strchr(at, ':') + 1 : NULL) {
		int n = (int)strcspn(at, ":");

		/* An empty entry is the working directory, as everywhere. */
		if (snprintf(file, sizeof(file), "%.*s%s%s", n, at, n ? "/" : "./", name) >=
		    (int)sizeof(file))
			continue;
		execve(file, s->argv, s->envp);
		if (errno != ENOENT && errno != ENOTDIR)
			error = errno;
		if (error != ENOENT && error != EACCES)
			break;
	}
	return -error;
}

static _Noreturn void child_run(const struct os_spawn *s, int channel)
{
	struct word ready = { .step = OS_SPAWN_NONE };
	char go;
	int r;

	channel = fcntl(channel, F_DUPFD_CLOEXEC, HIGH_FD);
	if (channel < 0)
		_exit(127);
	default_signals();
	limit_stack(s->stack_bytes);
	if (setsid() < 0)
		child_fail(channel, OS_SPAWN_SESSION, errno);
	r = place_fds(s->fds, s->fd_count, s->fd_first);
	if (!r)
		r = close_others(s->fd_first, s->fd_count, channel);
	if (r < 0)
		child_fail(channel, OS_SPAWN_STREAMS, -r);
	umask((mode_t)s->umask);
	/* Not the daemon's keyring, which would not be there after a move. Without keys: no matter. */
	syscall(SYS_keyctl, JOIN_SESSION_KEYRING, NULL);
	r = become_user(s);
	if (r < 0)
		child_fail(channel, OS_SPAWN_USER, -r);
	/* As the user: a folder that only root may enter is none of its business. */
	if (chdir(s->cwd) < 0)
		child_fail(channel, OS_SPAWN_FOLDER, errno);
	if (send(channel, &ready, sizeof(ready), MSG_NOSIGNAL) != sizeof(ready))
		_exit(127);
	do
		r = (int)read(channel, &go, 1);
	while (r < 0 && errno == EINTR);
	if (r != 1)
		_exit(127);
	child_fail(channel, OS_SPAWN_EXECUTE, -execute(s));
}

/* ---- in the parent ---- */

/* The child's word: 0 and *word; -ECONNRESET: end of file; -ETIMEDOUT. */
static int read_word(int fd, int timeout_ms, struct word *word)
{
	assert(fd >= 0);
	return os_read_full(fd, word, sizeof(*word), timeout_ms);
}

static void end_child(struct os_spawned *spawned)
{
	assert(spawned->pidfd >= 0);
	syscall(SYS_pidfd_send_signal, spawned->pidfd, SIGKILL, NULL, 0);
	os_reap_pidfd(spawned->pidfd, END_TIMEOUT_MS);
	spawned->pidfd = os_close(spawned->pidfd);
	spawned->go_fd = os_close(spawned->go_fd);
}

int os_spawn_hold(const struct os_spawn *spawn, int timeout_ms, struct os_spawned *spawned,
		  enum os_spawn_step *step)
{
	struct word word = { 0 };
	int pair[2], r;

	assert(spawn->argv && spawn->argv[0]);
	assert(spawn->fd_count <= OS_SPAWN_FDS_MAX);
	*step = OS_SPAWN_CLONE;
	r = os_unix_pair(OS_STREAM, pair);
	if (r < 0)
		return r;
	spawned->go_fd = pair[0];
	spawned->pidfd = -1;
	spawned->pid = clone_with(0, spawn->pid, spawn->cgroup, &spawned->pidfd);
	if (spawned->pid < 0 && spawned->pid != -EEXIST && spawn->cgroup > 0)
		spawned->pid = clone_with(0, spawn->pid, 0, &spawned->pidfd);
	if (!spawned->pid)
		child_run(spawn, pair[1]);
	os_close(pair[1]);
	if (spawned->pid < 0) {
		os_close(pair[0]);
		return spawned->pid;
	}
	r = read_word(pair[0], timeout_ms, &word);
	*step = (enum os_spawn_step)word.step;
	if (!r)
		r = -word.error;
	if (r < 0)
		end_child(spawned);
	return r;
}

int os_spawn_go(int go_fd, int timeout_ms)
{
	OS_CLEANUP_FD int fd = go_fd;
	struct word word = { 0 };
	int r = os_write_full(fd, "g", 1, timeout_ms);

	assert(go_fd >= 0);
	if (r < 0)
		return r == -EPIPE ? -ESRCH : r;
	r = read_word(fd, timeout_ms, &word);
	/* execve closed the other end without a word. */
	if (r == -ECONNRESET)
		return 0;
	return r < 0 ? r : -word.error;
}

/* In a copy of a program with many threads: nothing but system calls from here to execve. */
static _Noreturn void self_run(char *const *argv, const int *fds, int fd_count, bool follow)
{
	int null;

	if (follow)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (place_fds(fds, fd_count, 3) < 0)
		_exit(127);
	null = open("/dev/null", O_RDWR);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
		_exit(127);
	if (close_range((unsigned)(3 + fd_count), ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		_exit(127);
	execv("/proc/self/exe", argv);
	_exit(127);
}

int os_spawn_self(char *const *argv, const int *fds, int fd_count, pid_t *pidp, int *pidfdp)
{
	bool has_keeper = os_keeper_pid() != 0;
	bool follow = has_keeper || syscall(SYS_gettid) == getpid();
	sigset_t all, old;
	pid_t pid;

	assert(argv && argv[0]);
	if (fd_count > OS_SPAWN_FDS_MAX)
		return -EINVAL;
	/* No handler of ours may run in the copy. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = clone_with(CLONE_NEWPID | CLONE_NEWIPC | (has_keeper ? CLONE_PARENT : 0), 0, 0,
			 pidfdp);
	if (!pid)
		self_run(argv, fds, fd_count, follow);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (pid < 0)
		return pid;
	*pidp = pid;
	return 0;
}

void os_unblock_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	pthread_sigmask(SIG_SETMASK, &none, NULL);
}

void os_set_name(const char *name)
{
	prctl(PR_SET_NAME, name);
}

int os_last_pid(pid_t *pid)
{
	OS_CLEANUP_FD int fd = open(LAST_PID_FILE, O_RDONLY | O_CLOEXEC);
	char text[32];
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return n < 0 ? -errno : -EIO;
	text[n] = 0;
	*pid = (pid_t)strtol(text, NULL, 10);
	return 0;
}

int os_set_last_pid(pid_t pid)
{
	OS_CLEANUP_FD int fd = open(LAST_PID_FILE, O_WRONLY | O_CLOEXEC);
	char text[32];
	int len = snprintf(text, sizeof(text), "%d", (int)pid);

	assert(pid >= 0);
	if (fd < 0)
		return -errno;
	return write(fd, text, (size_t)len) == len ? 0 : -errno;
}
