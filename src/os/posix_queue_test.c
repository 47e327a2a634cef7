/* SPDX-License-Identifier: Apache-2.0 */
/* Queues of an IPC namespace of this program's own. */
#include "os/posix_queue.h"

#include <errno.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/test.h"
#include "os/inode.h"
#include "os/open.h"

#define NAME "/a"

static void test_messages(void)
{
	struct os_posix_queue queue;
	unsigned long system = 0;
	uint32_t priority = 0;
	char text[16];
	int fd = os_posix_queue_new(NAME, 2, sizeof(text));

	CHECK(fd >= 0 && os_posix_queue_new(NAME, 2, 16) == -EEXIST);
	CHECK_EQ(os_file_system(fd, &system), 0);
	CHECK_EQ(system, OS_POSIX_QUEUE_SYSTEM);
	CHECK_EQ(os_posix_queue_receive(fd, text, sizeof(text), &priority), -EAGAIN);
	CHECK_EQ(os_posix_queue_send(fd, "low", 3, 0), 0);
	CHECK_EQ(os_posix_queue_send(fd, "", 0, OS_POSIX_QUEUE_PRIORITIES - 1), 0);
	CHECK_EQ(os_posix_queue_send(fd, "more", 4, 1), -EAGAIN);
	CHECK_EQ(os_posix_queue_look(fd, &queue), 0);
	CHECK(queue.messages_max == 2 && queue.bytes_max == 16 && queue.count == 2);
	CHECK_EQ(os_posix_queue_receive(fd, text, sizeof(text), &priority), 0);
	CHECK_EQ(priority, OS_POSIX_QUEUE_PRIORITIES - 1);
	CHECK_EQ(os_posix_queue_receive(fd, text, sizeof(text), &priority), 3);
	CHECK(priority == 0 && memcmp(text, "low", 3) == 0);
	CHECK_EQ(os_posix_queue_remove(NAME), 0);
	CHECK_EQ(os_posix_queue_remove(NAME), -ENOENT);
	CHECK_EQ(os_posix_queue_open(NAME), -ENOENT);
	CHECK(os_posix_queue_look(0, &queue) < 0);
	close(fd);
}

/* A queue is told apart from one of its name, and opened again as any file is. */
static void test_notified(void)
{
	struct sigevent none = { .sigev_notify = SIGEV_NONE };
	int fd = os_posix_queue_new(NAME, 1, 1), again = os_open_again(fd, OS_OPEN_READ);

	CHECK(again >= 0 && os_posix_queue_notifies(again) == 0);
	CHECK_EQ(mq_notify(fd, &none), 0);
	CHECK_EQ(os_posix_queue_notifies(again), 1);
	CHECK_EQ(os_posix_queue_send(fd, "x", 1, 0), 0);
	CHECK_EQ(os_posix_queue_notifies(again), 0);
	CHECK_EQ(os_posix_queue_send(again, "x", 1, 0), -EBADF);
	CHECK_EQ(os_posix_queue_remove(NAME), 0);
	close(again);
	close(fd);
}

int main(void)
{
	if (unshare(CLONE_NEWIPC) < 0) {
		test_skip("this program cannot have an IPC namespace of its own here");
		return test_end();
	}
	TEST(test_messages);
	TEST(test_notified);
	return test_end();
}
