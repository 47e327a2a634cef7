/* SPDX-License-Identifier: Apache-2.0 */
#include "os/pipe.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

int os_pipe_new(int ends[2])
{
	return pipe2(ends, O_CLOEXEC) < 0 ? -errno : 0;
}

int os_pipe_capacity(int fd)
{
	int bytes = fcntl(fd, F_GETPIPE_SZ);

	return bytes < 0 ? -errno : bytes;
}

int os_pipe_set_capacity(int fd, uint32_t bytes)
{
	assert(bytes <= INT_MAX);
	return fcntl(fd, F_SETPIPE_SZ, (int)bytes) < 0 ? -errno : 0;
}

int os_pipe_bytes(int reader)
{
	int bytes = 0;

	return ioctl(reader, FIONREAD, &bytes) < 0 ? -errno : bytes;
}

bool os_pipe_is_alone(int fd)
{
	struct pollfd end = { .fd = fd };

	return fd >= 0 && poll(&end, 1, 0) == 1 && end.revents & (POLLHUP | POLLERR);
}

ssize_t os_pipe_copy(int reader, int writer, size_t bytes)
{
	assert(reader != writer && bytes > 0);
	ssize_t copied = tee(reader, writer, bytes, SPLICE_F_NONBLOCK);

	return copied < 0 ? -errno : copied;
}

/* A copy of nothing ends at once where nothing can come. */
bool os_pipe_has_writer(int reader)
{
	int ends[2];

	if (os_pipe_is_alone(reader) || os_pipe_new(ends))
		return false;
	ssize_t copied = os_pipe_copy(reader, ends[1], 1);

	close(ends[0]);
	close(ends[1]);
	return copied != 0;
}

ssize_t os_pipe_read(int reader, void *to, size_t bytes)
{
	assert(bytes > 0); /* 0 is the answer at the end */
	ssize_t got = read(reader, to, bytes);

	return got < 0 ? -errno : got;
}

ssize_t os_pipe_write(int writer, const void *from, size_t bytes)
{
	assert(bytes > 0); /* nothing is no packet */
	ssize_t done = write(writer, from, bytes);

	return done < 0 ? -errno : done;
}
