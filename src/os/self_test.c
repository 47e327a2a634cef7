/* SPDX-License-Identifier: Apache-2.0 */
#include "os/self.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/test.h"

static char folder[] = "/tmp/dvs-self-XXXXXX";

/* The child's wait status; its standard error goes to said. */
static int run_child(void (*what)(void), char *said, size_t size)
{
	int ends[2], status = 0;
	size_t length = 0;
	ssize_t got;

	CHECK_EQ(pipe(ends), 0);
	fflush(stdout);
	pid_t pid = fork();

	if (pid == 0) {
		dup2(ends[1], 2);
		what();
		_exit(99);
	}
	close(ends[1]);
	while (length + 1 < size && (got = read(ends[0], said + length, size - length - 1)) > 0)
		length += (size_t)got;
	said[length] = 0;
	close(ends[0]);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return status;
}

/* ---- beside ---- */

static bool copy_program(const char *to)
{
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int fd = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
	struct stat status;
	bool good = from >= 0 && fd >= 0 && fstat(from, &status) == 0;

	for (off_t left = good ? status.st_size : 0; left > 0;) {
		ssize_t done = sendfile(fd, from, NULL, (size_t)left);

		good = done > 0;
		left = good ? left - done : 0;
	}
	close(from);
	close(fd);
	return good;
}

static void make(const char *name, mode_t mode)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);

	CHECK(fd >= 0);
	close(fd);
}

static void ask_copy(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/bin/program", folder);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	execl(path, path, "part", (char *)NULL);
}

/* Where the copy of this program in FOLDER/bin finds "part", below FOLDER; "": nowhere. */
static void beside(char found[128])
{
	char said[256];
	size_t length = strlen(folder);

	CHECK_EQ(run_child(ask_copy, said, sizeof(said)), 0);
	said[strcspn(said, "\n")] = 0;
	snprintf(found, 128, "%.127s",
		 strncmp(said, folder, length) == 0 ? said + length + 1 : said);
}

static int remove_it(const char *path, const struct stat *status, int kind, struct FTW *ftw)
{
	(void)status, (void)kind, (void)ftw;
	return remove(path);
}

/* Its own folder first, then those where an installed program has its parts; a file must be executable. */
static void test_beside(void)
{
	static const char *const folders[] = { "", "/bin", "/sbin", "/libexec", "/libexec/dvs" };
	char found[128], path[128];

	CHECK_OR_RETURN(mkdtemp(folder));
	for (size_t i = 1; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", folder, folders[i]);
		CHECK_EQ(mkdir(path, 0700), 0);
	}
	snprintf(path, sizeof(path), "%s/bin/program", folder);
	CHECK_OR_RETURN(copy_program(path));
	beside(found);
	CHECK(strcmp(found, "") == 0);
	make("sbin/part", 0700);
	beside(found);
	CHECK(strcmp(found, "bin/../sbin/part") == 0);
	make("libexec/dvs/part", 0600); /* as no program */
	beside(found);
	CHECK(strcmp(found, "bin/../sbin/part") == 0);
	snprintf(path, sizeof(path), "%s/libexec/dvs/part", folder);
	CHECK_EQ(chmod(path, 0700), 0);
	beside(found);
	CHECK(strcmp(found, "bin/../libexec/dvs/part") == 0);
	make("bin/part", 0700);
	beside(found);
	CHECK(strcmp(found, "bin/part") == 0);
	CHECK_EQ(nftw(folder, remove_it, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void test_beside_limits(void)
{
	char path[8];

	CHECK_EQ(os_self_beside("no-such-part-of-dvs", path, sizeof(path)), -ENAMETOOLONG);
	char longer[512];

	CHECK_EQ(os_self_beside("no-such-part-of-dvs", longer, sizeof(longer)), -ENOENT);
	CHECK_EQ(os_self_cwd(path, 1), -ERANGE);
	CHECK_EQ(os_self_cwd(longer, sizeof(longer)), 0);
	CHECK_EQ(longer[0], '/');
}

/* ---- the end of a program that prints ---- */

static void print_to_full(void)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	dup2(fd, STDOUT_FILENO);
	printf("what nobody will read");
	_exit(os_self_finish("tester", 0));
}

static void print_to_full_worse(void)
{
	dup2(open("/dev/full", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
	printf("what nobody will read");
	_exit(os_self_finish("tester", 2));
}

static void print_to_null(void)
{
	dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
	printf("what is written");
	_exit(os_self_finish("tester", 5));
}

static void test_finish(void)
{
	char said[256];
	int status = run_child(print_to_full, said, sizeof(said));

	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	CHECK(strstr(said, "tester: standard output could not be written: No space left"));
	CHECK(strstr(said, "(EDVSNOSPC)"));
	status = run_child(print_to_full_worse, said, sizeof(said));
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 2); /* worse already */
	CHECK(strstr(said, "(EDVSNOSPC)"));
	status = run_child(print_to_null, said, sizeof(said));
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);
	CHECK_EQ(said[0], 0);
}

/* ---- signals ---- */

static void survive(void)
{
	os_self_keep_running();
	for (int signo = 1; signo <= SIGRTMAX; signo++) {
		switch (signo) {
		case SIGKILL:
		case SIGSTOP:
		case SIGTERM:
		case SIGILL:
		case SIGTRAP:
		case SIGABRT:
		case SIGBUS:
		case SIGFPE:
		case SIGSEGV:
		case SIGSYS:
		case SIGSTKFLT:
			break; /* these say that the program is broken, or are to end it */
		default:
			raise(signo);
		}
	}
	raise(SIGTERM);
}

static void test_keeps_running(void)
{
	char said[256];
	int status = run_child(survive, said, sizeof(said));

	CHECK(WIFSIGNALED(status));
	CHECK_EQ(WTERMSIG(status), SIGTERM);
}

static void be_killed(void)
{
	signal(SIGTERM, SIG_IGN);
	os_self_kill();
}

static void test_kill(void)
{
	char said[256];
	int status = run_child(be_killed, said, sizeof(said));

	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* An interrupt waits for the wait, which it ends; it is told of once. */
static void be_interrupted(void)
{
	int ends[2];

	os_self_catch_interrupt();
	raise(SIGINT);
	if (os_self_pipe(ends) || os_self_interrupted())
		_exit(1);
	if (os_self_wait(ends[0], 1000) != -EINTR)
		_exit(2);
	if (!os_self_interrupted() || os_self_interrupted())
		_exit(3);
	if (os_self_wait(ends[0], 20) != -ETIMEDOUT)
		_exit(4);
	if (write(ends[1], "x", 1) != 1 || os_self_wait(ends[0], -1) != 0)
		_exit(5);
	if (!(fcntl(ends[0], F_GETFD) & FD_CLOEXEC) || !(fcntl(ends[1], F_GETFD) & FD_CLOEXEC))
		_exit(6);
	_exit(0);
}

static void test_interrupted(void)
{
	char said[256];
	int status = run_child(be_interrupted, said, sizeof(said));

	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 0);
}

/* ---- the rest ---- */

static void become_nothing(void)
{
	char *argv[] = { (char *)"no-such-program-of-dvs", NULL };

	setenv("PATH", "/bin:/usr/bin", 1); /* and no folder that this user may not look into */
	_exit(os_self_become(argv) == -ENOENT ? 3 : 4);
}

static void become_shell(void)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)"exit 7", NULL };

	os_self_become(argv);
}

static void test_become(void)
{
	char said[256];

	CHECK_EQ(WEXITSTATUS(run_child(become_nothing, said, sizeof(said))), 3);
	CHECK_EQ(WEXITSTATUS(run_child(become_shell, said, sizeof(said))), 7);
}

static void test_properties(void)
{
	struct timespec before, after;
	char name[17] = "";
	mode_t was = umask(0157);

	CHECK_EQ(os_self_umask(), 0157);
	CHECK_EQ(umask(was), 0157); /* asking does not change it */
	CHECK_EQ(os_self_pid(), getpid());
	CHECK_EQ(os_self_is_root(), geteuid() == 0);
	os_self_name("a name of more than fifteen");
	CHECK_EQ(prctl(PR_GET_NAME, name), 0);
	CHECK(strcmp(name, "a name of more ") == 0);
	setenv("DVS_SELF_TEST", "here", 1);
	bool found = false;

	for (char **at = os_self_environment(); *at; at++)
		found = found || strcmp(*at, "DVS_SELF_TEST=here") == 0;
	CHECK(found);
	clock_gettime(CLOCK_MONOTONIC, &before);
	os_self_sleep_ms(30);
	clock_gettime(CLOCK_MONOTONIC, &after);
	CHECK((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 >=
	      29);
}

int main(int argc, char **argv)
{
	char path[512];

	if (argc > 1) { /* the copy, which is asked where it finds a part */
		puts(os_self_beside(argv[1], path, sizeof(path)) ? "" : path);
		return 0;
	}
	TEST(test_beside);
	TEST(test_beside_limits);
	TEST(test_finish);
	TEST(test_keeps_running);
	TEST(test_kill);
	TEST(test_interrupted);
	TEST(test_become);
	TEST(test_properties);
	return test_end();
}
