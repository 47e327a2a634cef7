/* SPDX-License-Identifier: Apache-2.0 */
/* Files of this very process that are taken for those of a network file system: how often each is written back. */
#include "migrate/write_back.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/found_test.h"
#include "migrate/kind.h"
#include "migrate/made_proc_test.h"
#include "os/procdir.h"

/* Stands for os_file_sync_within(): the linker leads each call of it here. */
static int synced, answer, limit_ms;

int __wrap_os_file_sync_within(int fd, int timeout_ms);
int __wrap_os_file_sync_within(int fd, int timeout_ms)
{
	CHECK(fcntl(fd, F_GETFD) >= 0);
	synced++;
	limit_ms = timeout_ms;
	return answer;
}

static char path[] = "/tmp/dvs-write-back-XXXXXX";
static struct files files;
static struct refusal why;
static int fd, dir;

static void begin(uint32_t use)
{
	struct files_object object = { .link = "fd/0" };
	struct stat status;

	why = REFUSAL_NONE;
	synced = answer = 0;
	CHECK_EQ(fstat(fd, &status), 0);
	object.device = status.st_dev;
	object.inode = status.st_ino;
	CHECK_EQ(files_add(&files, dir, path, &object, use, &why), 1);
	CHECK(!files.file[0].is_shared); /* it is a file of this machine */
	files.file[0].is_shared = true;
}

static void end(void)
{
	files_free(&files);
	refusal_clear(&why);
}

static void test_due(void)
{
	struct file file = { .image = { .use = IMAGE_FILE_WRITTEN } };

	CHECK(!write_back_is_due(&file));
	file.is_shared = true;
	CHECK(write_back_is_due(&file));
	file.image.use = IMAGE_FILE_MAPPED;
	CHECK(!write_back_is_due(&file));
}

/* Those that are mapped, with or without a descriptor of them. */
static void test_mapped(void)
{
	begin(IMAGE_FILE_WRITTEN);
	CHECK_EQ(write_back_mapped(&files, dir, true, &why), 0);
	CHECK_EQ(synced, 0);
	files.file[0].image.use |= IMAGE_FILE_MAPPED;
	CHECK_EQ(write_back_mapped(&files, dir, true, &why), 0);
	CHECK_EQ(synced, 1);
	answer = -EDQUOT;
	CHECK(is_refusal(write_back_mapped(&files, dir, true, &why), &why, EDVSIO,
			 "cannot be brought to the server"));
	refusal_clear(&why);
	unlink(path);
	CHECK(is_refusal(write_back_mapped(&files, dir, true, &why), &why, EDVSPROCSTS,
			 "cannot be opened here"));
	end();
}

/* A descriptor that is open for writing: once before the stop, and once in it. */
static void test_open(void)
{
	struct descriptions all = { 0 };
	struct found found = { .all = &all, .files = &files, .refusal = &why, .info = "pos:\t0\n" };

	begin(IMAGE_FILE_WRITTEN);
	CHECK_EQ(found_add(&found, IMAGE_DESCRIPTION_FILE, fd, path), 1);
	CHECK_EQ(synced, 1);
	CHECK_EQ(limit_ms, 60000);
	found.stands = true;
	CHECK_EQ(found_add(&found, IMAGE_DESCRIPTION_FILE, fd, path), 1);
	CHECK_EQ(synced, 1); /* write() does it */
	struct description *description = &all.description[0];
	const struct kind_frozen frozen = { .pid = getpid(),
					    .descriptions = &all,
					    .files = &files };

	CHECK_EQ(kind_file.write(&frozen, description, &why), 0);
	CHECK_EQ(synced, 2);
	CHECK_EQ(limit_ms, 1000);
	answer = -ETIMEDOUT;
	CHECK(is_refusal(kind_file.write(&frozen, description, &why), &why, EDVSTIMEDOUT,
			 "within 1 s"));
	refusal_clear(&why);
	answer = -EIO;
	CHECK(is_refusal(kind_file.write(&frozen, description, &why), &why, EDVSIO, path));
	description->image.flags = O_RDONLY;
	CHECK_EQ(kind_file.write(&frozen, description, &why), 0);
	CHECK_EQ(synced, 4);
	descriptions_free(&all);
	end();
}

int main(void)
{
	fd = mkstemp(path);
	dir = procdir_open(getpid());
	if (fd < 0 || dir < 0)
		return 1;
	TEST(test_due);
	TEST(test_open);
	TEST(test_mapped);
	unlink(path);
	return test_end();
}
