/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors at their numbers: the kernel gives the lowest that is free, so each step has to know which that is. */
#include "migrate/restore.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/test.h"
#include "migrate/inventory.h"
#include "migrate/kind.h"
#include "migrate/restore_test.h"
#include "os/sleeper_test.h"

static void begin(void)
{
	restore_begin();
	restore_add_file(1, "/", IMAGE_FILE_DIRECTORY);
	restore->picture.process.cwd_file = 1;
	restore->picture.process.umask = 027;
}

/* An eventfd of the process, which the target can make from nothing, and its descriptors. */
static void add_description(uint32_t id)
{
	const struct image_description image = { .id = id, .kind = IMAGE_DESCRIPTION_EVENTFD };
	struct descriptions *descriptions = &restore->picture.tables->descriptions;
	struct description *description =
		descriptions_add(descriptions, &image, kind_of(image.kind));
	/* The body: a count of 0, and the mode, which is not "unknown". */
	const uint64_t mode = 1;

	CHECK_OR_RETURN(description);
	memcpy(description->image.body + 8, &mode, sizeof(mode));
	CHECK(kind_of(IMAGE_DESCRIPTION_EVENTFD)
		      ->read(&description->image, NULL, descriptions, true));
}

static void add_number(int number, uint32_t description, uint32_t cloexec)
{
	const struct image_fd fd = { .number = number,
				     .description = description,
				     .cloexec = cloexec };

	CHECK_EQ(descriptors_append(&restore->picture.descriptors, &fd), 0);
}

static int files(void)
{
	refusal_clear(&restore_refusal);
	return restore_files(restore, &restore_refusal);
}

/* Directory and mask first; then the way to the shell moves above all that the process has; it is closed last. */
static void test_nothing_open(void)
{
	begin();
	CHECK(restore_listed(files()));
	restore_call(0, SYS_recvmsg);
	restore_call(1, SYS_fcntl);
	CHECK_EQ(restore_call(2, SYS_fchdir)->arg[0], 0);
	CHECK_EQ(restore_call(3, SYS_close)->arg[0], 0);
	CHECK_EQ(restore_call(4, SYS_umask)->arg[0], 027);
	const struct call *call = restore_call(5, SYS_fcntl);

	CHECK(call->arg[0] == RESTORE_SHELL_FD && call->arg[1] == F_DUPFD_CLOEXEC);
	CHECK(call->arg[2] == RESTORE_SHELL_FD + 1 && call->expect == RESTORE_SHELL_FD + 1);
	CHECK_EQ(restore_call(6, SYS_close)->arg[0], RESTORE_SHELL_FD);
	CHECK_EQ(restore_call(7, SYS_close)->arg[0], RESTORE_SHELL_FD + 1);
	CHECK_EQ(restore->calls.count, 8);
	restore_end();
}

/* A login user id that the shell has not yet is written by itself, while it has no descriptors of the process. */
static void test_login(void)
{
	begin();
	restore->picture.has_login = true;
	restore->picture.login = 4711;
	CHECK(restore_listed(restore_login(restore, &restore_refusal)));
	CHECK_EQ(restore_call(0, SYS_openat)->expect, 0);
	CHECK(restore_call(1, SYS_write)->arg[2] == 4 && restore_call(1, SYS_write)->expect == 4);
	restore_call(2, SYS_close);
	CHECK_EQ(restore->calls.count, 3);
	restore_end();
	begin();
	restore->picture.has_login = true;
	restore->picture.login = inventory_login(restore->dir);
	CHECK_EQ(restore_login(restore, &restore_refusal), 0);
	CHECK_EQ(listed_count(&restore->calls, SYS_openat), 0);
	restore_end();
}

/*
 * 0 and 1 are free when they are made, and arrive there; for 5, which the gap at 2 is below of, the descriptor arrives
 * at 2 and is moved; the second one of a description is a duplicate of the first.
 */
static void test_numbers(void)
{
	uint32_t at = 7;
	const struct call *call;

	begin();
	add_description(1);
	add_description(2);
	add_number(0, 1, 0);
	add_number(1, 2, 1);
	add_number(5, 2, 0);
	add_number(6, 1, 1);
	CHECK(restore_listed(files()));
	CHECK_EQ(restore_call(5, SYS_fcntl)->arg[2], 7);
	restore_call(at, SYS_recvmsg);
	CHECK_EQ(restore_call(at, SYS_recvmsg)->arg[0], 7); /* where the way to the shell is now */
	CHECK_EQ(restore_call(at + 1, SYS_fcntl)->arg[0], 0);
	call = restore_call(at + 2, SYS_fcntl);
	CHECK(call->arg[0] == 0 && call->arg[1] == F_SETFD && call->arg[2] == 0);
	CHECK_EQ(restore_call(at + 4, SYS_fcntl)->arg[0], 1);
	call = restore_call(at + 5, SYS_fcntl);
	CHECK(call->arg[0] == 1 && call->arg[2] == FD_CLOEXEC);
	call = restore_call(at + 6, SYS_dup3);
	CHECK(call->arg[0] == 1 && call->arg[1] == 5 && call->arg[2] == 0 && call->expect == 5);
	call = restore_call(at + 7, SYS_dup3);
	CHECK(call->arg[0] == 0 && call->arg[1] == 6 && call->arg[2] == O_CLOEXEC);
	CHECK_EQ(restore_call(at + 8, SYS_close)->arg[0], 7);
	CHECK_EQ(restore->calls.count, at + 9);
	restore_end();
}

/* One above a gap arrives in the gap. */
static void test_gap(void)
{
	begin();
	add_description(1);
	add_number(9, 1, 1);
	CHECK(restore_listed(files()));
	const struct call *call = restore_call(8, SYS_fcntl);

	CHECK(call->arg[0] == 0 && call->arg[1] == F_GETFD);
	call = restore_call(9, SYS_dup2);
	CHECK(call->arg[0] == 0 && call->arg[1] == 9 && call->expect == 9);
	CHECK_EQ(restore_call(10, SYS_close)->arg[0], 0);
	call = restore_call(11, SYS_fcntl);
	CHECK(call->arg[0] == 9 && call->arg[1] == F_SETFD && call->arg[2] == FD_CLOEXEC);
	restore_end();
}

/* A limit that is too low for the numbers of the process is raised; its own comes later. */
static void test_limit(void)
{
	struct rlimit limit = { 100, 5000 };
	pid_t pid = sleeper();

	CHECK_EQ(prlimit(pid, RLIMIT_NOFILE, &limit, NULL), 0);
	begin();
	restore->pid = pid;
	add_description(1);
	add_number(900, 1, 0);
	CHECK(restore_listed(files()));
	CHECK_EQ(prlimit(pid, RLIMIT_NOFILE, NULL, &limit), 0);
	CHECK(limit.rlim_cur >= 902 && limit.rlim_cur < 1000 && limit.rlim_max == 5000);
	restore_end();
	begin();
	restore->pid = pid;
	add_description(1);
	add_number(6000, 1, 0);
	int r = files();

	/* The hard one takes a right to raise. */
	if (prlimit(pid, RLIMIT_NOFILE, NULL, &limit) == 0 && limit.rlim_max > 5000)
		CHECK(restore_listed(r) && limit.rlim_cur == limit.rlim_max);
	else
		CHECK(is_refusal(r, &restore_refusal, EDVSPROCSTS,
				 "the target may not open descriptor 6001: Operation not"));
	restore_end();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* A directory that the target does not have. */
static void test_refused(void)
{
	begin();
	free(restore->picture.tables->files.file[0].path);
	restore->picture.tables->files.file[0].path = strdup("/no/such/folder/here");
	int r = files();

	CHECK(r == restore_refusal.error && r < 0);
	CHECK(strstr(restore_refusal.reason, "/no/such/folder/here"));
	CHECK_EQ(restore->calls.count, 0);
	restore_end();
}

int main(void)
{
	TEST(test_nothing_open);
	TEST(test_login);
	TEST(test_numbers);
	TEST(test_gap);
	TEST(test_limit);
	TEST(test_refused);
	return test_end();
}
