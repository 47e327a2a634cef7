/* SPDX-License-Identifier: Apache-2.0 */
#include "os/activity.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/procdir.h"

#define FIELDS_BEFORE_USER 11 /* of /proc/PID/stat, behind the name and the state */

struct look {
	struct activity *activity;
	struct procdir_text text;
	int directory;
};

/* The file says "running", or the number of the call that the thread sleeps in; -1: it was stopped. */
static int look_at_thread(void *ctx, const char *name)
{
	struct look *look = ctx;
	char path[64], *end;
	long call;
	int r;

	snprintf(path, sizeof(path), "task/%.16s/syscall", name);
	r = procdir_read(look->directory, path, &look->text);
	if (r < 0)
		return r == -ENOENT || r == -ESRCH ? 0 : r;
	call = strtol(look->text.text, &end, 10);
	if (end == look->text.text || call < 0)
		look->activity->running = true;
	else if (call == SYS_process_vm_readv || call == SYS_process_vm_writev)
		look->activity->copying = true;
	return 0;
}

static int look_at_time(struct look *look)
{
	const char *at;
	int r = procdir_read(look->directory, "stat", &look->text);

	if (r < 0)
		return r;
	at = strrchr(look->text.text, ')');
	for (int i = 0; at && i <= FIELDS_BEFORE_USER; i++)
		at = strchr(at + 1, ' ');
	if (!at)
		return -EPROTO;
	look->activity->user_ms = strtoull(at, NULL, 10) * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
	return 0;
}

int os_activity(pid_t pid, struct activity *activity)
{
	struct look look = { .activity = activity, .directory = procdir_open(pid) };
	int r;

	*activity = (struct activity){ 0 };
	if (look.directory < 0)
		return look.directory;
	r = procdir_each(look.directory, "task", look_at_thread, &look);
	if (r == 0)
		r = look_at_time(&look);
	procdir_text_free(&look.text);
	close(look.directory);
	return r;
}
