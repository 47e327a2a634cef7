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
#include "os/inode.h"
#include "os/kernel.h"
#include "os/procdir.h"
#include "os/socket.h"

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
	int result;
};

static int adopt_thread(void *ctx, const char *name)
{
	struct finder *finder = ctx;
	struct restore *restore = finder->restore;
	pid_t tid = (pid_t)strtol(name, NULL, 10);
	char path[48];

	if (tid == restore->pid)
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

static int adopt_threads(struct restore *restore, struct refusal *refusal)
{
	struct finder finder = { .restore = restore };
	int r = procdir_each(restore->dir, "task", adopt_thread, &finder);

	procdir_text_free(&finder.text);
	if (r == 0 && threads_sort(&restore->threads) < 0)
		r = -ENOMEM;
	if (r < 0 || restore->threads.count != restore->picture.thread_count)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the threads of the process cannot be created on the target");
	return 0;
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

/*
 * By its path, for the way by which descriptors came to the shell is closed: it is looked at which one that was. The
 * root directory of the shell is still that of the container.
 */
int restore_enter_directories(struct restore *restore, const struct tracee *tracee,
			      const struct image_thread *image, struct refusal *refusal)
{
	const struct files *files = &restore->picture.tables->files;
	const struct file *cwd = files_find(files, image->cwd_file);
	const struct file *root = image->root_file ? files_find(files, image->root_file) : NULL;
	struct calls *calls = &restore->calls;
	struct os_status wanted, there;
	char name[40];
	int fd = restore_open_file(restore, cwd, O_PATH | O_DIRECTORY, refusal);

	if (fd < 0)
		return fd;
	int failed = os_status(fd, &wanted);

	os_close(fd);
	calls_room(calls, 4, 2 * IMAGE_PATH_MAX);
	struct remote_ptr path = calls_put(calls, cwd->path, strlen(cwd->path) + 1);

	calls_add(calls, "part from its directory", CALL_OK, SYS_unshare, CLONE_FS);
	calls_add(calls, "enter its directory", CALL_OK, SYS_chdir, path.at);
	calls_add(calls, "set its file mask", CALL_OK, SYS_umask, image->umask);
	if (root) {
		path = calls_put(calls, root->path, strlen(root->path) + 1);
		calls_add(calls, "change its root directory", CALL_OK, SYS_chroot, path.at);
	}
	int r = restore_run(restore, refusal);

	if (r)
		return r;
	snprintf(name, sizeof(name), "task/%d/cwd", (int)tracee->tid);
	if (failed == 0)
		failed = os_status_at(restore->dir, name, &there);
	if (failed == 0 && (there.device != wanted.device || there.inode != wanted.inode))
		failed = -ESTALE;
	return failed ? refusal_set(refusal, EDVSPROCSTS,
				    "the target cannot enter %.200s, the directory of a thread: %s",
				    cwd->path, strerror(-failed))
		      : 0;
}

int restore_clone_threads(struct restore *restore, struct refusal *refusal)
{
	const struct picture *picture = &restore->picture;

	assert(restore->threads.count == 1); /* the shell */
	calls_begin(&restore->calls, &restore->foothold, &restore->threads.tracee[0]);
	for (uint32_t i = 1; i < picture->thread_count; i++)
		add_clone(restore, picture->thread[i].image.tid);
	int r = restore_run(restore, refusal);

	return r ? r : adopt_threads(restore, refusal);
}
