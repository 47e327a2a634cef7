/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seccomp filters: of all threads at once, of one thread, of a child without rights, and the strict mode. They kill for
 * nearly everything that a move does inside a process.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "victims/victim.h"

static const int killing[] = {
	SYS_mmap,      SYS_munmap,	  SYS_mremap,	       SYS_mprotect,	 SYS_rt_sigaction,
	SYS_getitimer, SYS_prlimit64,	  SYS_sigaltstack,     SYS_arch_prctl,	 SYS_membarrier,
	SYS_keyctl,    SYS_get_mempolicy, SYS_set_tid_address, SYS_timer_create, SYS_setsid,
	SYS_socketpair
};
#define KILLING (sizeof(killing) / sizeof(killing[0]))

static int to_strict[2], from_strict[2];
static int to_child[2], from_child[2];
static volatile int asked, answered;
static long extra_answer;
static int extra_errno;

static long install(struct sock_filter *code, unsigned short count, unsigned flags)
{
	struct sock_fprog program = { count, code };

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

/* Kills for what moves need. */
static long install_killing(unsigned flags)
{
	struct sock_filter code[2 * KILLING + 2] = { { BPF_LD | BPF_W | BPF_ABS, 0, 0, 0 } };
	unsigned short n = 1;

	for (size_t i = 0; i < KILLING; i++) {
		code[n++] = (struct sock_filter){ BPF_JMP | BPF_JEQ | BPF_K, 0, 1,
						  (unsigned)killing[i] };
		code[n++] = (struct sock_filter){ BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS };
	}
	code[n++] = (struct sock_filter){ BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW };
	return install(code, n, flags);
}

static long install_errno(int number, unsigned error, unsigned flags)
{
	struct sock_filter code[] = { { BPF_LD | BPF_W | BPF_ABS, 0, 0, 0 },
				      { BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (unsigned)number },
				      { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | error },
				      { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW } };

	return install(code, 4, flags);
}

static bool fails(int number, int error)
{
	errno = 0;
	return syscall(number, 0, 0, 0) == -1 && errno == error;
}

static int status_number(const char *name)
{
	static char text[8192];
	int fd = open("/proc/thread-self/status", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	close(fd);
	text[length > 0 ? length : 0] = 0;
	const char *at = strstr(text, name);

	return at ? (int)strtol(at + strlen(name), NULL, 10) : -1;
}

/* In the child, which has no rights: only its answer is seen. */
static void *strict(void *unused)
{
	char byte;

	prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
	while (syscall(SYS_read, to_strict[0], &byte, 1) == 1) {
		byte++;
		syscall(SYS_write, from_strict[1], &byte, 1);
	}
	syscall(SYS_exit, 0);
	return unused;
}

static void *extra(void *unused)
{
	long r = install_errno(SYS_getgid, 33, 0);

	while (r == 0) {
		if (asked != answered) {
			errno = 0;
			extra_answer = syscall(SYS_getgid);
			extra_errno = errno;
			__atomic_store_n(&answered, asked, __ATOMIC_RELEASE);
		}
		usleep(1000);
	}
	return unused;
}

static bool child_is_good(void)
{
	char byte = 'a';
	bool good = status_number("Seccomp:") == 2 && status_number("NoNewPrivs:") == 1;

	asked++;
	for (int i = 0; i < 2000 && answered != asked; i++)
		usleep(1000);
	good = good && answered == asked && extra_answer == -1 && extra_errno == 33;
	good = good && syscall(SYS_getgid) == 65534 && fails(SYS_getppid, 44);
	good = good && write(to_strict[1], &byte, 1) == 1 && read(from_strict[0], &byte, 1) == 1;
	return good && byte == 'b';
}

static void child(void)
{
	pthread_t thread[2];
	char byte;

	prctl(PR_SET_PDEATHSIG, 9);
	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 1) ||
	    pthread_create(&thread[0], NULL, strict, NULL) || install_errno(SYS_getppid, 44, 0) ||
	    pthread_create(&thread[1], NULL, extra, NULL))
		_exit(1);
	while (read(to_child[0], &byte, 1) == 1) {
		byte = child_is_good() ? 'y' : 'n';
		if (write(from_child[1], &byte, 1) != 1)
			break;
	}
	_exit(0);
}

static bool ask_child(void)
{
	char byte = 'q';

	return write(to_child[1], &byte, 1) == 1 && read(from_child[0], &byte, 1) == 1 &&
	       byte == 'y';
}

static void *idle(void *unused)
{
	while (!victim_must_end())
		victim_nap();
	return unused;
}

int main(void)
{
	pthread_t thread;
	int filters = 3;

	victim_begin();
	VICTIM_CHECK(pipe(to_strict) == 0 && pipe(from_strict) == 0 && pipe(to_child) == 0 &&
		     pipe(from_child) == 0);
	pid_t pid = fork();

	if (pid == 0)
		child();
	VICTIM_CHECK(pid > 0 && ask_child());
	pthread_create(&thread, NULL, idle, NULL);
	VICTIM_CHECK(install_killing(SECCOMP_FILTER_FLAG_TSYNC) == 0);
	VICTIM_CHECK(install_errno(SYS_getppid, 11,
				   SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG) == 0);
	VICTIM_CHECK(install_errno(SYS_getppid, 22, SECCOMP_FILTER_FLAG_TSYNC) == 0);
	victim_ready();
	while (victim_moved()) {
		VICTIM_CHECK(status_number("Seccomp:") == 2);
		VICTIM_CHECK(status_number("Seccomp_filters:") == filters);
		VICTIM_CHECK(status_number("NoNewPrivs:") == 0);
		/* Of two that answer alike the newest counts. */
		VICTIM_CHECK(fails(SYS_getppid, 22) && syscall(SYS_gettid) > 0);
		/* The threads have one chain: another filter for all of them is possible. */
		VICTIM_CHECK(install_errno(SYS_getpgrp, 55, SECCOMP_FILTER_FLAG_TSYNC) == 0);
		filters++;
		VICTIM_CHECK(fails(SYS_getpgrp, 55));
		VICTIM_CHECK(ask_child());
	}
	/* And it kills: seen by the status of a child. */
	pid_t killed = fork();
	int status = 0;

	if (killed == 0) {
		syscall(SYS_setsid);
		_exit(0);
	}
	waitpid(killed, &status, 0);
	VICTIM_CHECK(WIFSIGNALED(status) && WTERMSIG(status) == 31);
	close(to_child[1]);
	kill(pid, 9);
	return victim_end();
}
