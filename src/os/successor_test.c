/* SPDX-License-Identifier: Apache-2.0 */
#include "os/successor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

#define SHELL "/bin/sh"

static void test_path(void)
{
	char path[512], link[512] = "";

	CHECK_EQ(os_successor_path(path, sizeof(path)), 0);
	CHECK(readlink("/proc/self/exe", link, sizeof(link) - 1) > 0);
	CHECK(strcmp(path, link) == 0);
	CHECK_EQ(os_successor_path(path, strlen(link) + 1), -ENAMETOOLONG); /* it may go on */
	CHECK_EQ(os_successor_path(path, strlen(link) + 2), 0);
	CHECK_EQ(os_successor_path(path, 5), -ENAMETOOLONG);
}

static bool copy_program(int to)
{
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct stat status;
	bool good = from >= 0 && fstat(from, &status) == 0;

	for (off_t left = good ? status.st_size : 0; left > 0;) {
		ssize_t done = sendfile(to, from, NULL, (size_t)left);

		good = done > 0;
		left = good ? left - done : 0;
	}
	close(from);
	return good && fchmod(to, 0700) == 0;
}

/* A program that was replaced since it was started has its name still: there its successor lies. */
static void test_path_of_a_replaced_program(void)
{
	char path[] = "/tmp/dvs-successor-XXXXXX", found[128] = "";
	int fd = mkostemp(path, O_CLOEXEC), ends[2], status = 0;

	CHECK_OR_RETURN(fd >= 0 && copy_program(fd) && pipe(ends) == 0);
	close(fd);
	pid_t pid = fork();

	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		execl(path, path, path, (char *)NULL);
		_exit(1);
	}
	close(ends[1]);
	CHECK(read(ends[0], found, sizeof(found) - 1) > 0);
	close(ends[0]);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	found[strcspn(found, "\n")] = 0;
	CHECK(strcmp(found, path) == 0);
	CHECK(access(path, F_OK) < 0); /* it was gone */
}

static void test_check(void)
{
	char path[] = "/tmp/dvs-successor-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);

	CHECK(fd >= 0);
	CHECK_EQ(os_successor_check(SHELL), 0);
	CHECK_EQ(os_successor_check(path), -EACCES);
	close(fd);
	unlink(path);
	CHECK_EQ(os_successor_check(path), -ENOENT);
}

/* ---- asking it ---- */

static struct os_inquiry inquiry;
static char said[4096];

static int await_end(void)
{
	struct pollfd ended = { .fd = inquiry.pidfd, .events = POLLIN };

	return poll(&ended, 1, 10000);
}

static void read_all(void)
{
	struct pollfd more = { .fd = inquiry.out_fd, .events = POLLIN };
	size_t length = 0;
	ssize_t got = 1;

	while (got > 0 && length + 1 < sizeof(said) && poll(&more, 1, 10000) == 1) {
		got = read(inquiry.out_fd, said + length, sizeof(said) - length - 1);
		length += got > 0 ? (size_t)got : 0;
	}
	said[length] = 0;
}

/* Both outputs come to us, its input is empty, and of ours it has the one descriptor it is asked about. */
static void test_inquiry(void)
{
	char script[] = "cat; cat <&3; echo error >&2; ls /proc/self/fd | tr '\\n' ' '; exit 5";
	char *argv[] = { (char *)"sh", (char *)"-c", script, NULL };
	int fd = memfd_create("question", 0), other = dup(fd); /* neither closes on exec */

	CHECK_EQ(write(fd, "question\n", 9), 9);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(os_inquiry_start(&inquiry, SHELL, argv, fd), 0);
	CHECK(fcntl(inquiry.out_fd, F_GETFL) & O_NONBLOCK);
	CHECK_EQ(await_end(), 1);
	read_all();
	CHECK(strstr(said, "question\nerror\n") == said);
	int count = 0;

	for (const char *at = said + 15; *at; count++) {
		at += strcspn(at, " ");
		at += strspn(at, " ");
	}
	CHECK(count == 4 || count == 5); /* 0 to 3, and that of ls itself */
	int status = os_inquiry_end(&inquiry);

	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);
	CHECK(inquiry.pid == 0 && inquiry.pidfd < 0 && inquiry.out_fd < 0);
	close(fd);
	close(other);
}

static void test_inquiry_killed(void)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)"exec sleep 1000", NULL };

	CHECK_EQ(os_inquiry_start(&inquiry, SHELL, argv, 0), 0);
	os_inquiry_kill(&inquiry);
	CHECK_EQ(await_end(), 1);
	int status = os_inquiry_end(&inquiry);

	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* One that has not ended is not waited for. */
static void test_inquiry_left(void)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)"exec sleep 1000", NULL };

	CHECK_EQ(os_inquiry_start(&inquiry, SHELL, argv, 0), 0);
	pid_t pid = inquiry.pid;

	CHECK_EQ(os_inquiry_end(&inquiry), -ETIMEDOUT);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	os_inquiry_kill(&inquiry); /* it is nobody's any more */
}

static void test_inquiry_of_no_program(void)
{
	char *argv[] = { (char *)"x", NULL };

	CHECK_EQ(os_inquiry_start(&inquiry, "/no/such/program", argv, 0), 0);
	CHECK_EQ(await_end(), 1);
	int status = os_inquiry_end(&inquiry);

	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 126);
}

/* ---- what stays open for it ---- */

static void test_keep(void)
{
	int fd = dup(0);

	CHECK_EQ(os_successor_keep(fd, false), 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(os_successor_keep(fd, true), 0);
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
	close(fd);
	CHECK_EQ(os_successor_keep(fd, true), -EBADF);
}

int main(int argc, char **argv)
{
	char path[128];

	if (argc > 1) { /* the copy, which is removed, and says where its successor lies */
		if (unlink(argv[1]) || os_successor_path(path, sizeof(path)))
			return 1;
		puts(path);
		return 0;
	}
	TEST(test_path);
	TEST(test_path_of_a_replaced_program);
	TEST(test_check);
	TEST(test_inquiry);
	TEST(test_inquiry_killed);
	TEST(test_inquiry_left);
	TEST(test_inquiry_of_no_program);
	TEST(test_keep);
	return test_end();
}
