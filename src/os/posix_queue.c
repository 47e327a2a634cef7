/* SPDX-License-Identifier: Apache-2.0 */
#include "os/posix_queue.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PRIVATE 0600

/* It has passed: neither call waits, whatever the mode of the descriptor is. */
static const struct timespec at_once = { 0, 0 };

int os_posix_queue_new(const char *name, uint32_t messages_max, uint32_t bytes_max)
{
	struct mq_attr attr = { .mq_maxmsg = messages_max, .mq_msgsize = bytes_max };

	assert(name[0] == '/');
	int fd = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, PRIVATE, &attr);

	return fd < 0 ? -errno : fd;
}

int os_posix_queue_open(const char *name)
{
	int fd = mq_open(name, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int os_posix_queue_remove(const char *name)
{
	return mq_unlink(name) < 0 ? -errno : 0;
}

int os_posix_queue_look(int fd, struct os_posix_queue *queue)
{
	struct mq_attr attr;

	if (mq_getattr(fd, &attr) < 0)
		return -errno;
	*queue = (struct os_posix_queue){ (uint32_t)attr.mq_maxmsg, (uint32_t)attr.mq_msgsize,
					  (uint32_t)attr.mq_curmsgs };
	return 0;
}

/* "QSIZE:129 NOTIFY:2 SIGNO:0 NOTIFY_PID:8260" */
int os_posix_queue_notifies(int fd)
{
	static const char field[] = "NOTIFY_PID:";
	char text[128];
	ssize_t got = pread(fd, text, sizeof(text) - 1, 0);

	if (got < 0)
		return -errno;
	text[got] = '\0';
	const char *at = strstr(text, field);

	return at ? strtol(at + strlen(field), NULL, 10) != 0 : -EPROTO;
}

static int error_of(int error)
{
	return error == ETIMEDOUT ? -EAGAIN : -error;
}

ssize_t os_posix_queue_receive(int fd, void *to, size_t bytes, uint32_t *priority)
{
	ssize_t got = mq_timedreceive(fd, to, bytes, priority, &at_once);

	return got < 0 ? error_of(errno) : got;
}

int os_posix_queue_send(int fd, const void *from, size_t bytes, uint32_t priority)
{
	assert(priority < OS_POSIX_QUEUE_PRIORITIES);
	return mq_timedsend(fd, from, bytes, priority, &at_once) < 0 ? error_of(errno) : 0;
}
