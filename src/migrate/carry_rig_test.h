/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_CARRY_RIG_TEST_H
#define DVS_MIGRATE_CARRY_RIG_TEST_H

/* For tests: three files as a source offers them, and a target that has nothing of them. After base/test.h. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dvk/errors.h"
#include "migrate/carry.h"
#include "migrate/made_proc_test.h"
#include "migrate/over_test.h"
#include "migrate/stream.h"
#include "os/file.h"

#define LARGE_BYTES (3u * IMAGE_FILE_BYTES_MAX + 17u)

static char top[] = "/tmp/dvs-carry-XXXXXX";
static char path[3][64], store[64];
static int empty_root, proc;
static struct file file[3];
static struct files files = { .file = file, .count = 3 };

/* A program, one with the same contents by another name, and a large file. */
static void make_files(void)
{
	char *large = calloc(1, LARGE_BYTES);

	memset(large, 'x', LARGE_BYTES / 2);
	for (uint32_t i = 0; i < 3; i++) {
		unsigned long type;
		int fd = open(path[i], O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0755);

		CHECK(fd >= 0);
		if (i == 2)
			CHECK_EQ(write(fd, large, LARGE_BYTES), LARGE_BYTES);
		else
			CHECK_EQ(write(fd, "program", 7), 7);
		file[i] = (struct file){ .path = path[i] };
		CHECK_EQ(files_describe(fd, &file[i].image, &type), 0);
		file[i].image.id = i + 1;
		file[i].image.use = IMAGE_FILE_MAPPED;
		close(fd);
	}
	free(large);
}

static int source_result;
static struct refusal source_refusal;

static void *serve(void *end)
{
	source_refusal = REFUSAL_NONE;
	source_result = carry_serve(&files, proc, end, &source_refusal);
	return NULL;
}

static void begin_all(void)
{
	static const char *const names[] = { "program", "same", "large" };

	CHECK(mkdtemp(top) != NULL);
	snprintf(store, sizeof(store), "%s/empty", top);
	CHECK_EQ(mkdir(store, 0755), 0);
	empty_root = open(store, O_PATH | O_DIRECTORY | O_CLOEXEC);
	proc = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(store, sizeof(store), "%s/files", top);
	for (uint32_t i = 0; i < 3; i++)
		snprintf(path[i], sizeof(path[i]), "%s/%s", top, names[i]);
	make_files();
}

static void end_all(void)
{
	char empty[64];

	close(empty_root);
	close(proc);
	for (uint32_t i = 0; i < 3; i++)
		unlink(path[i]);
	os_folder_remove(store);
	snprintf(empty, sizeof(empty), "%s/empty", top);
	CHECK(rmdir(empty) == 0 && rmdir(top) == 0);
}

#endif
