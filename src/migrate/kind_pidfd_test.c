/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors of processes, as fdinfo shows them and made anew: of this one, of another one of the tree, of nobody. */
#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/kind.h"
#include "migrate/made_proc_test.h"
#include "migrate/restore.h"
#include "os/pid.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static struct refusal refusal;
static struct restore other, *restore;
static struct tables tables;

static int find(const char *info, struct description *description)
{
	const struct kind_seen seen = {
		.link = "anon_inode:[pidfd]", .info = info, .number = 3, .pid = getpid()
	};

	refusal = REFUSAL_NONE;
	*description = (struct description){ .image.flags = O_RDWR | O_NONBLOCK };
	return kind_pidfd.find(&seen, &description->image, &refusal);
}

static struct restore *member(void *tree, int32_t vpid)
{
	CHECK(tree == &other);
	return vpid == 9 ? &other : NULL;
}

/* The process that the descriptor made anew is of; -1: it is gone. */
static pid_t made_of(struct description *description)
{
	CHECK(kind_pidfd.read(&description->image, NULL, &tables.descriptions, true));
	int fd = kind_pidfd.open(restore, description, &refusal);
	pid_t pid = fd < 0 ? 0 : os_pidfd_pid(fd);

	CHECK(fd < 0 || fcntl(fd, F_GETFL) & O_NONBLOCK);
	CHECK(fd < 0 || pid > 0 || poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, 0) == 1);
	if (fd >= 0)
		close(fd);
	return pid == -ESRCH ? -1 : pid;
}

static void add_gone(uint64_t inode)
{
	struct description one;

	CHECK_EQ(find("Pid:\t-1\n", &one), 1);
	one.image.kind = IMAGE_DESCRIPTION_PIDFD;
	one.image.id = tables.descriptions.count + 1;
	CHECK(descriptions_add(&tables.descriptions, &one.image, &kind_pidfd));
	tables.descriptions.description[one.image.id - 1].inode = inode;
}

static struct description *at(uint32_t index)
{
	return &tables.descriptions.description[index];
}

static void test_carried(void)
{
	struct description description;
	char info[128];
	pid_t child = fork();

	if (child == 0) {
		pause();
		_exit(0);
	}
	restore = calloc(1, sizeof(*restore));
	CHECK_OR_RETURN(restore);
	restore->pid = getpid();
	restore->picture.process.vpid = 7;
	restore->member = member;
	restore->tree = &other;
	restore->picture.tables = &tables;
	other.pid = child;
	snprintf(info, sizeof(info), "flags:\t02000002\nPid:\t%d\nNSpid:\t%d\t7\n", getpid(),
		 getpid());
	CHECK_EQ(find(info, &description), 1);
	CHECK_EQ(made_of(&description), getpid());
	/* A child of one that moves moves. */
	snprintf(info, sizeof(info), "Pid:\t%d\nNSpid:\t%d\t9\n", child, child);
	CHECK_EQ(find(info, &description), 1);
	CHECK_EQ(made_of(&description), child);
	snprintf(info, sizeof(info), "Pid:\t%d\nNSpid:\t%d\t8\n", child, child);
	CHECK_EQ(find(info, &description), 1);
	CHECK_EQ(made_of(&description), 0);
	CHECK(is_refusal(refusal.error, &refusal, EDVSIO, "and not that one"));
	for (int i = 0; i < 3; i++)
		add_gone(i == 1 ? 11 : 10);
	CHECK_EQ(kind_pidfd.meet(&tables.descriptions, IMAGE_DESCRIPTION_PIDFD, &refusal), 0);
	/* Those of one process are made together. */
	CHECK_EQ(made_of(at(1)), -1);
	CHECK(at(0)->kept < 0 && at(1)->kept < 0 && at(2)->kept < 0);
	CHECK_EQ(made_of(at(2)), -1);
	CHECK(at(0)->kept >= 0 && fcntl(at(0)->kept, F_GETFL) & O_NONBLOCK);
	CHECK(at(1)->kept < 0 && at(2)->kept < 0);
	at(1)->image.flags |= O_EXCL; /* of a thread */
	descriptions_let_go(&tables.descriptions);
	CHECK_EQ(made_of(at(1)), -1);
	descriptions_free(&tables.descriptions);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	CHECK(wait(NULL) < 0); /* of those that are gone nothing is left */
	free(restore);
}

static pid_t task(const void *tree, int32_t vtid)
{
	CHECK(tree == &other);
	return vtid == 12 ? getpid() : 0;
}

static void *stay(void *tid)
{
	__atomic_store_n((pid_t *)tid, gettid(), __ATOMIC_RELEASE);
	for (;;)
		pause();
	return tid;
}

/* A thread moves with its process, and is no member of the tree. */
static void test_thread(void)
{
	struct description description;
	char info[128];
	pthread_t thread;
	pid_t tid = 0;

	CHECK_EQ(pthread_create(&thread, NULL, stay, &tid), 0);
	while (!__atomic_load_n(&tid, __ATOMIC_ACQUIRE))
		usleep(1000);
	restore = calloc(1, sizeof(*restore));
	CHECK_OR_RETURN(restore);
	restore->picture.process.vpid = 7;
	restore->member = member;
	restore->task = task;
	restore->tree = &other;
	snprintf(info, sizeof(info), "Pid:\t%d\nNSpid:\t%d\t12\n", tid, tid);
	CHECK_EQ(find(info, &description), 1);
	CHECK_EQ(made_of(&description), getpid()); /* as task() says */
	snprintf(info, sizeof(info), "Pid:\t%d\nNSpid:\t%d\t13\n", tid, tid);
	CHECK_EQ(find(info, &description), 1);
	CHECK_EQ(made_of(&description), 0);
	free(restore);
	pthread_cancel(thread);
	pthread_join(thread, NULL);
}

static void test_refused(void)
{
	struct description description;

	CHECK(is_refusal(find("Pid:\t1\nNSpid:\t1\n", &description), &refusal, EDVSPROCSTS,
			 "a pidfd of process 1"));
	CHECK(is_refusal(find("Pid:\t0\n", &description), &refusal, EDVSPROCSTS, "not seen here"));
	memcpy(description.image.body, (int32_t[]){ -1 }, sizeof(int32_t));
	CHECK(!kind_pidfd.read(&description.image, NULL, NULL, true));
	/* Of the same process as one that is not there. */
	memcpy(description.image.body, (int32_t[]){ 0, 5 }, 2 * sizeof(int32_t));
	CHECK(!kind_pidfd.read(&description.image, NULL, &tables.descriptions, true));
}

int main(void)
{
	TEST(test_carried);
	TEST_OF_THREADS(test_thread);
	TEST(test_refused);
	return test_end();
}
