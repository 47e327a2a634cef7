/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "victims/refused.h"

/* The kinds of `refused` that have something in common with a process that stays. */

/* A grandchild that is the init's child now. */
static void leave_orphan(bool own_session)
{
	pid_t self = getpid(), child = fork();

	if (child == 0) {
		if (own_session)
			setsid();
		if (fork())
			_exit(0);
		while (kill(self, 0) == 0)
			usleep(10000);
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

static void orphan(void)
{
	leave_orphan(false);
}

/* One that still has our memory, in whichever session. */
static void shared_memory(void)
{
	char *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	at[0] = 1;
	leave_orphan(true);
}

/* The same of a System V segment, which the kernel counts as attached twice. */
static void sysv_attached(void)
{
	int id = shmget(IPC_PRIVATE, 4096, 0600);

	NEED(shmat(id, NULL, 0) != (void *)-1);
	shmctl(id, IPC_RMID, NULL);
	leave_orphan(true);
}

static void mqueue_shared(void)
{
	char name[64];

	snprintf(name, sizeof(name), "dvs-victim-%d", getpid());
	NEED(syscall(SYS_mq_open, name, O_CREAT | O_RDWR, 0600, NULL) >= 0);
	syscall(SYS_mq_unlink, name);
	leave_orphan(true);
}

/* Lines of six bytes each. */
#define LOG_LINES 100
static char log_name[] = "/tmp/dvs-victim-log-XXXXXX";
static int log_file = -1;

static void write_lines(char who)
{
	for (int i = 0; i < LOG_LINES; i++) {
		dprintf(log_file, "%c %03d\n", who, i);
		usleep(200);
	}
}

/* A process in a session of its own goes on at our position in a file. */
static void shared_position(void)
{
	pid_t self = getpid(), child;

	log_file = mkstemp(log_name);
	child = fork();
	if (child == 0) {
		setsid();
		if (fork())
			_exit(0);
		write_lines('b');
		while (kill(self, 0) == 0)
			usleep(10000);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	for (int i = 0; i < 5; i++)
		NEED(dup(log_file) >= 0); /* each of them has it */
}

/* The refusal has harmed neither: every line is there. */
static void check_log(void)
{
	struct stat status = { 0 };

	write_lines('a');
	for (int ms = 0; ms < 5000 && status.st_size < 2 * LOG_LINES * 6; ms++) {
		usleep(1000);
		fstat(log_file, &status);
	}
	VICTIM_CHECK(status.st_size == 2 * LOG_LINES * 6);
	unlink(log_name);
}

/* A memory file that another process has, too: open, or mapped by it alone. */
static void memory_shared(void)
{
	NEED(memfd_create("shared", 0) >= 0);
	leave_orphan(true);
}

static void memory_mapped(void)
{
	pid_t self = getpid(), child;
	int fd = memfd_create("mapped", 0);

	NEED(fd >= 0 && ftruncate(fd, 4096) == 0);
	child = fork();
	if (child == 0) {
		setsid();
		if (fork())
			_exit(0);
		mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
		close_range(3, ~0u, 0);
		while (kill(self, 0) == 0)
			usleep(10000);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	usleep(20000);
}

static void memory_huge(void)
{
	NEED(memfd_create("huge", MFD_HUGETLB) >= 0);
}

/* One that only reads takes our bytes away. */
static void shared_reader(void)
{
	NEED(open("/etc/passwd", O_RDONLY) >= 0);
	leave_orphan(true);
}

/* The other one is a child of an orphan: no child of the init. */
static void shared_afar(void)
{
	pid_t self = getpid(), child;

	NEED(open("/etc/passwd", O_RDONLY) >= 0);
	child = fork();
	if (child == 0) {
		setsid();
		if (fork())
			_exit(0);
		if (fork())
			close_range(3, ~0u, 0);
		while (kill(self, 0) == 0)
			usleep(10000);
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

/* A counter that another process has, too. */
static void event_shared(void)
{
	NEED(eventfd(0, 0) >= 0);
	leave_orphan(true);
}

/* A pipe whose both ends another process has, too. */
static void pipe_shared(void)
{
	int ends[2];

	NEED(pipe(ends) == 0);
	leave_orphan(true);
}

static const struct kind other_kinds[] = {
	{ "memfd_shared", "shares memory", memory_shared },
	{ "memfd_mapped", "shares memory", memory_mapped },
	{ "eventfd_shared", "(an eventfd) is also open in process", event_shared },
	{ "pipe_shared", "(a pipe) is also open in process", pipe_shared },
	{ "memfd_huge", "huge pages", memory_huge },
	{ "mqueue_shared", "(a POSIX message queue) is also open in process", mqueue_shared },
	{ "orphan", "left a child process", orphan },
	{ "sysv_attached", "in common with a process", sysv_attached },
	{ "shared_memory", "shares memory", shared_memory },
	{ "shared_position", "one position", shared_position },
	{ "shared_reader", "(/etc/passwd) has one position", shared_reader },
	{ "shared_afar", "(/etc/passwd) has one position", shared_afar },
	{ NULL, NULL, NULL },
};
