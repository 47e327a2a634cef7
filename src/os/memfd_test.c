// SPDX-License-Identifier: Apache-2.0
#include "os/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "os/socket.h"

static void test_two_maps_share(void)
{
	OS_CLEANUP_FD int fd = os_memfd_new("test", 4096);
	void *a = NULL, *b = NULL;

	CHECK_OR_RETURN(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	CHECK_EQ(os_memfd_map(fd, 4096, 0, &a), 0);
	CHECK_EQ(os_memfd_map(fd, 4096, OS_MAP_NOFORK, &b), 0);
	CHECK_OR_RETURN(a && b);
	memcpy(a, "shared", sizeof("shared"));
	CHECK(!strcmp(b, "shared"));
	CHECK(os_memfd_unmap(a, 4096) == NULL);
	CHECK(os_memfd_unmap(b, 4096) == NULL);
	CHECK(os_memfd_unmap(NULL, 4096) == NULL);
}

static void test_size_is_sealed(void)
{
	OS_CLEANUP_FD int fd = os_memfd_new("test", 4096);

	CHECK_OR_RETURN(fd >= 0);
	CHECK_EQ(ftruncate(fd, 0), -1);
	CHECK_EQ(ftruncate(fd, 8192), -1);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
}

static void test_unsealed_or_small_is_refused(void)
{
	OS_CLEANUP_FD int loose = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	OS_CLEANUP_FD int small = os_memfd_new("test", 4096);
	void *addr = NULL;

	CHECK_OR_RETURN(loose >= 0 && small >= 0);
	CHECK_EQ(ftruncate(loose, 4096), 0);
	CHECK_EQ(os_memfd_map(loose, 4096, 0, &addr), -EBADF);
	CHECK_EQ(os_memfd_map(small, 8192, 0, &addr), -EBADF);
	CHECK_EQ(os_memfd_map(STDIN_FILENO, 4096, 0, &addr), -EBADF);
	CHECK(addr == NULL);
}

/* The first bytes are read of nothing but a page that was made here. */
static void test_head_of_ones_own(void)
{
	OS_CLEANUP_FD int loose = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	OS_CLEANUP_FD int own = os_memfd_new("test", 4096);
	char head[4] = "no";

	CHECK_OR_RETURN(loose >= 0 && own >= 0);
	CHECK_EQ(pwrite(own, "yes", 4, 0), 4);
	CHECK_EQ(os_memfd_own_head(own, 8192, head, sizeof(head)), -EBADF);
	CHECK_EQ(ftruncate(loose, 4096), 0);
	CHECK_EQ(os_memfd_own_head(loose, 4096, head, sizeof(head)), -EBADF);
	CHECK_EQ(os_memfd_own_head(STDIN_FILENO, 4096, head, sizeof(head)), -EBADF);
	CHECK(strcmp(head, "no") == 0);
	CHECK_EQ(os_memfd_own_head(own, 4096, head, sizeof(head)), 0);
	CHECK(strcmp(head, "yes") == 0);
}

static void test_nofork_is_gone_in_child(void)
{
	OS_CLEANUP_FD int fd = os_memfd_new("test", 4096);
	unsigned char vec;
	void *addr = NULL;
	int status = 0;
	pid_t child;

	CHECK_OR_RETURN(fd >= 0);
	CHECK_OR_RETURN(!os_memfd_map(fd, 4096, OS_MAP_NOFORK, &addr));
	child = fork();
	if (!child)
		_exit(mincore(addr, 4096, &vec) < 0 && errno == ENOMEM ? 3 : 4);
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 3);
	os_memfd_unmap(addr, 4096);
}

int main(void)
{
	TEST(test_two_maps_share);
	TEST(test_size_is_sealed);
	TEST(test_unsealed_or_small_is_refused);
	TEST(test_head_of_ones_own);
	TEST(test_nofork_is_gone_in_child);
	return test_end();
}
