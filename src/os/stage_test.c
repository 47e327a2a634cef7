/* SPDX-License-Identifier: Apache-2.0 */
#include "os/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"

static char path[] = "/tmp/dvs-stage-XXXXXX";
static int folder;

static bool is_there(const char *name)
{
	return faccessat(folder, name, F_OK, 0) == 0;
}

static void test_takes(void)
{
	CHECK(os_stage_takes("/run/app/socket") && os_stage_takes("socket") &&
	      os_stage_takes("a//b") && os_stage_takes("/..a"));
	CHECK(!os_stage_takes("") && !os_stage_takes("/") && !os_stage_takes("a/") &&
	      !os_stage_takes("../a") && !os_stage_takes("/a/./b") && !os_stage_takes("a/.."));
}

static void test_placed(void)
{
	struct stat status;
	int stage = os_stage_make(folder, "ours", "/run/app/socket");

	CHECK(stage >= 0 && is_there("ours/run/app"));
	CHECK_EQ(os_stage_make(folder, "ours", "/run/app/socket"), -EEXIST);
	close(openat(stage, "run/app/socket", O_CREAT | O_WRONLY, 0));
	CHECK_EQ(os_stage_own(stage, "/run/app/socket", geteuid(), getegid(), 0640), 0);
	close(openat(folder, "socket", O_CREAT | O_WRONLY, 0600)); /* one that is replaced */
	CHECK_EQ(os_stage_place(folder, "ours", "/run/app/socket"), 0);
	os_stage_remove(folder, "ours", "/run/app/socket");
	CHECK(!is_there("ours") && fstatat(folder, "socket", &status, 0) == 0);
	CHECK_EQ(status.st_mode & 07777, 0640);
	unlinkat(folder, "socket", 0);
	close(stage);
}

static void test_removed(void)
{
	int stage = os_stage_make(folder, "ours", "socket");

	close(openat(stage, "socket", O_CREAT | O_WRONLY, 0600));
	close(stage);
	os_stage_remove(folder, "ours", "socket");
	CHECK(!is_there("ours"));
	CHECK_EQ(os_stage_place(folder, "ours", "socket"), -ENOENT);
}

int main(void)
{
	CHECK(mkdtemp(path) != NULL);
	folder = open(path, O_RDONLY | O_DIRECTORY);
	TEST(test_takes);
	TEST(test_placed);
	TEST(test_removed);
	close(folder);
	rmdir(path);
	return test_end();
}
