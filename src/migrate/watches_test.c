/* SPDX-License-Identifier: Apache-2.0 */
/* Watches of this very process. */
#include "migrate/watches.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"

static void test_mounts(void)
{
	char path[IMAGE_PATH_MAX];

	CHECK(watches_mount_of("36 35 98:7 /mnt1 /mnt\\0402/a rw,noatime master:1 - ext3 /x rw\n",
			       98, 7, path));
	CHECK(strcmp(path, "/mnt 2/a") == 0);
	CHECK(!watches_mount_of("36 35 98:7 /mnt1 /mnt2 rw - ext3 /x rw\n", 98, 8, path));
	CHECK(!watches_mount_of("36 35 98:7\n", 98, 7, path));
	CHECK(!watches_mount_of("", 98, 7, path));
}

static int watched(int fd, struct os_inotify_watch *watch)
{
	struct procdir_text text = { 0 };
	char info[48];

	snprintf(info, sizeof(info), "/proc/self/fdinfo/%d", fd);
	CHECK_EQ(procdir_read(AT_FDCWD, info, &text), 0);
	const char *at = text.text;
	int r = os_inotify_next(&at, watch);

	procdir_text_free(&text);
	return r;
}

static void test_paths(void)
{
	char folder[] = "/tmp/dvs-watches-XXXXXX", name[64], found[IMAGE_PATH_MAX];
	struct watches_look look = { .dir = procdir_open(getpid()) };
	struct os_inotify_watch watch;
	int fd = os_inotify_new();

	CHECK_OR_RETURN(mkdtemp(folder) && fd >= 0 && look.dir >= 0);
	snprintf(name, sizeof(name), "%s/file", folder);
	int file = open(name, O_CREAT | O_RDWR | O_CLOEXEC, 0600);

	CHECK(inotify_add_watch(fd, name, IN_MODIFY) == 1 && watched(fd, &watch) == 1);
	if (watches_path(&look, &watch, found) == -EOPNOTSUPP) {
		test_skip("this file system has no handles");
	} else {
		CHECK_EQ(watches_path(&look, &watch, found), 0);
		CHECK(strcmp(found, name) == 0);
		unlink(name); /* it is open, and watched still */
		CHECK_EQ(watches_path(&look, &watch, found), -ENOENT);
	}
	close(file);
	watch.device_major += 7;
	CHECK_EQ(watches_path(&look, &watch, found), -ENOENT);
	procdir_text_free(&look.mounts);
	rmdir(folder);
	close(look.dir);
	close(fd);
}

int main(void)
{
	TEST(test_mounts);
	TEST(test_paths);
	return test_end();
}
