/* SPDX-License-Identifier: Apache-2.0 */
/* The memory files of an image: which are made, how many, and that none is left open. */
#include "migrate/restore.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/test.h"
#include "migrate/restore_test.h"

static void add(uint32_t id, const char *path, uint32_t use, uint64_t size)
{
	struct {
		struct image_file file;
		char path[32];
	} record = { .file = { .id = id,
			       .use = use,
			       .size = size,
			       .mode = S_IFREG | 0600,
			       .uid = geteuid(),
			       .gid = getegid(),
			       .seals = 0 } };

	record.file.path_length = (uint32_t)strlen(path);
	memcpy(record.path, path, strlen(path));
	CHECK_EQ(files_add_record(&restore->picture.tables->files, &record.file), 0);
}

static int make(void)
{
	refusal_clear(&restore_refusal);
	return restore_memory_files(restore, &restore_refusal);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* One for each memory file of the table, at its index; other files are not made. */
static void test_made(void)
{
	struct stat status;
	int made[2];

	restore_begin();
	add(1, "/usr/lib/x", IMAGE_FILE_MAPPED, 10);
	add(2, "/memfd:a", IMAGE_FILE_MEMORY, 5000);
	add(3, "/memfd:b", IMAGE_FILE_MEMORY | IMAGE_FILE_MAPPED, 0);
	CHECK_EQ(make(), 0);
	CHECK_EQ(restore->memfd[0], -1);
	for (int i = 0; i < 2; i++) {
		made[i] = restore->memfd[i + 1];
		CHECK(fstat(made[i], &status) == 0 && status.st_size == (i ? 0 : 5000));
	}
	restore->picture.tables->files.file[1].image.seals = F_SEAL_SHRINK;
	CHECK_EQ(restore_seal_memory_files(restore, &restore_refusal), 0);
	CHECK_EQ(fcntl(made[0], F_GET_SEALS), F_SEAL_SHRINK);
	CHECK_EQ(fcntl(made[1], F_GET_SEALS), 0);
	restore_deinit(restore);
	CHECK(!is_open(made[0]) && !is_open(made[1]) && !restore->memfd);
	restore_end();
}

/* A file that is a program gets its rights and seals first, and is open for nothing but reading from then on. */
static void test_programs(void)
{
	struct stat status;

	restore_begin();
	CHECK(!restore_has_memory_programs(restore));
	add(1, "/memfd:a", IMAGE_FILE_MEMORY, 5000);
	add(2, "/memfd:b", IMAGE_FILE_MEMORY | IMAGE_FILE_EXE, 5000);
	CHECK_EQ(make(), 0);
	CHECK(restore_has_memory_programs(restore));
	restore->picture.tables->files.file[1].image.seals = F_SEAL_SHRINK;
	restore->picture.tables->files.file[1].image.mode = S_IFREG | 0711;
	CHECK_EQ(restore_seal_memory_programs(restore, &restore_refusal), 0);
	CHECK_EQ(fcntl(restore->memfd[0], F_GETFL) & O_ACCMODE, O_RDWR);
	CHECK_EQ(fcntl(restore->memfd[1], F_GETFL) & O_ACCMODE, O_RDONLY);
	CHECK_EQ(fcntl(restore->memfd[1], F_GET_SEALS), F_SEAL_SHRINK);
	CHECK(fstat(restore->memfd[1], &status) == 0 && (status.st_mode & 0777) == 0711);
	CHECK_EQ(restore_seal_memory_files(restore, &restore_refusal), 0);
	restore_deinit(restore);
	restore_end();
}

/* A hostile image has more of them than a process may have, or one that cannot be made: all are closed. */
static void test_refused(void)
{
	restore_begin();
	for (uint32_t id = 1; id <= IMAGE_MEMFDS_MAX + 1; id++)
		add(id, "/memfd:m", IMAGE_FILE_MEMORY, 0);
	if (sysconf(_SC_OPEN_MAX) > (long)IMAGE_MEMFDS_MAX + 64) {
		CHECK(is_refusal(make(), &restore_refusal, EDVSIO, "too many memory files"));
		CHECK_EQ(restore->memfd[IMAGE_MEMFDS_MAX], -1);
	} else {
		CHECK(is_refusal(make(), &restore_refusal, EDVSPROCSTS, "Too many open files"));
	}
	int first = restore->memfd[0];

	restore_deinit(restore);
	CHECK(!is_open(first));
	restore_end();
	restore_begin();
	add(1, "/memfd:a", IMAGE_FILE_MEMORY, 0);
	add(2, "/no memory file", IMAGE_FILE_MEMORY, 0);
	CHECK(is_refusal(make(), &restore_refusal, EDVSPROCSTS, "/no memory file"));
	CHECK(restore->memfd[0] >= 0 && restore->memfd[1] < 0);
	restore_end();
}

int main(void)
{
	TEST(test_made);
	TEST(test_programs);
	TEST(test_refused);
	return test_end();
}
