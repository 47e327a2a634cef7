/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_RESTORE_TEST_H
#define DVS_MIGRATE_RESTORE_TEST_H

/*
 * For tests: the restore of a process whose shell is no process. Each stage lists its calls, and finds that the shell
 * has ended when it runs them; the list stays to be looked at. Include this after base/test.h.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dvk/errors.h"
#include "migrate/listed_test.h"
#include "migrate/made_proc_test.h"
#include "migrate/restore.h"

static struct restore *restore;
static struct tables restore_tables;
static struct refusal restore_refusal;
static struct made_proc restore_proc; /* of the shell */
static int restore_shell;	      /* its end of the way to it */
static const struct migrate_host restore_nothing;

TEST_LOOKS_UNUSED static void restore_begin(void)
{
	int ends[2];

	restore = calloc(1, sizeof(*restore));
	restore_refusal = REFUSAL_NONE;
	made_proc_open(&restore_proc);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	restore_shell = ends[1];
	restore->sock = ends[0];
	restore->host = &restore_nothing;
	restore->dir = restore_proc.dir;
	restore->mem = -1;
	restore->pid = LISTED_NOBODY;
	restore->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	restore->same_machine = true;
	restore->foothold = listed_foothold;
	CHECK(threads_append(&restore->threads, LISTED_NOBODY, 7));
	restore->threads.tracee[0].borrowed = true;
	restore->picture.process.vpid = 7;
	restore->picture.tables = &restore_tables;
	CHECK_EQ(calls_init(&restore->calls), 0);
	calls_begin(&restore->calls, &restore->foothold, &restore->threads.tracee[0]);
}

TEST_LOOKS_UNUSED static void restore_end(void)
{
	restore_deinit(restore);
	picture_free(&restore->picture);
	tables_free(&restore_tables);
	maps_free(&restore->own);
	calls_deinit(&restore->calls);
	restore->threads.count = 0;
	threads_free(&restore->threads);
	close(restore->root);
	close(restore->sock);
	close(restore_shell);
	made_proc_close(&restore_proc);
	free(restore);
}

/* The stage came to its end, where the shell was found not to be there. */
TEST_LOOKS_UNUSED static bool restore_listed(int result)
{
	return is_refusal(result, &restore_refusal, EDVSSRCH,
			  "the process shell on the target has ended");
}

/* The call with this index, after a check that its number is this. */
TEST_LOOKS_UNUSED static const struct call *restore_call(uint32_t index, long number)
{
	static const struct call none = { 0 };

	CHECK(index < restore->calls.count);
	if (index >= restore->calls.count)
		return &none;
	const struct call *call = listed_at(&restore->calls, index);

	CHECK_EQ(call->number, number);
	return call;
}

/* Data of the list that an argument points to. */
TEST_LOOKS_UNUSED static const void *restore_data(uint64_t argument)
{
	return calls_at(&restore->calls, (struct remote_ptr){ argument });
}

/* A file of the picture, by its path, for process.cwd_file and the like. */
TEST_LOOKS_UNUSED static void restore_add_file(uint32_t id, const char *path, uint32_t use)
{
	struct {
		struct image_file file;
		char path[64];
	} record = { .file = { .id = id, .use = use } };
	int fd = open(path, O_PATH | O_CLOEXEC);
	unsigned long type;

	CHECK_EQ(files_describe(fd, &record.file, &type), 0);
	close(fd);
	record.file.path_length = (uint32_t)strlen(path);
	memcpy(record.path, path, strlen(path));
	CHECK_EQ(files_add_record(&restore->picture.tables->files, &record.file), 0);
}

#endif
