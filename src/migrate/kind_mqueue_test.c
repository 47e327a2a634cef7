/* SPDX-License-Identifier: Apache-2.0 */
/* Queues of this very process, which has an IPC namespace of its own: read as those of another one, and made anew. */
#include "migrate/kind.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/found_test.h"
#include "migrate/restore_test.h"
#include "os/posix_queue.h"
#include "os/procdir.h"
#include "os/socket.h"

#define NAME  "/kind"
#define BYTES 16

static struct descriptions *all;
static struct found found;

/* 1: found. */
static int add(int fd, const char *link)
{
	return found_add(&found, IMAGE_DESCRIPTION_MQUEUE, fd, link);
}

static int complete(void)
{
	refusal_clear(&restore_refusal);
	return found_complete(&found);
}

static bool is_good(uint32_t index)
{
	const struct description *one = &all->description[index];

	return kind_mqueue.read(&one->image, NULL, all, true) && kind_mqueue.whole(one, all, NULL);
}

static int open_copy(uint32_t index)
{
	return kind_mqueue.open(restore, &all->description[index], &restore_refusal);
}

static void end(void)
{
	for (uint32_t i = 0; i < all->count; i++)
		kind_mqueue.decided(restore, &all->description[i], false);
	descriptions_clear(all);
	refusal_clear(&restore_refusal);
}

static void check_messages(int fd)
{
	char text[BYTES];
	uint32_t priority = 0;

	CHECK(os_posix_queue_receive(fd, text, BYTES, &priority) == 4 && priority == 9);
	CHECK(memcmp(text, "high", 4) == 0);
	CHECK(os_posix_queue_receive(fd, text, BYTES, &priority) == 1 && text[0] == 'a');
	CHECK(os_posix_queue_receive(fd, text, BYTES, &priority) == 1 && text[0] == 'b');
	CHECK(priority == 2);
	CHECK_EQ(os_posix_queue_receive(fd, text, BYTES, &priority), -EAGAIN);
}

/* The queue that was looked at is as before. The target has the same namespace here, and the name is free by then. */
static void test_carried(void)
{
	int fd = os_posix_queue_new(NAME, 5, BYTES), other = mq_open(NAME, O_WRONLY | O_NONBLOCK);
	struct os_posix_queue queue;

	CHECK_EQ(os_posix_queue_send(fd, "a", 1, 2), 0);
	CHECK_EQ(os_posix_queue_send(fd, "b", 1, 2), 0);
	CHECK_EQ(os_posix_queue_send(fd, "high", 4, 9), 0);
	CHECK(add(other, NAME) == 1 && add(fd, NAME) == 1);
	CHECK(kind_mqueue.read(&all->description[0].image, NULL, all, false));
	CHECK_EQ(complete(), 0);
	CHECK(is_good(0) && is_good(1) && all->description[1].contents.length == 0);
	CHECK(is_refusal(open_copy(0), &restore_refusal, EDVSPROCSTS,
			 "queue /kind of the process: it has one of that name"));
	kind_mqueue.abandon(getpid(), &all->description[1]);
	int named = os_posix_queue_open(NAME);

	CHECK(named >= 0);
	os_close(named);
	kind_mqueue.abandon(getpid(), &all->description[0]);
	CHECK_EQ(os_posix_queue_open(NAME), -ENOENT);
	int writer = open_copy(0), both = open_copy(1);

	CHECK(writer >= 0 && fcntl(writer, F_GETFL) & O_NONBLOCK && both >= 0);
	CHECK(os_posix_queue_look(both, &queue) == 0 && queue.messages_max == 5);
	CHECK_EQ(queue.bytes_max, BYTES);
	check_messages(fd);
	check_messages(both);
	/* It is the process's, or goes with it. */
	kind_mqueue.decided(restore, &all->description[0], true);
	kind_mqueue.decided(restore, &all->description[0], false);
	CHECK_EQ(os_posix_queue_remove(NAME), 0);
	close(writer), close(both), close(fd), close(other);
	end();
}

/* Without a name, while another queue has it. */
static void test_removed(void)
{
	int fd = os_posix_queue_new(NAME, 5, BYTES);

	CHECK_EQ(os_posix_queue_remove(NAME), 0);
	int named = os_posix_queue_new(NAME, 1, 1);

	CHECK_EQ(add(fd, NAME " (deleted)"), 1);
	CHECK_EQ(complete(), 0);
	CHECK(is_good(0));
	kind_mqueue.abandon(getpid(), &all->description[0]);
	int copy = open_copy(0);

	CHECK(copy >= 0);
	end();
	CHECK_EQ(os_posix_queue_open("/removed-0"), -ENOENT);
	CHECK_EQ(os_posix_queue_remove(NAME), 0); /* it was left alone */
	close(copy), close(named), close(fd);
}

/* A queue that was made goes when the move is called off. */
static void test_unmade(void)
{
	int fd = os_posix_queue_new(NAME, 5, BYTES);

	CHECK(add(fd, NAME) == 1 && complete() == 0);
	CHECK_EQ(os_posix_queue_remove(NAME), 0);
	int copy = open_copy(0);

	CHECK(copy >= 0);
	descriptions_let_go(all);
	end();
	CHECK_EQ(os_posix_queue_open(NAME), -ENOENT);
	close(copy), close(fd);
}

/* A process that may not raise the limit has no such queue. */
static void test_large(void)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

	if (setrlimit(RLIMIT_MSGQUEUE, &unlimited) < 0)
		return;
	int limit = open("/proc/sys/fs/mqueue/msgsize_max", O_WRONLY);
	int most = open("/proc/sys/fs/mqueue/msg_max", O_WRONLY);

	CHECK(write(limit, "60000", 5) == 5 && write(most, "300", 3) == 3); /* of the namespace */
	int fd = os_posix_queue_new(NAME, 300, 60000), sent = 0;

	for (int i = 0; i < 290; i++)
		sent += os_posix_queue_send(fd, "x", 1, 0) == 0;
	CHECK_EQ(sent, 290);
	CHECK_EQ(add(fd, NAME), 1);
	CHECK(is_refusal(complete(), &restore_refusal, EDVS2BIG, "received first"));
	CHECK_EQ(os_posix_queue_remove(NAME), 0);
	close(fd), close(limit), close(most);
	end();
}

static void test_refused(void)
{
	struct sigevent none = { .sigev_notify = SIGEV_NONE };
	int limit = open("/proc/sys/fs/mqueue/msgsize_max", O_WRONLY);
	int file = open("/proc/self/exe", O_RDONLY);

	CHECK_EQ(write(limit, "70000", 5), 5); /* of the namespace */
	int fd = os_posix_queue_new(NAME, 5, 70000);

	CHECK_EQ(add(file, "/file"), 0);
	CHECK_EQ(add(fd, "/mounted" NAME), 0);
	CHECK_EQ(add(fd, NAME), 1);
	CHECK(is_refusal(complete(), &restore_refusal, EDVSPROCSTS, "messages of 70000 bytes"));
	CHECK_EQ(mq_notify(fd, &none), 0);
	CHECK(is_refusal(complete(), &restore_refusal, EDVSPROCSTS, "(mq_notify)"));
	CHECK_EQ(os_posix_queue_remove(NAME), 0);
	close(fd), close(file), close(limit);
	CHECK(is_refusal(complete(), &restore_refusal, EDVSPROCSTS, "cannot be looked into"));
	end();
}

/* Contents came from outside. */
static bool accepts(const char *name, uint32_t priority, uint32_t bytes)
{
	uint8_t message[4 + 2 * BYTES] = { 0 };
	struct description *one = &all->description[0];

	memcpy(message, &priority, sizeof(priority));
	contents_free(&one->contents);
	CHECK_EQ(contents_append(&one->contents, name, (uint32_t)strlen(name)), 0);
	CHECK_EQ(contents_append(&one->contents, message, bytes), 0);
	return is_good(0);
}

static void test_damaged(void)
{
	int fd = os_posix_queue_new(NAME, 1, BYTES);

	CHECK(add(fd, NAME) == 1 && complete() == 0);
	CHECK(accepts(NAME, 0, 4) && accepts(NAME, 32767, 4 + BYTES));
	CHECK(!accepts(NAME, 32768, 4) && !accepts(NAME, 0, 5 + BYTES) && !accepts(NAME, 0, 3));
	CHECK(!accepts("/", 0, 4) && !accepts("/a/b", 0, 4) && !accepts("name", 0, 4));
	CHECK(accepts(NAME, 0, 4));
	CHECK_EQ(contents_append(&all->description[0].contents, "\0\0\0\0", 4), 0);
	CHECK(!is_good(0)); /* more than it has room for */
	/* A description without a holder is not looked at for itself, but by the next one of its queue. */
	CHECK(add(fd, NAME) == 1 && complete() == 0 && is_good(1));
	CHECK(accepts(NAME, 0, 4) && is_good(1));
	CHECK(!accepts("name", 0, 4) && !is_good(1));
	all->description[0].holder = 7;
	CHECK(is_good(1));
	memset(all->description[0].image.body, 0xff, 4);
	CHECK(!kind_mqueue.read(&all->description[0].image, NULL, all, true));
	CHECK_EQ(os_posix_queue_remove(NAME), 0);
	close(fd);
	end();
}

int main(void)
{
	if (unshare(CLONE_NEWIPC) < 0) {
		test_skip("this program cannot have an IPC namespace of its own here");
		return test_end();
	}
	restore_begin();
	all = &restore->picture.tables->descriptions;
	found = (struct found){ .all = all, .refusal = &restore_refusal };
	restore->dir = procdir_open(getpid());
	TEST(test_carried);
	TEST(test_removed);
	TEST(test_unmade);
	TEST(test_large);
	TEST(test_refused);
	TEST(test_damaged);
	close(restore->dir);
	restore->dir = restore_proc.dir;
	restore_end();
	return test_end();
}
