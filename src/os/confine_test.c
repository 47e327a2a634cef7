/* SPDX-License-Identifier: Apache-2.0 */
#include "os/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/sanitized.h"
#include "base/test.h"

/* Each act is done by a thread of a process of its own, whose exit status it returns; BAD: it was not confined. */
typedef int act_fn(void);

#define BAD 100

static void *confined(void *act)
{
	if (os_confine_thread() < 0)
		_exit(BAD);
	_exit((*(act_fn **)act)());
}

static int status_of_server(act_fn *act, bool opens_files)
{
	const struct rlimit no_core = { 0, 0 };
	int status;
	pid_t pid = fork();

	if (!pid) {
		setrlimit(RLIMIT_CORE, &no_core);
		_exit(os_confine_server(opens_files) < 0 ? BAD : act());
	}
	waitpid(pid, &status, 0);
	return status;
}

static int status_of(act_fn *act)
{
	const struct rlimit no_core = { 0, 0 };
	pthread_t thread;
	int status;
	pid_t pid = fork();

	if (!pid) {
		setrlimit(RLIMIT_CORE, &no_core);
		pthread_create(&thread, NULL, confined, &act);
		pthread_join(thread, NULL);
		_exit(BAD);
	}
	waitpid(pid, &status, 0);
	return status;
}

static int works(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0), caller = socket(AF_INET, SOCK_STREAM, 0),
	    fd;
	char *memory = malloc(1 << 24), byte = 'x';

	if (listener < 0 || caller < 0 || !memory)
		return 1;
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	if (fd < 0 && errno != EAFNOSUPPORT)
		return 6;
	close(fd);
	memset(memory, 1, 1 << 24);
	free(memory);
	if (bind(listener, (struct sockaddr *)&address, len) ||
	    getsockname(listener, (struct sockaddr *)&address, &len))
		return 2;
	/* listen() is done before a thread is confined; a later call is refused. */
	if (listen(listener, 1) == 0 || errno != EPERM)
		return 3;
	fd = connect(caller, (struct sockaddr *)&address, len);
	if (fd == 0 || errno != ECONNREFUSED)
		return 4;
	return write(STDERR_FILENO, &byte, 0) == 0 ? 0 : 5;
}

static int opens(void)
{
	return open("/etc/passwd", O_RDONLY) < 0 && errno == EPERM ? 0 : 1;
}

static int makes_unix_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0) < 0 && errno == EPERM ? 0 : 1;
}

static int makes_code(void)
{
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED || mmap(NULL, 4096, PROT_READ | PROT_EXEC,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
		return 1;
	return mprotect(memory, 4096, PROT_READ | PROT_EXEC) < 0 && errno == EPERM ? 0 : 2;
}

static int kills(void)
{
	return kill(getppid(), 0) < 0 && errno == EPERM ? 0 : 1;
}

static int executes(void)
{
	char *const words[] = { "true", NULL };

	return execv("/bin/true", words);
}

static int forks(void)
{
	return fork() < 0;
}

static int traces(void)
{
	return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int becomes_another_user(void)
{
	return (int)syscall(SYS_setresuid, 1, 1, 1);
}

static void test_a_thread_does_its_work(void)
{
	int status = status_of(works);

	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 0);
}

static void test_calls_that_fail(void)
{
	static act_fn *const acts[] = { opens, makes_unix_socket, makes_code, kills };

	for (unsigned i = 0; i < sizeof(acts) / sizeof(*acts); i++) {
		int status = status_of(acts[i]);

		CHECK(WIFEXITED(status));
		CHECK_EQ(WEXITSTATUS(status), 0);
	}
}

static void test_calls_that_kill(void)
{
	static act_fn *const acts[] = { executes, forks, traces, becomes_another_user };

	for (unsigned i = 0; i < sizeof(acts) / sizeof(*acts); i++) {
		int status = status_of(acts[i]);

		CHECK(WIFSIGNALED(status));
		CHECK_EQ(WTERMSIG(status), SIGSYS);
	}
}

static uint64_t effective(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	syscall(SYS_capget, &head, data);
	return (uint64_t)data[1].effective << 32 | data[0].effective;
}

static int has_none(void)
{
	/* The filter has no capget, and /proc is not open. A call that needs a capability tells. */
	return setpriority(PRIO_PROCESS, 0, -5) < 0 ? 0 : 1;
}

static int after_the_process(void)
{
	static const unsigned gone[] = { CAP_SYS_MODULE, CAP_SYS_BOOT, CAP_SYS_RAWIO, CAP_MKNOD,
					 CAP_SETPCAP };
	uint64_t had = effective();

	if (os_confine_process() < 0)
		return 1;
	for (unsigned i = 0; i < sizeof(gone) / sizeof(*gone); i++)
		if (effective() & 1ull << gone[i])
			return 2;
	/* The process gets no capability that it never had, and keeps those that it needs. */
	if (effective() & ~had || (had & ~effective()) & 1ull << CAP_SYS_PTRACE)
		return 3;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) ? 4 : 0;
}

static void test_a_process_keeps_what_it_needs(void)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(after_the_process());
	waitpid(pid, &status, 0);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 0);
	status = status_of(has_none);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 0);
}

/* A program that root executes has all again: a program of `dvs run` is as root's others are. */
static void test_what_is_executed_is_not_confined(void)
{
	uint64_t had = effective();
	int ends[2], status;
	char line[64] = "";
	pid_t pid;

	if (geteuid())
		return;
	CHECK_EQ(pipe(ends), 0);
	pid = fork();
	if (!pid) {
		dup2(ends[1], STDOUT_FILENO);
		if (os_confine_process() < 0)
			_exit(1);
		execl("/bin/sh", "sh", "-c",
		      "while read -r name set; do [ \"$name\" = CapEff: ] && echo \"$set\"; done </proc/self/status; :",
		      NULL);
		_exit(1);
	}
	close(ends[1]);
	CHECK(read(ends[0], line, sizeof(line) - 1) > 0);
	waitpid(pid, &status, 0);
	CHECK_EQ(strtoull(line, NULL, 16), had);
	close(ends[0]);
}

/* As dvs-sequencer and dvs-corosync do. */
static int serves(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "/nobody/is/here" };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	time_t now = time(NULL);
	struct tm tm;

	if (fd < 0 || connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0 || errno != ENOENT)
		return 1;
	if (unlink("/nobody/is/here") == 0 || errno != ENOENT)
		return 2;
	if (!localtime_r(&now, &tm) || close(fd))
		return 3;
	return 0;
}

static int uses_files(void)
{
	char path[] = "/dev/shm/dvs-confine-XXXXXX";
	int fd = mkstemp(path);
	void *memory;

	if (fd < 0)
		return 1;
	memory = ftruncate(fd, 4096) ? MAP_FAILED
				     : mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return unlink(path) || memory == MAP_FAILED ? 2 : 0;
}

static int makes_tcp_socket(void)
{
	if (socket(AF_INET6, SOCK_STREAM, 0) >= 0 || errno != EPERM)
		return 2;
	return socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EPERM ? 0 : 1;
}

static void test_a_server(void)
{
	static act_fn *const allowed[] = { serves,     opens, makes_tcp_socket,
					   makes_code, kills, has_none };
	static act_fn *const of_files[] = { serves,	uses_files, makes_tcp_socket,
					    makes_code, kills,	    has_none };
	static act_fn *const deadly[] = { executes, forks, traces, becomes_another_user };

	if (SANITIZED) {
		test_skip("a build with a sanitizer has no filter for servers");
		return;
	}
	for (int files = 0; files < 2; files++) {
		for (unsigned i = 0; i < sizeof(allowed) / sizeof(*allowed); i++)
			CHECK_EQ(status_of_server(files ? of_files[i] : allowed[i], files), 0);
		for (unsigned i = 0; i < sizeof(deadly) / sizeof(*deadly); i++) {
			int status = status_of_server(deadly[i], files);

			CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
		}
	}
}

int main(void)
{
	TEST(test_a_thread_does_its_work);
	TEST(test_calls_that_fail);
	TEST(test_calls_that_kill);
	TEST(test_a_process_keeps_what_it_needs);
	TEST(test_what_is_executed_is_not_confined);
	TEST(test_a_server);
	return test_end();
}
