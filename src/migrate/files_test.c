/* SPDX-License-Identifier: Apache-2.0 */
/* Which files the source may name, and what it says of the others. */
#include "migrate/files.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/made_proc_test.h"
#include "os/inode.h"

static struct made_proc made;
static struct files files;
static struct refusal refusal;

/* A process whose root directory is that of this one, and which has the object open as "fd/9". */
static void begin(void)
{
	made_proc_open(&made);
	made_proc_link(&made, "root", "/");
}

static void end(void)
{
	files_free(&files);
	made_proc_close(&made);
}

static uint64_t inode_of(const char *path)
{
	struct stat status = { 0 };

	CHECK_EQ(stat(path, &status), 0);
	return status.st_ino;
}

static int add(const char *path, uint64_t inode, uint32_t use)
{
	const struct files_object object = { "fd/9", 0, inode };

	refusal = REFUSAL_NONE;
	return files_add(&files, made.dir, path, &object, use, &refusal);
}

static void path_of(const char *name, char path[64])
{
	snprintf(path, 64, "%s/%s", made.folder, name);
}

/* Once by path, whatever it is used for. */
static void test_once(void)
{
	char path[64];

	begin();
	made_proc_text(&made, "one", "1");
	path_of("one", path);
	int id = add(path, inode_of(path), IMAGE_FILE_MAPPED);

	CHECK_EQ(id, 1);
	CHECK_EQ(add(path, inode_of(path), IMAGE_FILE_WRITTEN), id);
	CHECK_EQ(files.count, 1);
	CHECK_EQ(files.file[0].image.use, IMAGE_FILE_MAPPED | IMAGE_FILE_WRITTEN);
	CHECK_EQ(files.file[0].image.size, 1);
	int folder = add(made.folder, inode_of(made.folder), 0);

	CHECK_EQ(folder, 2);
	CHECK_EQ(files.file[1].image.use, IMAGE_FILE_DIRECTORY);
	CHECK(files_find(&files, 2) == &files.file[1] && !files_find(&files, 3));
	end();
}

/* The table grows; each of many files is found again by its path. */
static void test_many(void)
{
	char name[16], path[64];

	begin();
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 200; i++) {
			snprintf(name, sizeof(name), "f%d", i);
			if (round == 0)
				made_proc_text(&made, name, "");
			path_of(name, path);
			CHECK_EQ(add(path, inode_of(path), 0), i + 1);
		}
	CHECK_EQ(files.count, 200);
	files_clear(&files);
	CHECK_EQ(add(path, inode_of(path), 0), 1);
	end();
}

/* The file at the path is not the object: the object itself tells why. */
static void test_missing(void)
{
	char path[64], other[64];

	begin();
	made_proc_text(&made, "one", "1");
	made_proc_text(&made, "two", "2");
	path_of("one", path);
	path_of("two", other);
	made_proc_link(&made, "fd/9", other);
	CHECK_EQ(add(path, inode_of(other), 0), 1); /* by its name in the same folder */
	CHECK(strcmp(files.file[0].path, other) == 0);
	CHECK_EQ(add(path, inode_of(other), IMAGE_FILE_WRITTEN), 1);
	CHECK_EQ(files.file[0].image.use, IMAGE_FILE_WRITTEN);
	files_clear(&files);
	CHECK(is_refusal(add("/proc/one", inode_of(other), 0), &refusal, EDVSPROCSTS,
			 "has other names only"));
	int gone = open(other, O_RDONLY | O_CLOEXEC);
	uint64_t inode = inode_of(other);

	made_proc_unlink(&made, "two");
	snprintf(other, sizeof(other), "/proc/self/fd/%d", gone);
	made_proc_link(&made, "fd/9", other);
	path_of("two", path);
	CHECK(is_refusal(add(path, inode, IMAGE_FILE_DIRECTORY), &refusal, EDVSPROCSTS,
			 "which was deleted"));
	CHECK(is_refusal(add("no path", inode, 0), &refusal, EDVSPROCSTS, "which was deleted"));
	const struct files_object elsewhere = { "fd/9", 1, inode_of("/") };

	/* The same number on another device is another file. */
	CHECK(is_refusal(files_add(&files, made.dir, "/", &elsewhere, 0, &refusal), &refusal,
			 EDVSPROCSTS, "which was deleted"));
	CHECK_EQ(files.count, 0);
	int id = add(path, inode, 0);
	const struct file *file = files_find(&files, (uint64_t)id);

	CHECK_OR_RETURN(file);
	CHECK(id == 1 && add(path, inode, IMAGE_FILE_WRITTEN) == id && files.memory_count == 1);
	CHECK_EQ(file->image.use, IMAGE_FILE_MEMORY | IMAGE_FILE_DELETED | IMAGE_FILE_WRITTEN);
	CHECK(file->image.size == 1 && strcmp(file->link, "fd/9") == 0);
	/* It had another name, too, which is gone as well. */
	path_of("three", path);
	CHECK(add(path, inode, IMAGE_FILE_MAPPED) == id && files.memory_count == 1);
	CHECK(file->image.use & IMAGE_FILE_MAPPED);
	close(gone);
	end();
}

static void test_kinds(void)
{
	char path[64];

	begin();
	path_of("fifo", path);
	CHECK_EQ(mkfifo(path, 0600), 0);
	CHECK(add(path, inode_of(path), 0) > 0); /* a description knows how it is carried */
	CHECK(is_refusal(add("/proc/version", inode_of("/proc/version"), 0), &refusal, EDVSPROCSTS,
			 "a file of the proc file system"));
	CHECK_EQ(files.count, 1);
	if (access("/dev/null", F_OK) == 0) {
		CHECK_EQ(add("/dev/null", inode_of("/dev/null"), 0), 2);
		CHECK_EQ(files.file[1].image.use, IMAGE_FILE_DEVICE);
	}
	if (access("/dev/tty", F_OK) == 0)
		CHECK(is_refusal(add("/dev/tty", inode_of("/dev/tty"), 0), &refusal, EDVSPROCSTS,
				 "uses a terminal, /dev/tty"));
	if (access("/dev/kmsg", F_OK) == 0)
		CHECK(is_refusal(add("/dev/kmsg", inode_of("/dev/kmsg"), 0), &refusal, EDVSPROCSTS,
				 "uses a device, /dev/kmsg"));
	end();
}

static int add_memory_file(int fd, const char *path, uint64_t inode)
{
	char target[40];

	snprintf(target, sizeof(target), "/proc/self/fd/%d", fd);
	made_proc_link(&made, "fd/9", target);
	return add(path, inode, 0);
}

/* A memory file has no path: the link leads to it. Two of one name are two. */
static void test_memory_files(void)
{
	static const char path[] = "/memfd:m (deleted)";
	struct stat status;
	int one, two;

	begin();
	one = memfd_create("m", MFD_CLOEXEC);
	two = memfd_create("m", MFD_CLOEXEC);
	CHECK_EQ(fstat(one, &status), 0);
	CHECK_EQ(add_memory_file(one, path, status.st_ino), 1);
	CHECK(strcmp(files.file[0].link, "fd/9") == 0);
	CHECK_EQ(files.file[0].image.use, IMAGE_FILE_MEMORY);
	CHECK_EQ(add_memory_file(one, path, status.st_ino), 1);
	CHECK(is_refusal(add_memory_file(two, path, status.st_ino + 1000), &refusal, EDVSBUSY,
			 "has just exchanged a memory file"));
	CHECK_EQ(fstat(two, &status), 0);
	CHECK_EQ(add_memory_file(two, path, status.st_ino), 2);
	CHECK_EQ(files.memory_count, 2);
	close(one);
	close(two);
	end();
}

/* The target holds a descriptor of each, so there is a limit. */
static void test_memory_files_limit(void)
{
	int fd = memfd_create("m", MFD_CLOEXEC);
	struct stat status;
	char path[32];

	begin();
	CHECK_EQ(fstat(fd, &status), 0);
	for (unsigned i = 0; i <= IMAGE_MEMFDS_MAX; i++) {
		snprintf(path, sizeof(path), "/memfd:%u", i);
		int r = add_memory_file(fd, path, status.st_ino);

		if (i < IMAGE_MEMFDS_MAX)
			CHECK_EQ(r, i + 1);
		else
			CHECK(is_refusal(r, &refusal, EDVSPROCSTS, "more than 16384 memory files"));
	}
	CHECK_EQ(files.memory_count, IMAGE_MEMFDS_MAX);
	close(fd);
	end();
}

/* Of an image: ids ascend, and may have gaps. */
static void test_records(void)
{
	struct {
		struct image_file file;
		char path[8];
	} record = { .file = { .id = 4, .path_length = 2 }, .path = "/aXX" };

	CHECK_EQ(files_add_record(&files, &record.file), 0);
	CHECK(strcmp(files.file[0].path, "/a") == 0); /* as long as it says, and no longer */
	CHECK_EQ(files_add_record(&files, &record.file), -EBADMSG);
	record.file.id = 3;
	CHECK_EQ(files_add_record(&files, &record.file), -EBADMSG);
	for (record.file.id = 5; record.file.id < 50; record.file.id += 3)
		CHECK_EQ(files_add_record(&files, &record.file), 0);
	for (uint32_t id = 0; id < 60; id++) {
		struct file *file = files_find(&files, id);

		CHECK_EQ(file != NULL, id == 4 || (id >= 5 && id < 50 && id % 3 == 2));
		CHECK(!file || file->image.id == id);
	}
	files_free(&files);
}

static void test_network(void)
{
	CHECK(files_is_network(0x6969));      /* NFS */
	CHECK(files_is_network(0xff534d42));  /* CIFS */
	CHECK(!files_is_network(0xef53));     /* ext4 */
	CHECK(!files_is_network(0x01021994)); /* tmpfs */
}

/* A file that another one has replaced since, or that has gone. */
static void test_in_place(void)
{
	char path[64], next[64];

	begin();
	made_proc_text(&made, "one", "1");
	made_proc_text(&made, "next", "2");
	path_of("one", path);
	path_of("next", next);
	CHECK(files_are_in_place(&files, made.dir));
	CHECK(add(path, inode_of(path), 0) > 0);
	CHECK(files_are_in_place(&files, made.dir));
	CHECK_EQ(rename(next, path), 0);
	CHECK(!files_are_in_place(&files, made.dir));
	CHECK_EQ(unlink(path), 0);
	CHECK(!files_are_in_place(&files, made.dir));
	end();
}

int main(void)
{
	TEST(test_once);
	TEST(test_in_place);
	TEST(test_many);
	TEST(test_missing);
	TEST(test_kinds);
	TEST(test_memory_files);
	TEST(test_memory_files_limit);
	TEST(test_records);
	TEST(test_network);
	return test_end();
}
