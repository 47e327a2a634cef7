/* SPDX-License-Identifier: Apache-2.0 */
/* Files of /proc and /sys of this very process: which of them are carried, and one that is opened again. */
#include "migrate/kind.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/test.h"
#include "migrate/found_test.h"
#include "migrate/restore.h"
#include "os/socket.h"

static struct descriptions all;
static struct refusal refusal;

static int find(int fd, const char *link)
{
	const struct found found = { .all = &all, .refusal = &refusal, .info = "pos:\t4\n" };

	descriptions_free(&all);
	refusal = REFUSAL_NONE;
	return found_add(&found, IMAGE_DESCRIPTION_KERNEL_FILE, fd, link);
}

static int find_by_name(const char *name, int flags)
{
	int fd = open(name, flags | O_CLOEXEC);
	int r = fd < 0 ? -1 : find(fd, name);

	os_close(fd);
	return r;
}

static void test_found(void)
{
	char name[64];

	CHECK_EQ(find_by_name("/proc/meminfo", O_RDONLY), 1);
	CHECK_EQ(find_by_name("/proc", O_RDONLY), 1);
	CHECK_EQ(find_by_name("/proc/sys/kernel/ostype", O_RDONLY), 1);
	CHECK_EQ(find_by_name("/proc/meminfo", O_PATH), 0);
	CHECK_EQ(find_by_name("/proc/kmsg", O_RDONLY | O_NONBLOCK) > 0, 0);
	CHECK_EQ(find_by_name("/etc/passwd", O_RDONLY), 0);
	char link[64] = "";
	int space = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	CHECK(readlink("/proc/self/ns/net", link, sizeof(link) - 1) > 0);
	CHECK_EQ(find(space, link), 1);
	CHECK_EQ(find(space, "net:[17]"), 0); /* it is in another one */
	os_close(space);
	/* Its number is that of another namespace for all that this program can tell. */
	snprintf(name, sizeof(name), "/proc/%d/status", getpid());
	CHECK_EQ(find_by_name(name, O_RDONLY), 0);
}

static bool is_whole(const char *path)
{
	struct description description = { 0 };
	bool good = contents_append(&description.contents, path, (uint32_t)strlen(path)) == 0 &&
		    kind_kernel_file.whole(&description, NULL, NULL);

	contents_free(&description.contents);
	return good;
}

/* A name came from outside. */
static void test_names(void)
{
	CHECK(is_whole("/proc/17/maps") && is_whole("/proc/17") && is_whole("/proc/17/net/tcp"));
	CHECK(is_whole("/sys/devices/system/cpu/online"));
	CHECK(is_whole("net:[4026531840]") && !is_whole("pipe:[17]") && !is_whole("net"));
	CHECK(!is_whole("/proc/17/mem") && !is_whole("/proc/17/root/etc/shadow"));
	CHECK(!is_whole("/proc/0/maps") && !is_whole("/proc/99999999999/maps"));
	CHECK(!is_whole("/sys/../etc/shadow") && !is_whole("/proc/sys/../kcore"));
	CHECK(!is_whole("/etc/shadow") && !is_whole("/proc/kcore") && !is_whole("/procs"));
	CHECK(!is_whole("/proc/17/net/../mem"));
	const struct description nothing = { 0 };

	CHECK(!kind_kernel_file.whole(&nothing, NULL, NULL));
}

static void test_opened(void)
{
	struct restore *restore = calloc(1, sizeof(*restore));
	char had[16] = "", got[16] = "";
	int fd = open("/proc/version", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	restore->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	restore->picture.process.opener.effective = UINT64_MAX >> 23; /* all that there are */
	CHECK_OR_RETURN(find(fd, "/proc/version") == 1);
	struct description *description = &all.description[0];
	const struct kind_frozen frozen = { .pid = getpid() };

	CHECK_EQ(kind_kernel_file.write(&frozen, description, &refusal), 0);
	CHECK(kind_kernel_file.read(&description->image, NULL, NULL, true));
	CHECK(kind_kernel_file.whole(description, NULL, NULL));
	int opened = kind_kernel_file.open(restore, description, &refusal);

	if (geteuid() == 0 && opened < 0)
		printf("  %s\n", refusal.reason);
	CHECK(opened >= 0 || geteuid());
	if (opened >= 0) {
		CHECK(pread(fd, had, 10, 4) == 10 && read(opened, got, 10) == 10);
		CHECK(memcmp(had, got, 10) == 0 && fcntl(opened, F_GETFL) & O_NONBLOCK);
	}
	os_close(opened);
	close(fd);
	close(restore->root);
	descriptions_free(&all);
	free(restore);
}

int main(void)
{
	TEST(test_found);
	TEST(test_names);
	TEST(test_opened);
	return test_end();
}
