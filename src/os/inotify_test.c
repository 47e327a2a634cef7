/* SPDX-License-Identifier: Apache-2.0 */
#include "os/inotify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"
#include "os/procdir.h"

static void test_lines(void)
{
	const char *at = "pos:\t0\nflags:\t02\n"
			 "inotify wd:1f ino:9e7e sdev:800013 mask:800afce ignored_mask:0 "
			 "fhandle-bytes:8 fhandle-type:1 f_handle:7e9e0000640d1b6d\n"
			 "inotify wd:2 ino:1 sdev:2a mask:100 ignored_mask:0 \n";
	static const uint8_t handle[] = { 0x7e, 0x9e, 0, 0, 0x64, 0x0d, 0x1b, 0x6d };
	struct os_inotify_watch watch;

	CHECK_EQ(os_inotify_next(&at, &watch), 1);
	CHECK(watch.number == 0x1f && watch.inode == 0x9e7e && watch.mask == 0x800afce);
	CHECK(watch.device_major == 8 && watch.device_minor == 0x13);
	CHECK(watch.handle_bytes == 8 && watch.handle_type == 1 &&
	      memcmp(watch.handle, handle, 8) == 0);
	CHECK_EQ(os_inotify_next(&at, &watch), 1);
	CHECK(watch.number == 2 && watch.handle_bytes == 0 && watch.device_minor == 0x2a);
	CHECK_EQ(os_inotify_open(&watch, AT_FDCWD), -EOPNOTSUPP);
	CHECK_EQ(os_inotify_next(&at, &watch), 0);
	at = "inotify wd:1 ino:1 sdev:1 mask:1 fhandle-bytes:8 fhandle-type:1 f_handle:7e\n";
	CHECK_EQ(os_inotify_next(&at, &watch), -EPROTO);
	at = "inotify wd:1 ino:1 sdev:1 mask:1 fhandle-bytes:ff fhandle-type:1 f_handle:7e\n";
	CHECK_EQ(os_inotify_next(&at, &watch), -EPROTO);
	at = "inotify wd:0 ino:1 sdev:1 mask:1\n";
	CHECK_EQ(os_inotify_next(&at, &watch), -EPROTO);
}

/* The numbers that are wanted, no event left, and each tells of its own. */
static void test_numbers(void)
{
	char folder[] = "/tmp/dvs-inotify-XXXXXX", name[64], info[48];
	int fd = os_inotify_new(), next = 1;

	CHECK_OR_RETURN(fd >= 0 && mkdtemp(folder));
	int mount = open(folder, O_RDONLY | O_CLOEXEC);
	int object = open(folder, O_PATH | O_CLOEXEC), other = open("/", O_PATH | O_CLOEXEC);

	CHECK_EQ(os_inotify_add(fd, object, 2345, &next), 0);
	CHECK_EQ(os_inotify_add(fd, other, 2346, &next), 0);
	CHECK_EQ(next, 2347);
	snprintf(name, sizeof(name), "%s/file", folder);
	close(open(name, O_CREAT | O_WRONLY, 0600));
	CHECK_EQ(os_inotify_bytes(fd), 0);
	CHECK_EQ(os_inotify_set(fd, object, IN_DELETE | IN_ONESHOT), 0);
	snprintf(info, sizeof(info), "/proc/self/fdinfo/%d", fd);

	struct procdir_text text = { 0 };
	struct os_inotify_watch watch;

	CHECK_EQ(procdir_read(AT_FDCWD, info, &text), 0);
	const char *at = text.text;
	unsigned found = 0;

	while (os_inotify_next(&at, &watch) == 1) {
		if (watch.number != 2345)
			continue;
		struct stat status, wanted;
		int opened = os_inotify_open(&watch, mount);

		found++;
		CHECK_EQ(watch.mask, IN_DELETE | IN_ONESHOT);
		CHECK(opened == -EOPNOTSUPP || opened == -EPERM ||
		      (fstat(opened, &status) == 0 && stat(folder, &wanted) == 0 &&
		       status.st_ino == wanted.st_ino && status.st_ino == watch.inode));
		if (opened >= 0)
			close(opened);
	}
	CHECK_EQ(found, 1);
	procdir_text_free(&text);
	unlink(name);
	struct inotify_event event[8];

	CHECK(read(fd, event, sizeof(event)) > 0 && event[0].wd == 2345);
	rmdir(folder);
	close(mount);
	close(object);
	close(other);
	close(fd);
}

int main(void)
{
	TEST(test_lines);
	TEST(test_numbers);
	return test_end();
}
