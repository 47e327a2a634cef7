/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks of files: of the process, of descriptions, of flock(); shared and exclusive, ranges, two on one file, one of a
 * deleted file; and a child that waits for a lock of its parent, and moves with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "victims/victim.h"

enum {
	OWN,	/* F_SETLK */
	OPENED, /* F_OFD_SETLK */
	WHOLE,	/* flock() */
	SHARED, /* one of each, shared */
	UNNAMED,
	WAITED, /* of the parent; the child waits */
	FILES
};

static char path[FILES][64];
static int fd[FILES];
static int probe
	[FILES]; /* another description, which stays open: a close would give up locks of the process */
static uint32_t *child_has;

static bool set(int file, int command, int type, off_t start, off_t length)
{
	struct flock range = {
		.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = length
	};

	return fcntl(file, command, &range) == 0;
}

/* What is in the way of an exclusive lock of another description from here on: its type, or F_UNLCK. */
static struct flock found(int which, off_t start)
{
	struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start };

	VICTIM_CHECK(fcntl(probe[which], F_OFD_GETLK, &range) == 0);
	return range;
}

static bool is(struct flock lock, int type, off_t start, off_t length, pid_t pid)
{
	return lock.l_type == type && lock.l_start == start && lock.l_len == length &&
	       lock.l_pid == pid;
}

static bool is_excluded(int which, int operation)
{
	bool excluded = flock(probe[which], operation | LOCK_NB) < 0 && errno == EWOULDBLOCK;

	if (!excluded)
		flock(probe[which], LOCK_UN);
	return excluded;
}

static void build(void)
{
	for (int i = 0; i < FILES; i++) {
		snprintf(path[i], sizeof(path[i]), "/tmp/dvs-victim-locks-XXXXXX");
		fd[i] = mkstemp(path[i]);
		probe[i] = open(path[i], O_RDWR);
		VICTIM_CHECK(fd[i] >= 0 && probe[i] >= 0);
	}
	VICTIM_CHECK(set(fd[OWN], F_SETLK, F_WRLCK, 100, 50));
	VICTIM_CHECK(set(fd[OWN], F_SETLK, F_RDLCK, 300, 0));
	VICTIM_CHECK(set(fd[OPENED], F_OFD_SETLK, F_WRLCK, 10, 10));
	VICTIM_CHECK(set(fd[OPENED], F_OFD_SETLK, F_RDLCK, 40, 10));
	VICTIM_CHECK(write(fd[OPENED], "position", 8) == 8);
	VICTIM_CHECK(flock(fd[WHOLE], LOCK_EX) == 0 && dup(fd[WHOLE]) >= 0);
	VICTIM_CHECK(flock(fd[SHARED], LOCK_SH) == 0 && set(fd[SHARED], F_SETLK, F_RDLCK, 0, 1) &&
		     set(fd[SHARED], F_OFD_SETLK, F_RDLCK, 1, 1));
	VICTIM_CHECK(set(fd[UNNAMED], F_OFD_SETLK, F_WRLCK, 0, 0) &&
		     flock(fd[UNNAMED], LOCK_EX) == 0);
	unlink(path[UNNAMED]);
	VICTIM_CHECK(set(fd[WAITED], F_SETLK, F_WRLCK, 0, 0));
}

static void check(void)
{
	pid_t self = getpid();

	VICTIM_CHECK(is(found(OWN, 0), F_WRLCK, 100, 50, self));
	VICTIM_CHECK(is(found(OWN, 150), F_RDLCK, 300, 0, self));
	VICTIM_CHECK(is(found(OPENED, 0), F_WRLCK, 10, 10, -1));
	VICTIM_CHECK(is(found(OPENED, 20), F_RDLCK, 40, 10, -1));
	VICTIM_CHECK(found(OPENED, 50).l_type == F_UNLCK);
	VICTIM_CHECK(lseek(fd[OPENED], 0, SEEK_CUR) == 8);
	VICTIM_CHECK(is_excluded(WHOLE, LOCK_SH));
	VICTIM_CHECK(is_excluded(SHARED, LOCK_EX) && !is_excluded(SHARED, LOCK_SH));
	VICTIM_CHECK(found(SHARED, 0).l_type == F_RDLCK && found(SHARED, 1).l_type == F_RDLCK);
	VICTIM_CHECK(is(found(UNNAMED, 0), F_WRLCK, 0, 0, -1) && is_excluded(UNNAMED, LOCK_SH));
	VICTIM_CHECK(is(found(WAITED, 0), F_WRLCK, 0, 0, self));
	VICTIM_CHECK(__atomic_load_n(child_has, __ATOMIC_ACQUIRE) == 0);
	/* Each can be given up and taken again. */
	VICTIM_CHECK(set(fd[OWN], F_SETLK, F_UNLCK, 100, 50) && found(OWN, 0).l_start == 300 &&
		     set(fd[OWN], F_SETLK, F_WRLCK, 100, 50));
	VICTIM_CHECK(flock(fd[WHOLE], LOCK_UN) == 0 && !is_excluded(WHOLE, LOCK_EX) &&
		     flock(fd[WHOLE], LOCK_EX) == 0);
}

static int in_child(void)
{
	VICTIM_CHECK(set(fd[WAITED], F_SETLKW, F_WRLCK, 0, 0));
	__atomic_store_n(child_has, 1, __ATOMIC_RELEASE);
	return victim_end();
}

int main(void)
{
	int status = -1;

	victim_begin();
	madvise(victim_page, 4096, MADV_DOFORK);
	child_has = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	build();
	pid_t child = fork();

	if (child == 0)
		_exit(in_child());
	victim_ready();
	while (victim_moved())
		check();
	VICTIM_CHECK(set(fd[WAITED], F_SETLK, F_UNLCK, 0, 0));
	VICTIM_CHECK(waitpid(child, &status, 0) == child && status == 0 && *child_has);
	for (int i = 0; i < FILES; i++)
		unlink(path[i]);
	return victim_end();
}
