/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_ACT_TEST_H
#define DVS_MIGRATE_ACT_TEST_H

/*
 * A real program on a stage of two pid namespaces, which checks itself after each move. Without the rights that
 * this needs a test is skipped. Test programs include this after base/test.h.
 *
 *	DVS_SHELL	the process shell
 *	DVS_VICTIMS	the folder with the programs
 */

#include "migrate/stage_test.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define VPID	   1000
#define END_MS	   5000
#define NAME_BYTES 256

static const char *victims;

TEST_LOOKS_UNUSED static bool killed(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

struct act {
	struct stage stage;
	int side;
	pid_t pid;
};

/* The processes that the engine has killed are dead, but the init buries them as soon as it gets to run. */
TEST_LOOKS_UNUSED static bool is_buried(struct stage *stage, int side)
{
	pid_t left = 0;

	for (int ms = 0; ms < 1000; ms++) {
		left = stage_find(stage, side, 0);
		if (!left)
			return true;
		usleep(1000);
	}
	printf("  pid %d is left behind, state %c\n", (int)left, stage_state(left));
	return false;
}

TEST_LOOKS_UNUSED static bool begin_at(struct act *act, char *const argv[])
{
	int result = stage_open(&act->stage);

	if (result < 0) {
		printf("no stage: %s\n", strerror(-result));
		return false;
	}
	act->side = 0;
	act->pid = stage_start(&act->stage, 0, VPID, argv);
	return act->pid > 0;
}

/* Starts a victim on side 0 and waits until it is ready. */
TEST_LOOKS_UNUSED static bool begin(struct act *act, const char *victim, const char *argument)
{
	char path[NAME_BYTES];
	char *argv[] = { path, (char *)argument, NULL };

	snprintf(path, sizeof(path), "%s/%s", victims, victim);
	if (!begin_at(act, argv))
		return false;
	for (int i = 0; i < 2000 && !act->stage.page->ready; i++) {
		if (!stage_find(&act->stage, act->side, VPID))
			return false;
		usleep(1000);
	}
	return act->stage.page->ready;
}

TEST_LOOKS_UNUSED static void show_log(struct act *act)
{
	char text[2048];
	ssize_t got = read(act->stage.pipe[0], text, sizeof(text) - 1);

	if (got > 0)
		printf("%.*s\n", (int)got, text);
}

/* Tells the victim that it was moved (or frozen and thawed): all must be as it was. */
TEST_LOOKS_UNUSED static bool verify(struct act *act, const char *what)
{
	uint32_t moves = __atomic_add_fetch(&act->stage.page->moves, 1, __ATOMIC_ACQ_REL);

	if (stage_await(&act->stage.page->verified, moves) && !act->stage.page->failed)
		return true;
	printf("%s: not as it was: %s\n", what, act->stage.page->reason);
	return false;
}

/* Lets the victim end: its own last checks are in its status. */
TEST_LOOKS_UNUSED static int finish(struct act *act)
{
	__atomic_store_n(&act->stage.page->finish, 1, __ATOMIC_RELEASE);
	__atomic_add_fetch(&act->stage.page->moves, 1, __ATOMIC_RELEASE);
	return stage_status(&act->stage, act->side, VPID, END_MS);
}

TEST_LOOKS_UNUSED static bool move_on(struct act *act, struct stage_move *move)
{
	*move = (struct stage_move){ .stage = &act->stage, .from = act->side, .pid = act->pid };
	stage_move(move);
	if (move->result) {
		printf("move refused: %s%s\n", move->source.reason, move->target.reason);
		return false;
	}
	/* The old one is gone, killed by nobody but us. */
	CHECK(killed(stage_status(&act->stage, act->side, VPID, END_MS)));
	act->side = !act->side;
	act->pid = move->arrived;
	return true;
}

TEST_LOOKS_UNUSED static unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count;
}

/* How many more, or fewer, the machine has then: it may not have as many to give, or not let itself be told. */
TEST_LOOKS_UNUSED static long change_huge_pages(long by)
{
	FILE *file = fopen("/proc/sys/vm/nr_hugepages", "r+");
	long before = 0, after = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%ld", &before) == 1) {
		rewind(file);
		fprintf(file, "%ld", before + by);
		fflush(file);
		rewind(file);
		if (fscanf(file, "%ld", &after) != 1)
			after = before;
	}
	fclose(file);
	return after - before;
}

struct huge_pages {
	int end;
	pid_t keeper;
};

/*
 * The machine has so many huge pages more until they are given back. A process of their own does that, so that it is
 * done for a test which was killed as well.
 */
TEST_LOOKS_UNUSED static struct huge_pages more_huge_pages(long more)
{
	struct huge_pages pages = { .end = -1 };
	int ends[2];
	char byte;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return pages;
	more = change_huge_pages(more);
	pages.end = ends[1];
	pages.keeper = fork();
	if (pages.keeper == 0) {
		setsid();
		close_range(0, 2, 0);
		close(ends[1]);
		if (read(ends[0], &byte, 1) >= 0)
			change_huge_pages(-more);
		_exit(0);
	}
	close(ends[0]);
	return pages;
}

TEST_LOOKS_UNUSED static void give_back_huge_pages(struct huge_pages pages)
{
	if (pages.end < 0)
		return;
	/* Processes that a failed test has left have this end, too. */
	CHECK_EQ(write(pages.end, "", 1), 1);
	close(pages.end);
	CHECK_EQ(waitpid(pages.keeper, NULL, 0), pages.keeper);
}

TEST_LOOKS_UNUSED static bool act_possible(void)
{
	victims = getenv("DVS_VICTIMS");
	if (geteuid() == 0 && victims && getenv("DVS_SHELL"))
		return true;
	test_skip("needs root, DVS_SHELL and DVS_VICTIMS");
	return false;
}

#endif
