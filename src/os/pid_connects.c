/* SPDX-License-Identifier: Apache-2.0 */
#include "os/pid.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/crew.h"
#include "os/procdir.h"
#include "os/socket.h"

/* The descriptors of a process, some of which are looked at by each worker. */
struct connecting {
	pid_t pid;
	int dir;	   /* /proc/PID/fd */
	int *number;	   /* owned */
	atomic_bool found; /* relaxed: it saves looks, and is read when all have ended */
};

static bool connects_here(const struct connecting *connecting, int number)
{
	struct os_peer peer;
	char name[16], link[16];

	snprintf(name, sizeof(name), "%d", number);
	ssize_t n = readlinkat(connecting->dir, name, link, sizeof(link));
	int fd = n > 7 && !memcmp(link, "socket:", 7) ? os_pid_descriptor(connecting->pid, number)
						      : -1;
	bool found = fd >= 0 && os_unix_is(fd) &&
		     ((os_unix_peer(fd, &peer) == 0 && peer.pid == getpid()) ||
		      os_unix_is_unconnected(fd));

	os_close(fd);
	return found;
}

static void look_at_some(void *ctx, uint32_t worker, uint32_t from, uint32_t to)
{
	struct connecting *connecting = ctx;

	(void)worker;
	os_pid_keep();
	for (uint32_t i = from; i < to; i++)
		if (!atomic_load_explicit(&connecting->found, memory_order_relaxed) &&
		    connects_here(connecting, connecting->number[i]))
			atomic_store_explicit(&connecting->found, true, memory_order_relaxed);
	os_pid_let_go();
}

bool os_pid_connects_here(pid_t pid)
{
	int process = procdir_open(pid);
	struct connecting connecting = { .pid = pid };
	size_t count = 0;

	if (process < 0)
		return false;
	connecting.dir = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Without memory it is not known, and is looked at again. */
	bool is_known = procdir_numbers(process, "fd", &connecting.number, &count) != -ENOMEM;

	assert(count <= UINT32_MAX);
	if (connecting.dir >= 0)
		os_crew((uint32_t)count, look_at_some, &connecting);
	os_close(connecting.dir);
	os_close(process);
	free(connecting.number);
	return !is_known || atomic_load(&connecting.found);
}
