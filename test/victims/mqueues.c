/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSIX message queues of a family: name, limits, owner, rights, messages in their order, ways to open them; one
 * without a name, another one that has its name; a thread that waits for a message and one that waits for room.
 */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "victims/victim.h"

#define NAME  "/dvs-victim"
#define ROOM  40
#define OWNER 65534

static mqd_t both, reader, removed, replaced, question, answer, full;
static uint32_t sent;
static pid_t child;

static mqd_t make(const char *name, int flags, long messages)
{
	struct mq_attr attr = { .mq_maxmsg = messages, .mq_msgsize = ROOM };
	mqd_t queue = mq_open(name, O_CREAT | O_EXCL | flags, 0640, &attr);

	VICTIM_CHECK(queue >= 0);
	return queue;
}

static void put(mqd_t queue, const char *text, unsigned priority)
{
	VICTIM_CHECK(mq_send(queue, text, strlen(text), priority) == 0);
}

static bool take(mqd_t queue, const char *wanted, unsigned wanted_priority)
{
	char text[ROOM + 1] = "";
	unsigned priority = 0;
	ssize_t got = mq_receive(queue, text, ROOM, &priority);

	return got == (ssize_t)strlen(wanted) && memcmp(text, wanted, (size_t)got) == 0 &&
	       priority == wanted_priority;
}

/* It waits for a question most of its life. */
static void live_as_child(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (take(question, "?", 3))
		put(answer, "!", 4);
	_exit(1);
}

/* There is room for one message, and it has a second one. */
static void *fill(void *unused)
{
	for (;;) {
		put(full, "full", 1);
		__atomic_add_fetch(&sent, 1, __ATOMIC_RELEASE);
	}
	return unused;
}

static void put_messages(void)
{
	put(both, "low", 0);
	put(both, "first of seven", 7);
	put(both, "second of seven", 7);
	put(both, "", 32767);
}

static void build(void)
{
	pthread_t thread;

	both = make(NAME, O_RDWR, 7);
	VICTIM_CHECK(fchmod(both, 0604) == 0 && fchown(both, OWNER, OWNER) == 0);
	reader = mq_open(NAME, O_RDONLY | O_NONBLOCK);
	put_messages();
	removed = make(NAME "-name", O_RDWR, 2);
	put(removed, "without a name", 5);
	VICTIM_CHECK(mq_unlink(NAME "-name") == 0);
	replaced = make(NAME "-name", O_WRONLY, 3);
	put(replaced, "with its name", 6);
	question = make(NAME "-question", O_RDWR, 1);
	answer = make(NAME "-answer", O_RDWR, 1);
	full = make(NAME "-full", O_RDWR, 1);
	child = fork();
	if (child == 0)
		live_as_child();
	VICTIM_CHECK(pthread_create(&thread, NULL, fill, NULL) == 0);
	while (__atomic_load_n(&sent, __ATOMIC_ACQUIRE) != 1)
		victim_nap();
}

static void check_messages(void)
{
	struct mq_attr attr;
	struct stat status;

	VICTIM_CHECK(mq_getattr(both, &attr) == 0 && attr.mq_flags == 0);
	VICTIM_CHECK(attr.mq_maxmsg == 7 && attr.mq_msgsize == ROOM && attr.mq_curmsgs == 4);
	VICTIM_CHECK(mq_getattr(reader, &attr) == 0 && attr.mq_flags == O_NONBLOCK);
	VICTIM_CHECK(fstat(reader, &status) == 0 && (status.st_mode & 07777) == 0604);
	VICTIM_CHECK(status.st_uid == OWNER && status.st_gid == OWNER);
	VICTIM_CHECK(mq_send(reader, "", 0, 0) < 0 && errno == EBADF);
	VICTIM_CHECK(fcntl(both, F_GETFD) == FD_CLOEXEC);
	VICTIM_CHECK(take(reader, "", 32767) && take(both, "first of seven", 7));
	VICTIM_CHECK(take(reader, "second of seven", 7) && take(both, "low", 0));
	VICTIM_CHECK(!take(reader, "", 0) && errno == EAGAIN);
	put_messages();
}

static void check_names(void)
{
	mqd_t again = mq_open(NAME "-name", O_RDONLY);
	struct stat one, other;

	VICTIM_CHECK(take(removed, "without a name", 5));
	put(removed, "without a name", 5);
	VICTIM_CHECK(again >= 0 && take(again, "with its name", 6));
	put(replaced, "with its name", 6);
	VICTIM_CHECK(fstat(again, &one) == 0 && fstat(replaced, &other) == 0);
	VICTIM_CHECK(one.st_ino == other.st_ino && one.st_nlink == 1);
	VICTIM_CHECK(fstat(removed, &other) == 0 && other.st_nlink == 0);
	mq_close(again);
}

static void check_waiters(void)
{
	uint32_t before = __atomic_load_n(&sent, __ATOMIC_ACQUIRE);

	put(question, "?", 3);
	VICTIM_CHECK(take(answer, "!", 4));
	VICTIM_CHECK(take(full, "full", 1));
	VICTIM_CHECK(victim_counts(&sent, before + 1));
}

int main(void)
{
	victim_begin();
	build();
	victim_ready();
	while (victim_moved()) {
		check_messages();
		check_names();
		check_waiters();
	}
	kill(child, SIGKILL);
	VICTIM_CHECK(mq_unlink(NAME) == 0 && mq_unlink(NAME "-name") == 0);
	VICTIM_CHECK(mq_unlink(NAME "-question") == 0 && mq_unlink(NAME "-answer") == 0);
	VICTIM_CHECK(mq_unlink(NAME "-full") == 0);
	return victim_end();
}
