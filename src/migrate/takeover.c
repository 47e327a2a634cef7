/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/takeover.h"

#include <assert.h>
#include <errno.h>

#include "migrate/restore.h"
#include "os/open.h"
#include "os/pid.h"
#include "os/procdir.h"
#include "os/socket.h"

#define FIXED_FLAGS (OS_OPEN_ACCESS | OS_OPEN_PATH) /* nothing changes them */

struct takeover takeover_of(pid_t pid, int number)
{
	assert(pid > 0 && number >= 0);
	return (struct takeover){ pid, number, os_start_of(pid), os_pidns_of(0) };
}

/* Traced and stopped, as a process that moves; one that an older image is of may run. */
static bool stands(pid_t pid)
{
	struct procdir_text text = { 0 };
	int dir = procdir_open(pid);
	const char *state = dir >= 0 && procdir_read(dir, "status", &text) == 0
				    ? procdir_field(text.text, "State")
				    : NULL;
	bool stopped = state && *state == 't';

	procdir_text_free(&text);
	os_close(dir);
	return stopped;
}

int takeover_open(const struct restore *restore, const struct takeover *takeover, uint32_t flags)
{
	assert(restore);
	if (!restore->same_machine || takeover->pid <= 0 || takeover->number < 0 ||
	    takeover->pidns != os_pidns_of(0) || !takeover->start ||
	    takeover->start != os_start_of(takeover->pid) || !stands(takeover->pid))
		return -ENOENT;
	int fd = os_pid_descriptor(takeover->pid, takeover->number);
	int found = fd < 0 ? fd : os_open_flags(fd);

	if (found >= 0 && ((uint32_t)found & FIXED_FLAGS) == (flags & FIXED_FLAGS))
		return fd;
	os_close(fd);
	return found < 0 ? found : -ESTALE;
}
