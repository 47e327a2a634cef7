/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/reopen.h"

#include "base/test.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY 65534

static char folder[] = "/tmp/dvs-reopen-XXXXXX";
static const struct image_opener root_user = { .effective = ~0ull };
static const struct image_opener nobody = { .uid = NOBODY, .gid = NOBODY };
static int top;

static int make(const char *name, mode_t mode)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	int fd = open(path, O_CREAT | O_RDWR | O_TRUNC | O_CLOEXEC, mode);

	CHECK(fd >= 0 && write(fd, name, strlen(name)) > 0);
	return fd;
}

/* The record of a file as a source of this machine makes it. */
static void record(struct file *file, int fd, char *path, const char *name, uint32_t use)
{
	unsigned long type;

	snprintf(path, 128, "%s/%s", folder, name);
	*file = (struct file){ .path = path };
	CHECK_EQ(files_describe(fd, &file->image, &type), 0);
	file->image.use = use;
}

/* The capabilities that this thread has in effect. */
static uint64_t rights_now(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	CHECK_EQ(syscall(SYS_capget, &head, data), 0);
	return (uint64_t)data[1].effective << 32 | data[0].effective;
}

static uint64_t rights_before;

static bool held;

static bool opens(const struct file *file, bool same_machine, const struct image_opener *opener,
		  uint32_t flags)
{
	struct refusal refusal = REFUSAL_NONE;
	int fd = files_reopen(file, top, same_machine, held, opener, flags, &refusal);

	if (fd >= 0)
		close(fd);
	else
		printf("  %s\n", refusal.reason);
	CHECK(syscall(SYS_setfsuid, -1) == 0 && syscall(SYS_setfsgid, -1) == 0);
	CHECK_EQ(rights_now(), rights_before);
	return fd >= 0;
}

static void test_the_very_same(void)
{
	struct file file;
	char path[128];
	int fd = make("own", 0600);

	record(&file, fd, path, "own", IMAGE_FILE_WRITTEN);
	CHECK(opens(&file, true, &nobody,
		    O_RDWR)); /* it was open before the rights were given up */
	CHECK(write(fd, "more", 4) == 4);
	CHECK(opens(&file, true, &nobody, O_RDWR)); /* and others may append to it */
	/* Nobody had it open since then: it may be another one with the same number. */
	held = false;
	CHECK(!opens(&file, true, &nobody, O_RDWR));
	CHECK(opens(&file, true, &root_user, O_RDWR));
	CHECK(fchmod(fd, 0666) == 0);
	CHECK(opens(&file, true, &nobody, O_RDWR));
	held = true;
	close(fd);
}

static void test_exchanged(void)
{
	struct file file;
	char path[128], other[128];
	int fd = make("mine", 0666), secret = make("secret", 0600);

	snprintf(other, sizeof(other), "%s/secret", folder);
	record(&file, fd, path, "mine", IMAGE_FILE_WRITTEN);
	unlink(path);
	CHECK(symlink(other, path) == 0);
	CHECK(!opens(&file, true, &nobody, O_RDWR));
	CHECK(!opens(&file, true, &root_user, O_RDWR));
	unlink(path);
	CHECK(mkdir(path, 0700) == 0);
	CHECK(!opens(&file, true, &nobody, O_RDONLY));
	rmdir(path);
	close(fd);
	close(secret);
}

/* Another file that looks the same is opened only by those that may read it. */
static void test_rights(void)
{
	struct file file;
	char path[128];
	int fd = make("copy", 0600);

	record(&file, fd, path, "copy", 0);
	CHECK(!opens(&file, false, &nobody, O_RDONLY));
	CHECK(opens(&file, false, &root_user, O_RDONLY));
	CHECK(fchmod(fd, 0644) == 0);
	CHECK(opens(&file, false, &nobody, O_RDONLY));
	CHECK(chmod(folder, 0700) == 0);
	CHECK(!opens(&file, false, &nobody, O_RDONLY));
	CHECK(chmod(folder, 0755) == 0);
	file.image.size++;
	CHECK(!opens(&file, false, &root_user, O_RDONLY));
	close(fd);
}

static void clean(void)
{
	static const char *const names[] = { "own", "mine", "secret", "copy" };
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	rmdir(folder);
}

int main(void)
{
	if (geteuid() != 0) {
		test_skip("needs root");
		return test_end();
	}
	CHECK(mkdtemp(folder) && chmod(folder, 0755) == 0);
	rights_before = rights_now();
	top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	held = true;
	TEST(test_the_very_same);
	TEST(test_exchanged);
	TEST(test_rights);
	clean();
	close(top);
	return test_end();
}
