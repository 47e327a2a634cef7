/* SPDX-License-Identifier: Apache-2.0 */
#include "os/session.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define ROUNDS 8 /* a process that forks just then gives another one to look for */

static bool end_once(pid_t session)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	bool found = false;

	if (!dir)
		return false;
	while ((entry = readdir(dir))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid > 1 && pid != session && getsid(pid) == session)
			found = kill(pid, SIGKILL) == 0 || found;
	}
	closedir(dir);
	return found;
}

void os_session_end(pid_t session)
{
	/* 0, 1 and -1 would be everybody. */
	assert(session > 1);
	/* Its own process group first: that works where /proc is not that of the namespace, too. */
	kill(-session, SIGKILL);
	for (int i = 0; i < ROUNDS; i++)
		if (!end_once(session))
			return;
}

void os_session_end_all(void)
{
	kill(-1, SIGKILL);
}

pid_t os_session_of(pid_t pid)
{
	pid_t session = getsid(pid);

	return session < 0 ? -errno : session;
}
