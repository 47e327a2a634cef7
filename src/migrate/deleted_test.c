/* SPDX-License-Identifier: Apache-2.0 */
/* A file without a name, described and made anew in its folder. */
#include "migrate/deleted.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/made_proc_test.h"

#define SIZE 12345

static int self; /* /proc/self */

static int nameless(int flags)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC | flags, 0640);

	CHECK(fd >= 0 && ftruncate(fd, SIZE) == 0);
	return fd;
}

static int describe(int fd, struct image_file *image, struct refusal *refusal)
{
	char link[32];

	*image = (struct image_file){ 0 };
	*refusal = REFUSAL_NONE;
	snprintf(link, sizeof(link), "fd/%d", fd);
	return deleted_describe(self, "/tmp/gone (deleted)", link, image, refusal);
}

static void test_described(void)
{
	struct image_file image;
	struct refusal refusal;
	char name[] = "/tmp/dvs-deleted-test-XXXXXX";
	int fd = nameless(0), named = mkstemp(name), folder = open("/tmp", O_RDONLY | O_DIRECTORY);

	CHECK_EQ(describe(fd, &image, &refusal), 1);
	CHECK(image.size == SIZE && image.mode == (S_IFREG | 0640) && image.uid == getuid());
	CHECK_EQ(image.use, IMAGE_FILE_MEMORY | IMAGE_FILE_DELETED);
	CHECK_EQ(describe(named, &image, &refusal), 0);
	CHECK_EQ(describe(folder, &image, &refusal), 0);
	CHECK_EQ(describe(9999, &image, &refusal), 0);
	unlink(name);
	CHECK_EQ(describe(named, &image, &refusal), 1);
	close(folder);
	close(named);
	close(fd);
}

/* Empty, and found by the folder that is there still; none of that is left behind. */
static void test_folder(void)
{
	const struct image_opener opener = { .uid = getuid(), .gid = getgid() };
	char folder[] = "/tmp/dvs-deleted-test-XXXXXX", path[64];
	struct image_file image;
	struct refusal refusal;
	struct stat status;

	CHECK_OR_RETURN(mkdtemp(folder));
	int was = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	CHECK_EQ(rmdir(folder), 0);
	CHECK_EQ(describe(was, &image, &refusal), 1);
	CHECK_EQ(image.use, IMAGE_FILE_DIRECTORY | IMAGE_FILE_DELETED);
	image.mode = S_IFDIR | 0751;
	snprintf(path, sizeof(path), "%s/below (deleted)", folder);
	struct file file = { .path = path, .image = image };

	CHECK_EQ(deleted_check(&file, root, &refusal), 0);
	int fd = deleted_make(&file, root, &opener, &refusal);

	CHECK(fd >= 0 && deleted_settle(&file, fd, &refusal) == 0);
	CHECK(fstat(fd, &status) == 0 && status.st_mode == (S_IFDIR | 0751) &&
	      status.st_nlink == 0);
	CHECK(access("/tmp/below", F_OK) < 0 && access(folder, F_OK) < 0);
	close(fd);
	close(root);
	close(was);
}

static int make(const char *path, uint64_t size, struct refusal *refusal)
{
	const struct image_opener opener = { .uid = getuid(), .gid = getgid() };
	struct file file = { .path = (char *)path,
			     .image = { .use = IMAGE_FILE_MEMORY | IMAGE_FILE_DELETED,
					.size = size,
					.mode = S_IFREG | 0604,
					.uid = getuid(),
					.gid = getgid(),
					.mtime_s = 77 } };
	int root = open("/", O_PATH | O_DIRECTORY);

	*refusal = REFUSAL_NONE;
	int checked = deleted_check(&file, root, refusal);
	int fd = deleted_make(&file, root, &opener, refusal);

	CHECK(checked == 0 || fd < 0);
	if (fd >= 0)
		CHECK_EQ(deleted_settle(&file, fd, refusal), 0);
	close(root);
	return fd;
}

/* By its place alone: nobody has an end of it. */
static void test_fifo(void)
{
	const struct image_opener opener = { .uid = getuid(), .gid = getgid() };
	char path[] = "/tmp/dvs-deleted-fifo", name[32];
	struct file file = { .path = "/tmp/dvs-deleted-fifo (deleted)" };
	struct refusal refusal;
	struct stat status;

	CHECK_EQ(mkfifo(path, 0640), 0);
	int was = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	unlink(path);
	CHECK_EQ(describe(was, &file.image, &refusal), 1);
	CHECK_EQ(file.image.use, IMAGE_FILE_MEMORY | IMAGE_FILE_DELETED);
	file.image.mode = S_IFIFO | 0604;
	int fd = deleted_make(&file, root, &opener, &refusal);

	if (fd < 0 && geteuid()) {
		test_skip("rights cannot be assumed here");
		return;
	}
	CHECK(fd >= 0 && deleted_settle(&file, fd, &refusal) == 0);
	CHECK(fstat(fd, &status) == 0 && status.st_mode == (S_IFIFO | 0604) &&
	      status.st_nlink == 0 && status.st_ino != file.image.inode);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	CHECK(open(name, O_WRONLY | O_NONBLOCK) < 0 && errno == ENXIO);
	close(fd);
	close(root);
	close(was);
}

static bool can_be_named(int fd)
{
	char folder[] = "/tmp/dvs-deleted-test-XXXXXX", link[48], name[64];

	CHECK(mkdtemp(folder));
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	snprintf(name, sizeof(name), "%s/name", folder);
	bool named = linkat(AT_FDCWD, link, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0;

	unlink(name);
	rmdir(folder);
	return named;
}

static void test_made(void)
{
	struct refusal refusal;
	struct stat status;
	int fd = make("/tmp/gone (deleted)", SIZE, &refusal);

	if (fd < 0 && geteuid()) {
		test_skip("rights cannot be assumed here");
		return;
	}
	CHECK(fstat(fd, &status) == 0 && status.st_size == SIZE && status.st_nlink == 0 &&
	      status.st_mode == (S_IFREG | 0604) && status.st_mtime == 77);
	CHECK(can_be_named(fd));
	close(fd);
}

static void test_refused(void)
{
	struct refusal refusal;

	CHECK(is_refusal(make("/no/such/folder/x (deleted)", 1, &refusal), &refusal, EDVSNOENT,
			 "no such folder"));
	CHECK(is_refusal(make("/etc/passwd/x (deleted)", 1, &refusal), &refusal, EDVSNOENT,
			 "no such folder"));
	CHECK(is_refusal(make("/proc/x (deleted)", 1, &refusal), &refusal, EDVSPROCSTS,
			 "cannot make a nameless file") ||
	      refusal.error == EDVSNOENT);
	CHECK(make("/tmp/x", UINT64_MAX, &refusal) < 0);
	CHECK(make("x", 1, &refusal) < 0);
}

int main(void)
{
	self = open("/proc/self", O_PATH | O_DIRECTORY);
	TEST(test_described);
	TEST(test_folder);
	TEST(test_fifo);
	TEST(test_made);
	TEST(test_refused);
	close(self);
	return test_end();
}
