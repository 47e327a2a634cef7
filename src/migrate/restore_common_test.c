/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/restore.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/test.h"
#include "migrate/restore_test.h"
#include "os/socket.h"

static int opened;

static int open_foreign(void *ctx, const struct foreign_name *name)
{
	CHECK(ctx == &opened);
	CHECK_EQ(name->bytes[5], 0x42);
	return opened;
}

static void test_foreign(void)
{
	const struct migrate_host host = { .open = open_foreign, .ctx = &opened };
	const uint8_t name[IMAGE_NAME_BYTES] = { [5] = 0x42 };

	restore_begin();
	CHECK(is_refusal(restore_open_foreign(restore, name, &restore_refusal), &restore_refusal,
			 EDVSNOSYS, "the target knows no foreign objects"));
	refusal_clear(&restore_refusal);
	restore->host = &host;
	opened = 31;
	CHECK_EQ(restore_open_foreign(restore, name, &restore_refusal), 31);
	opened = -ENOENT;
	CHECK(is_refusal(restore_open_foreign(restore, name, &restore_refusal), &restore_refusal,
			 EDVSPROCSTS,
			 "no page or pipe to take the place of the source's: No such"));
	restore_end();
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* The descriptor goes to the shell and is closed here; the shell receives it, and proves its number. */
static void test_sent(void)
{
	int fd = memfd_create("sent", MFD_CLOEXEC), arrived[OS_FDS_MAX], count = 0;
	struct stat ours, theirs;
	char byte;

	restore_begin();
	CHECK_EQ(fstat(fd, &ours), 0);
	CHECK_EQ(restore_send_descriptor(restore, fd, 17, 90, &restore_refusal), 0);
	CHECK(!is_open(fd));
	CHECK_EQ(os_packet_recv(restore_shell, &byte, 1, arrived, &count), 1);
	CHECK_EQ(count, 1);
	CHECK_EQ(fstat(arrived[0], &theirs), 0);
	CHECK_EQ(ours.st_ino, theirs.st_ino);
	close(arrived[0]);
	const struct call *call = restore_call(0, SYS_recvmsg);

	CHECK(call->arg[0] == 90 && call->mode == CALL_EXACT && call->expect == 1);
	const struct msghdr *head = restore_data(call->arg[1]);

	CHECK_EQ(head->msg_controllen, CMSG_SPACE(sizeof(int)));
	call = restore_call(1, SYS_fcntl);
	CHECK(call->arg[0] == 17 && call->arg[1] == F_GETFD && call->expect == 0);
	CHECK_EQ(restore->calls.count, 2);
	restore_end();
}

static void test_not_sent(void)
{
	int fd = dup(0);

	restore_begin();
	/* A refusal in place of a descriptor is passed on, and nothing is listed. */
	CHECK_EQ(restore_send_descriptor(restore, EDVSPROCSTS, 0, 3, &restore_refusal),
		 EDVSPROCSTS);
	CHECK_EQ(restore->calls.count, 0);
	shutdown(restore_shell, SHUT_RD);
	CHECK(is_refusal(restore_send_descriptor(restore, fd, 0, 3, &restore_refusal),
			 &restore_refusal, EDVSPROCSTS, "cannot be given a descriptor"));
	CHECK(!is_open(fd));
	CHECK_EQ(restore->calls.count, 0);
	restore_end();
}

/* No more lie in the socket than fit there: the shell receives what was sent before more is sent. */
static void test_many(void)
{
	unsigned sent = 0;
	int r = 0;

	restore_begin();
	for (; r == 0 && sent < 1000; sent += r == 0)
		r = restore_send_descriptor(restore, dup(0), 5, 3, &restore_refusal);
	CHECK(restore_listed(r)); /* it was asked to receive them */
	CHECK_EQ(sent, 99);
	CHECK_EQ(listed_count(&restore->calls, SYS_recvmsg), 99);
	restore_end();
}

/* A file of the table by its path; a memory file is one that was made here. */
static void test_open_file(void)
{
	struct stat status, wanted;

	restore_begin();
	restore_add_file(1, "/proc", IMAGE_FILE_DIRECTORY);
	restore_add_file(2, "/", IMAGE_FILE_MEMORY);
	int made = memfd_create("made", MFD_CLOEXEC);
	int table[] = { -1, made };

	restore->memfd = table;
	int fd = restore_open_file(restore, &restore->picture.tables->files.file[0],
				   O_PATH | O_DIRECTORY, &restore_refusal);

	CHECK(fd >= 0 && fstat(fd, &status) == 0 && stat("/proc", &wanted) == 0);
	CHECK(status.st_ino == wanted.st_ino && status.st_dev == wanted.st_dev);
	close(fd);
	fd = restore_open_file(restore, &restore->picture.tables->files.file[1], O_RDONLY,
			       &restore_refusal);
	CHECK(fd >= 0 && fd != made && fstat(fd, &status) == 0 && fstat(made, &wanted) == 0);
	CHECK_EQ(status.st_ino, wanted.st_ino);
	close(fd);
	close(made);
	restore->memfd = NULL;
	restore_end();
}

/* The target cannot open it: it could have been told so before the stop, or only now. */
static void test_open_late(void)
{
	struct files offered = { 0 };
	char path[] = "/tmp/dvs-restore-common-XXXXXX";

	restore_begin();
	close(mkstemp(path));
	restore_add_file(1, path, 0);
	unlink(path);
	const struct file *file = &restore->picture.tables->files.file[0];

	CHECK(is_refusal(restore_open_file(restore, file, O_RDONLY, &restore_refusal),
			 &restore_refusal, EDVSNOENT, "the target cannot open"));
	refusal_clear(&restore_refusal);
	restore->offered = &restore->picture.tables->files;
	CHECK(is_refusal(restore_open_file(restore, file, O_RDONLY, &restore_refusal),
			 &restore_refusal, EDVSNOENT, "the target cannot open"));
	refusal_clear(&restore_refusal);
	restore->offered = &offered;
	CHECK(is_refusal(restore_open_file(restore, file, O_RDONLY, &restore_refusal),
			 &restore_refusal, EDVSBUSY, "just before it was stopped"));
	refusal_clear(&restore_refusal);
	restore->offered = NULL;
	restore_end();
}

int main(void)
{
	TEST(test_foreign);
	TEST(test_sent);
	TEST(test_not_sent);
	TEST(test_many);
	TEST(test_open_file);
	TEST(test_open_late);
	return test_end();
}
