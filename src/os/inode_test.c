/* SPDX-License-Identifier: Apache-2.0 */
#include "os/inode.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/test.h"

static char folder[] = "/tmp/os_inode_test.XXXXXX";
static int at = -1; /* the folder */

static void set_up(void)
{
	CHECK(mkdtemp(folder));
	at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(at >= 0);
	CHECK_EQ(symlinkat("file", at, "link"), 0);
	CHECK_EQ(symlinkat("nothing", at, "dangling"), 0);
}

static void tear_down(void)
{
	unlinkat(at, "file", 0);
	unlinkat(at, "more", 0);
	unlinkat(at, "link", 0);
	unlinkat(at, "dangling", 0);
	close(at);
	rmdir(folder);
}

static int make_file(void)
{
	int fd = openat(at, "file", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

	CHECK(fd >= 0);
	CHECK_EQ(fchmod(fd, 0640), 0);
	CHECK_EQ(write(fd, "seventeen bytes..", 17), 17);
	return fd;
}

/* By the descriptor and by each name, also through a link. */
static void test_identity(void)
{
	struct os_inode open = { 0 }, named = { 0 }, linked = { 0 }, other = { 0 };
	struct stat st;
	int fd = make_file();

	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(os_inode(fd, &open), 0);
	CHECK(open.dev == st.st_dev && open.ino == st.st_ino);
	CHECK_EQ(os_inode_at(at, "file", &named), 0);
	CHECK(named.dev == st.st_dev && named.ino == st.st_ino);
	CHECK_EQ(os_inode_at(at, "link", &linked), 0);
	CHECK(linked.dev == st.st_dev && linked.ino == st.st_ino);
	CHECK_EQ(os_inode(at, &other), 0);
	CHECK(other.ino != st.st_ino);
	CHECK_EQ(os_inode(-1, &other), -EBADF);
	CHECK_EQ(os_inode_at(at, "dangling", &other), -ENOENT);
	CHECK_EQ(os_inode_at(at, "file/below", &other), -ENOTDIR);
	close(fd);
}

static void test_status(void)
{
	struct os_status status = { 0 }, linked = { 0 };
	struct stat st;
	int fd = make_file();

	CHECK_EQ(linkat(at, "file", at, "more", 0), 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(os_status(fd, &status), 0);
	CHECK(status.device == st.st_dev && status.inode == st.st_ino);
	CHECK_EQ(status.size, 17);
	CHECK_EQ(status.mode, OS_MODE_FILE | 0640);
	CHECK_EQ(status.links, 2);
	CHECK_EQ(status.uid, geteuid());
	CHECK_EQ(status.gid, st.st_gid);
	CHECK_EQ(status.mtime_s, st.st_mtim.tv_sec);
	CHECK_EQ(status.mtime_ns, st.st_mtim.tv_nsec);
	CHECK_EQ(os_status_at(at, "link", &linked), 0);
	CHECK(!memcmp(&linked, &status, sizeof(status)));
	CHECK_EQ(os_status(at, &status), 0);
	CHECK_EQ(status.mode & OS_MODE_KIND, OS_MODE_FOLDER);
	CHECK_EQ(os_status(-1, &status), -EBADF);
	CHECK_EQ(os_status_at(at, "dangling", &status), -ENOENT);
	close(fd);
}

static void test_kinds(void)
{
	struct os_status status;
	int ends[2];

	CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
	CHECK_EQ(os_status(ends[0], &status), 0);
	CHECK_EQ(status.mode & OS_MODE_KIND, OS_MODE_PIPE);
	close(ends[0]);
	close(ends[1]);
	if (os_status_at(at, "/dev/null", &status) < 0) {
		test_skip("there is no /dev/null");
		return;
	}
	CHECK_EQ(status.mode & OS_MODE_KIND, OS_MODE_DEVICE);
	CHECK_EQ(os_device_major(status.rdev), 1);
	CHECK_EQ(os_device_minor(status.rdev), 3);
}

/* As the kernel splits them since 2.6: 12 bits and 20. */
static void test_devices(void)
{
	static const uint32_t majors[] = { 0, 8, 255, 256, 4095 };
	static const uint32_t minors[] = { 0, 1, 255, 256, 1048575 };

	CHECK_EQ(os_device(8, 1), 0x801);
	CHECK_EQ(os_device(1, 0x12345), 0x12300145);
	for (size_t i = 0; i < sizeof(majors) / sizeof(majors[0]); i++)
		for (size_t j = 0; j < sizeof(minors) / sizeof(minors[0]); j++) {
			uint64_t device = os_device(majors[i], minors[j]);

			CHECK_EQ(os_device_major(device), majors[i]);
			CHECK_EQ(os_device_minor(device), minors[j]);
		}
}

static void test_file_system(void)
{
	unsigned long magic = 0;
	int fd = open("/proc", O_PATH | O_CLOEXEC);

	CHECK_EQ(os_file_system(fd, &magic), 0);
	CHECK_EQ(magic, 0x9fa0);
	close(fd);
	CHECK_EQ(os_file_system(-1, &magic), -EBADF);
	CHECK_EQ(magic, 0x9fa0);
}

/* The bit that a change of the owner takes away is there afterwards. */
static void test_owner_and_rights(void)
{
	struct os_status status;
	int fd = make_file();

	CHECK_EQ(os_inode_own(fd, geteuid(), getegid(), 04755), 0);
	CHECK_EQ(os_status(fd, &status), 0);
	CHECK_EQ(status.mode & OS_MODE_RIGHTS, 04755);
	CHECK_EQ(status.uid, geteuid());
	CHECK_EQ(status.gid, getegid());
	CHECK_EQ(os_inode_own(-1, geteuid(), getegid(), 0644), -EBADF);
	if (geteuid()) {
		CHECK_EQ(os_inode_own(fd, geteuid() + 1, getegid(), 0600), -EPERM);
		CHECK_EQ(os_status(fd, &status), 0);
		CHECK_EQ(status.mode & OS_MODE_RIGHTS, 04755);
	}
	close(fd);
}

static void test_size(void)
{
	struct os_status status;
	int fd = make_file();
	int reader = openat(at, "file", O_RDONLY | O_CLOEXEC);

	CHECK_EQ(os_inode_resize(fd, 123456), 0);
	CHECK_EQ(os_status(fd, &status), 0);
	CHECK_EQ(status.size, 123456);
	CHECK_EQ(os_inode_resize(fd, 3), 0);
	CHECK_EQ(os_status(fd, &status), 0);
	CHECK_EQ(status.size, 3);
	CHECK_EQ(os_inode_resize(reader, 9), -EINVAL);
	CHECK_EQ(os_inode_resize(-1, 9), -EBADF);
	close(reader);
	close(fd);
}

/* In memory, where a time has all its digits; the time of access is left alone. */
static void test_time(void)
{
	struct stat before, after;
	int fd = memfd_create("time", MFD_CLOEXEC);

	CHECK(fd >= 0 && fstat(fd, &before) == 0);
	CHECK_EQ(os_inode_set_mtime(fd, 1234567890, 987654321), 0);
	CHECK_EQ(fstat(fd, &after), 0);
	CHECK_EQ(after.st_mtim.tv_sec, 1234567890);
	CHECK_EQ(after.st_mtim.tv_nsec, 987654321);
	CHECK_EQ(after.st_atim.tv_sec, before.st_atim.tv_sec);
	CHECK_EQ(after.st_atim.tv_nsec, before.st_atim.tv_nsec);
	CHECK_EQ(os_inode_set_mtime(fd, 5, 2000000000), -EINVAL);
	CHECK_EQ(os_inode_set_mtime(-1, 5, 0), -EBADF);
	close(fd);
}

static void test_nameless_folder(void)
{
	char folder[] = "/tmp/dvs-nameless-XXXXXX", name[64], link[128] = "";

	CHECK_OR_RETURN(mkdtemp(folder));
	int place = open(folder, O_PATH | O_CLOEXEC);

	for (int round = 0; round < 2; round++) {
		int fd = os_inode_nameless_folder(place, "name");
		struct stat status;

		CHECK(fd >= 0 && fstat(fd, &status) == 0 && S_ISDIR(status.st_mode));
		CHECK_EQ(status.st_nlink, 0);
		snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
		CHECK(readlink(name, link, sizeof(link) - 1) > 0);
		CHECK((strstr(link, "/name (deleted)") != NULL) == (round == 0));
		close(fd);
		/* In the second round the name is taken. */
		CHECK_EQ(mkdirat(place, "name", 0700), round ? -1 : 0);
	}
	unlinkat(place, "name", AT_REMOVEDIR);
	CHECK_EQ(rmdir(folder), 0);
	CHECK_EQ(os_inode_nameless_folder(place, "name"), -ENOENT);
	close(place);
}

static void test_nameless_fifo(void)
{
	char folder[] = "/tmp/dvs-nameless-XXXXXX";
	struct stat status;

	CHECK_OR_RETURN(mkdtemp(folder));
	int place = open(folder, O_PATH | O_CLOEXEC);
	int fd = os_inode_nameless_fifo(place);

	CHECK(fd >= 0 && fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode));
	CHECK_EQ(status.st_nlink, 0);
	CHECK(fcntl(fd, F_GETFL) & O_PATH); /* it is no end of it */
	close(fd);
	CHECK_EQ(rmdir(folder), 0);
	CHECK_EQ(os_inode_nameless_fifo(place), -ENOENT);
	close(place);
}

/* A socket always has the name of its protocol as one. */
static void test_attributes(void)
{
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd = make_file();

	CHECK(os_inode_has_attributes(sock));
	CHECK(!os_inode_has_attributes(-1));
	if (fsetxattr(fd, "user.dvs", "1", 1, 0) == 0) {
		CHECK(os_inode_has_attributes(fd));
		CHECK_EQ(fremovexattr(fd, "user.dvs"), 0);
	}
	if (fgetxattr(fd, "security.selinux", NULL, 0) < 0 &&
	    fgetxattr(fd, "security.SMACK64", NULL, 0) < 0)
		CHECK(!os_inode_has_attributes(fd));
	close(fd);
	close(sock);
}

int main(void)
{
	set_up();
	TEST(test_identity);
	TEST(test_status);
	TEST(test_kinds);
	TEST(test_devices);
	TEST(test_file_system);
	TEST(test_owner_and_rights);
	TEST(test_size);
	TEST(test_time);
	TEST(test_nameless_folder);
	TEST(test_nameless_fifo);
	TEST(test_attributes);
	tear_down();
	return test_end();
}
