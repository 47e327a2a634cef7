/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that have descriptors, or the working directory and the file mask, in common with their parent: what one
 * does the other one sees. Beside them one that has nothing in common.
 *
 *	root --+-- files --- both (has both in common with `files`, and so the descriptors with root)
 *	       +-- place (directory and mask)
 *	       +-- none
 */
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "victims/victim.h"

enum kind {
	FILES,
	BOTH,
	PLACE,
	NONE,
	KINDS
};

struct one {
	pid_t pid;
	uint32_t asked, done; /* rounds */
	int descriptor;	      /* that it has opened */
	mode_t mask;	      /* that it has set */
	int pair[2];	      /* sockets that the first one has made: only FILES */
};

static struct one *one; /* of all, shared memory */
static const char *const folder[] = { "/tmp", "/usr", "/etc" };

static const char *folder_of(enum kind kind, uint32_t round)
{
	return folder[(kind + round) % 3];
}

static void begin(enum kind kind, unsigned long flags);

static void serve(struct one *self)
{
	const enum kind kind = (enum kind)(self - one);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (kind == FILES && socketpair(AF_UNIX, SOCK_STREAM, 0, self->pair))
		_exit(97);
	if (kind == FILES)
		begin(BOTH, CLONE_FILES | CLONE_FS);
	for (uint32_t round = 1;; round++) {
		while (__atomic_load_n(&self->asked, __ATOMIC_ACQUIRE) != round)
			victim_nap();
		self->descriptor = open("/dev/null", O_RDONLY);
		self->mask = (mode_t)(kind * 8 + round % 8);
		umask(self->mask);
		if (chdir(folder_of(kind, round)))
			_exit(98);
		__atomic_store_n(&self->done, round, __ATOMIC_RELEASE);
	}
}

static void begin(enum kind kind, unsigned long flags)
{
	pid_t pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		serve(&one[kind]);
	one[kind].pid = pid;
}

static void ask(enum kind kind, uint32_t round)
{
	__atomic_store_n(&one[kind].asked, round, __ATOMIC_RELEASE);
	for (int ms = 0; ms < 3000 && __atomic_load_n(&one[kind].done, __ATOMIC_ACQUIRE) != round;
	     ms++)
		victim_nap();
	VICTIM_CHECK(one[kind].done == round);
}

/* Root sees the descriptor, or not; closed here it is closed there, so that the number is free again. */
static void check_descriptor(enum kind kind, bool shared)
{
	int number = one[kind].descriptor;

	VICTIM_CHECK(number >= 0);
	VICTIM_CHECK((fcntl(number, F_GETFD) >= 0) == shared);
	if (shared)
		VICTIM_CHECK(close(number) == 0);
}

/* Root has the sockets, too, of a process that shares its descriptors with it. */
static void check_pair(uint32_t round)
{
	struct ucred maker = { 0 };
	socklen_t length = sizeof(maker);
	uint32_t got = 0;

	VICTIM_CHECK(write(one[FILES].pair[0], &round, sizeof(round)) == sizeof(round));
	VICTIM_CHECK(read(one[FILES].pair[1], &got, sizeof(got)) == sizeof(got) && got == round);
	VICTIM_CHECK(getsockopt(one[FILES].pair[0], SOL_SOCKET, SO_PEERCRED, &maker, &length) == 0);
	VICTIM_CHECK(maker.pid == one[FILES].pid);
}

static void check_place(uint32_t round)
{
	char text[64] = "";
	mode_t mask = umask(0);

	umask(mask);
	VICTIM_CHECK(mask == one[PLACE].mask);
	VICTIM_CHECK(getcwd(text, sizeof(text)) && !strcmp(text, folder_of(PLACE, round)));
}

static void check(uint32_t round)
{
	ask(FILES, round);
	check_descriptor(FILES, true);
	check_pair(round);
	ask(BOTH, round);
	check_descriptor(BOTH, true);
	ask(NONE, round);
	check_descriptor(NONE, false);
	ask(PLACE, round);
	check_descriptor(PLACE, false);
	check_place(round);
	VICTIM_CHECK(syscall(SYS_kcmp, one[FILES].pid, one[BOTH].pid, KCMP_FS, 0, 0) == 0);
	VICTIM_CHECK(syscall(SYS_kcmp, one[FILES].pid, getpid(), KCMP_FS, 0, 0) > 0);
}

int main(void)
{
	uint32_t round = 1;

	victim_begin();
	one = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	begin(FILES, CLONE_FILES);
	while (!__atomic_load_n(&one[FILES].pair[1], __ATOMIC_ACQUIRE))
		victim_nap();
	begin(PLACE, CLONE_FS);
	begin(NONE, 0);
	check(round++);
	victim_ready();
	while (victim_moved()) {
		check_place(round - 1);
		check(round++);
	}
	kill(one[FILES].pid, SIGKILL);
	kill(one[PLACE].pid, SIGKILL);
	kill(one[NONE].pid, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		continue;
	return victim_end();
}
