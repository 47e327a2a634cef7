/* SPDX-License-Identifier: Apache-2.0 */
/* fsync() of a file whose server does not answer waits without end. A thread of its own does the waiting. */
#include "os/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/lock.h"
#include "os/thread.h"
#include "os/threads.h"

/* The thread's, which frees it. */
struct syncing {
	int fd;	  /* a duplicate */
	int told; /* a socket, which takes the result: the caller may not be there any more */
};

static void *sync_main(void *arg)
{
	struct syncing *syncing = arg;
	int r = os_file_sync(syncing->fd);

	close(syncing->fd);
	send(syncing->told, &r, sizeof(r), MSG_NOSIGNAL);
	close(syncing->told);
	free(syncing);
	return NULL;
}

static int start(int fd, int told)
{
	struct syncing *syncing = malloc(sizeof(*syncing));

	if (!syncing)
		return -ENOMEM;
	*syncing = (struct syncing){ fcntl(fd, F_DUPFD_CLOEXEC, 0), told };
	int r = syncing->fd < 0 ? -errno : os_thread_start(sync_main, syncing);

	if (r == 0)
		return 0;
	if (syncing->fd >= 0)
		close(syncing->fd);
	free(syncing);
	return r;
}

int os_file_sync_within(int fd, int timeout_ms)
{
	int told[2], result = -EIO;

	assert(timeout_ms > 0);
	os_lock_wait_begins("os_file_sync_within()");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, told) < 0)
		return -errno;
	int r = start(fd, told[1]);

	if (r < 0)
		close(told[1]);
	else
		r = os_thread_wait_readable(told[0], timeout_ms);
	if (r == 0 && recv(told[0], &result, sizeof(result), 0) == sizeof(result))
		r = result;
	close(told[0]);
	return r;
}
