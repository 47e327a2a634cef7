/* SPDX-License-Identifier: Apache-2.0 */
#include "os/rights.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

#define USER   12345u
#define GROUP  12346u
#define BESIDE 12347u

static int folder = -1; /* of all users, whatever leads to it */

/* A file that its owner, who is the caller, may read, and perhaps its group. */
static void make_file(unsigned group, mode_t mode)
{
	int fd = openat(folder, "file", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	CHECK(fd >= 0);
	CHECK_EQ(fchown(fd, (uid_t)-1, group), 0);
	CHECK_EQ(fchmod(fd, mode), 0);
	close(fd);
}

static int try_open(void)
{
	int fd = openat(folder, "file", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static void *open_elsewhere(void *result)
{
	*(int *)result = try_open();
	return NULL;
}

static int status_of_child(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A container may have a root that cannot become these users. */
static bool can_become_others(void)
{
	const gid_t groups[] = { BESIDE };
	pid_t pid = fork();

	if (pid == 0)
		_exit(setgroups(1, groups) || setgid(GROUP) || setuid(USER));
	return status_of_child(pid) == 0;
}

/* The result of open() with these rights, while another thread of the program has its own. */
static int open_with(uint64_t effective, unsigned gid, const uint32_t *group, uint32_t count)
{
	const struct os_rights_wanted wanted = { .uid = USER,
						 .gid = gid,
						 .effective = effective,
						 .group = group,
						 .group_count = count };
	struct os_rights *rights = NULL;
	pthread_t other;
	int r, elsewhere = -1;

	CHECK_EQ(os_rights_assume(&rights, &wanted), 0);
	if (!rights)
		return 1;
	r = try_open();
	CHECK_EQ(getuid(), 0);
	CHECK_EQ(geteuid(), 0);
	rights = os_rights_give_back(rights);
	CHECK(!rights);
	CHECK_EQ(try_open(), 0);
	CHECK_EQ(pthread_create(&other, NULL, open_elsewhere, &elsewhere), 0);
	pthread_join(other, NULL);
	CHECK_EQ(elsewhere, 0);
	return r;
}

static void test_ids_and_capabilities(void)
{
	static const uint32_t beside[] = { BESIDE };

	make_file(BESIDE, 0600);
	CHECK_EQ(open_with(0, GROUP, NULL, 0), -EACCES);
	CHECK_EQ(open_with(0, GROUP, beside, 1), -EACCES);
	CHECK_EQ(open_with(1ull << CAP_CHOWN, GROUP, NULL, 0), -EACCES);
	CHECK_EQ(open_with(1ull << CAP_DAC_OVERRIDE, GROUP, NULL, 0), 0);
	unlinkat(folder, "file", 0);
	make_file(BESIDE, 0640);
	CHECK_EQ(open_with(0, GROUP, NULL, 0), -EACCES);
	CHECK_EQ(open_with(0, GROUP, beside, 1), 0);
	CHECK_EQ(open_with(0, BESIDE, NULL, 0), 0);
	unlinkat(folder, "file", 0);
}

static pthread_barrier_t barrier;

static void *open_meanwhile(void *result)
{
	pthread_barrier_wait(&barrier);
	*(int *)result = try_open();
	pthread_barrier_wait(&barrier);
	return NULL;
}

/* A thread that was there before is not touched. */
static void test_others_keep_their_rights(void)
{
	const struct os_rights_wanted wanted = { .uid = USER, .gid = GROUP };
	struct os_rights *rights = NULL;
	pthread_t other;
	int elsewhere = -1;

	make_file(0, 0600);
	pthread_barrier_init(&barrier, NULL, 2);
	CHECK_EQ(pthread_create(&other, NULL, open_meanwhile, &elsewhere), 0);
	CHECK_EQ(os_rights_assume(&rights, &wanted), 0);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	CHECK_EQ(try_open(), -EACCES);
	if (rights)
		os_rights_give_back(rights);
	pthread_join(other, NULL);
	pthread_barrier_destroy(&barrier);
	CHECK_EQ(elsewhere, 0);
	unlinkat(folder, "file", 0);
}

/* The supplementary groups of before are there again, in the kernel's order. */
static void test_groups_come_back(void)
{
	const gid_t mine[] = { GROUP, BESIDE };
	const uint32_t theirs[] = { USER };
	const struct os_rights_wanted wanted = {
		.uid = USER, .gid = GROUP, .group = theirs, .group_count = 1
	};
	pid_t pid = fork();

	if (pid == 0) {
		struct os_rights *rights = NULL;
		gid_t now[4] = { 0 };

		if (setgroups(2, mine) || os_rights_assume(&rights, &wanted))
			_exit(1);
		if (getgroups(4, now) != 1 || now[0] != USER)
			_exit(2);
		os_rights_give_back(rights);
		_exit(getgroups(4, now) == 2 && now[0] == GROUP && now[1] == BESIDE ? 0 : 3);
	}
	CHECK_EQ(status_of_child(pid), 0);
}

/* One that may not change its groups keeps what it has. */
static void test_refused(void)
{
	const struct os_rights_wanted wanted = { .uid = USER, .gid = GROUP };
	pid_t pid = fork();

	if (pid == 0) {
		struct os_rights *rights = NULL;
		uid_t uid = geteuid() ? geteuid() : BESIDE;

		if (geteuid() == 0 && setuid(uid))
			_exit(1);
		if (os_rights_assume(&rights, &wanted) != -EPERM || rights)
			_exit(2);
		_exit(geteuid() == uid ? 0 : 3);
	}
	CHECK_EQ(status_of_child(pid), 0);
}

int main(void)
{
	char path[] = "/tmp/os_rights_test.XXXXXX";

	if (geteuid() == 0 && can_become_others()) {
		CHECK(mkdtemp(path) && chmod(path, 0755) == 0);
		folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		TEST(test_ids_and_capabilities);
		TEST(test_others_keep_their_rights);
		TEST(test_groups_come_back);
		TEST(test_refused);
		close(folder);
		rmdir(path);
	} else if (geteuid() == 0) {
		test_skip("root cannot become another user here");
	} else {
		TEST(test_refused);
		test_skip("only root can take another's rights");
	}
	return test_end();
}
