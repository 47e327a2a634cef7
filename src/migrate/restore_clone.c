/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads are made by the shell with clone3 and set_tid. CLONE_PTRACE makes each start stopped and
 * traced, without the creator stopping as well; its registers are then ours to set, so it never
 * returns from the clone in the ordinary sense.
 */
#include "migrate/restore.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/lineage.h"
#include "os/kernel.h"
#include "os/procdir.h"

static void add_clone(struct restore *restore, int32_t vtid)
{
	struct remote_ptr tid;
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
		uint64_t set_tid, set_tid_size, cgroup;
	} args = {
		.flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
			 CLONE_SYSVSEM | CLONE_PTRACE,
		.set_tid_size = 1,
	};

	calls_room(&restore->calls, 1, sizeof(args) + sizeof(vtid));
	tid = calls_put(&restore->calls, &vtid, sizeof(vtid));
	assert(vtid > 0); /* image_thread_ok() saw to it */
	args.set_tid = tid.at;
	struct remote_ptr address = calls_put(&restore->calls, &args, sizeof(args));

	calls_expect(&restore->calls, "create a thread with its number", vtid, SYS_clone3,
		     address.at, sizeof(args));
}

struct finder {
	struct restore *restore;
	struct procdir_text text;
	uint32_t known; /* tracees before it looks */
};

static int adopt_thread(void *ctx, const char *name)
{
	struct finder *finder = ctx;
	struct restore *restore = finder->restore;
	pid_t tid = (pid_t)strtol(name, NULL, 10);
	char path[48];

	for (uint32_t i = 0; i < finder->known; i++)
		if (restore->threads.tracee[i].tid == tid)
			return 0;
	snprintf(path, sizeof(path), "task/%s/status", name);
	int r = procdir_read(restore->dir, path, &finder->text);

	if (r < 0)
		return r;
	const char *line = procdir_field(finder->text.text, "NSpid");
	size_t length = line ? strcspn(line, "\n") : 0;

	while (length && line[length - 1] != '\t' && line[length - 1] != ' ')
		length--;
	int32_t vtid = line ? (int32_t)strtol(line + length, NULL, 10) : 0;
	struct tracee *tracee = threads_append(&restore->threads, tid, vtid);

	if (!tracee)
		return -ENOMEM;
	tracee->held = true;
	r = tracee_await_stop(tracee, 0);
	if (r == 0)
		r = tracee_borrow(tracee);
	return r ? -ESRCH : 0;
}

static int refuse(struct refusal *refusal)
{
	return refusal_set(refusal, EDVSPROCSTS,
			   "the threads of the process cannot be created on the target");
}

/* All that are new; their number comes to `wanted`. */
static int adopt_threads(struct restore *restore, uint32_t wanted, struct refusal *refusal)
{
	struct finder finder = { .restore = restore, .known = restore->threads.count };
	int r = procdir_each(restore->dir, "task", adopt_thread, &finder);

	procdir_text_free(&finder.text);
	if (r == 0 && threads_sort(&restore->threads) < 0)
		r = -ENOMEM;
	return r < 0 || restore->threads.count != wanted ? refuse(refusal) : 0;
}

struct tracee *restore_tracee_of(struct restore *restore, int32_t vtid)
{
	const struct threads *threads = &restore->threads;
	uint32_t low = 1, high = threads->count;

	if (threads->count && threads->vtid[0] == vtid)
		return &threads->tracee[0];
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (threads->vtid[middle] < vtid)
			low = middle + 1;
		else
			high = middle;
	}
	return low < threads->count && threads->vtid[low] == vtid ? &threads->tracee[low] : NULL;
}

static struct tracee *tracee_at(struct restore *restore, uint32_t index)
{
	assert(index < restore->picture.thread_count);
	return restore_tracee_of(restore, restore->picture.thread[index].image.tid);
}

/* By the calls of their makers, which are collected as long as it is the same one. Their number comes to *known. */
static int clone_generation(struct restore *restore, const struct lineage *lineage,
			    uint32_t generation, uint32_t *known, struct refusal *refusal)
{
	struct tracee *maker = NULL;
	int r = 0;

	for (uint32_t i = 1; i < restore->picture.thread_count && r == 0; i++) {
		if (lineage[i].generation != generation)
			continue;
		struct tracee *next = tracee_at(restore, lineage[i].maker);

		assert(next); /* of an earlier generation */
		if (maker != next) {
			r = maker ? restore_run(restore, refusal) : 0;
			calls_begin(&restore->calls, &restore->foothold, next);
		}
		maker = next;
		add_clone(restore, restore->picture.thread[i].image.tid);
		*known += 1;
	}
	return r ? r : restore_run(restore, refusal);
}

static int part(struct restore *restore, uint32_t index, const struct lineage *lineage,
		struct refusal *refusal)
{
	struct tracee *tracee = tracee_at(restore, index);
	uint64_t from =
		(lineage->parts_table ? CLONE_FILES : 0) | (lineage->parts_place ? CLONE_FS : 0);

	if (!tracee)
		return refusal_set(refusal, EDVSPROCSTS,
				   "a thread got another number on the target");
	if (!from)
		return 0;
	calls_begin(&restore->calls, &restore->foothold, tracee);
	calls_add(&restore->calls, "part from its process", CALL_OK, SYS_unshare, from);
	return restore_run(restore, refusal);
}

static int make_generations(struct restore *restore, const struct lineage *lineage, uint32_t last,
			    struct refusal *refusal)
{
	uint32_t known = 1; /* the shell */
	int r = 0;

	for (uint32_t generation = 1; generation <= last && r == 0; generation++) {
		r = clone_generation(restore, lineage, generation, &known, refusal);
		if (r == 0)
			r = adopt_threads(restore, known, refusal);
		for (uint32_t i = 1; i < restore->picture.thread_count && r == 0; i++)
			if (lineage[i].generation == generation)
				r = part(restore, i, &lineage[i], refusal);
	}
	return r;
}

int restore_clone_threads(struct restore *restore, struct refusal *refusal)
{
	const struct picture *picture = &restore->picture;
	struct lineage *lineage = calloc(picture->thread_count, sizeof(*lineage));

	assert(restore->threads.count == 1); /* the shell */
	if (!lineage)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	restore->threads.vtid[0] = picture->process.vpid;
	int last = lineage_find(picture, lineage);
	int r = last < 0 ? refusal_set(refusal, EDVSIO,
				       "the image is damaged: no threads have come to share what "
				       "those of the process do")
			 : make_generations(restore, lineage, (uint32_t)last, refusal);

	free(lineage);
	return r;
}

/* ---- their directories ---- */

static int send_directory(struct restore *restore, uint32_t id, struct refusal *refusal)
{
	const struct file *file = files_find(&restore->picture.tables->files, id);
	int fd = restore_open_file(restore, file, O_PATH | O_DIRECTORY, refusal);

	assert(file);
	return restore_send_descriptor(restore, fd, 0, RESTORE_SHELL_FD, refusal);
}

/* The first of a place: those that have it as well are there, too. */
static int enter_place(struct restore *restore, const struct image_thread *image,
		       struct refusal *refusal)
{
	struct calls *calls = &restore->calls;
	int r = 0;

	calls_begin(calls, &restore->foothold, restore_tracee_of(restore, image->tid));
	if (image->root_file)
		r = send_directory(restore, image->root_file, refusal);
	if (image->root_file && r == 0) {
		calls_room(calls, 3, 8);
		struct remote_ptr here = calls_put(calls, ".", 2);

		calls_add(calls, "enter its root directory", CALL_OK, SYS_fchdir, 0);
		calls_add(calls, "change its root directory", CALL_OK, SYS_chroot, here.at);
		calls_expect(calls, "enter its root directory", 0, SYS_close, 0);
	}
	if (r == 0)
		r = send_directory(restore, image->cwd_file, refusal);
	if (r)
		return r;
	calls_room(calls, 3, 0);
	calls_add(calls, "enter its directory", CALL_OK, SYS_fchdir, 0);
	calls_expect(calls, "enter its directory", 0, SYS_close, 0);
	calls_add(calls, "set its file mask", CALL_OK, SYS_umask, image->umask);
	return restore_run(restore, refusal);
}

int restore_enter_places(struct restore *restore, struct refusal *refusal)
{
	const struct picture *picture = &restore->picture;
	int r = 0;

	assert(restore->threads.count == picture->thread_count);
	for (uint32_t i = 1; i < picture->thread_count && r == 0; i++)
		if (picture->thread[i].image.cwd_file)
			r = enter_place(restore, &picture->thread[i].image, refusal);
	return r;
}
