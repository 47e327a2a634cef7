/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that lost their parent, and those in a session or group that lost its leader:
 *
 *	root --+-- leader (of a session) --- (ended) --- deep (an orphan in that session)
 *	       +-- zombie (led a session) --- follower (an orphan in that session)
 *	       +-- (ended) --- plain (an orphan in the session of root)
 *	       +-- (ended) --- apart (leads a session) --- child
 *	       +-- (ended, led a session) --- daemon (in that session)
 *	       +-- job (in the group of a sibling that has ended)
 *
 * Each round one more is made, and the one of the last round ends, which the init takes note of.
 */
#include <errno.h>
#include <fcntl.h>

#include "victims/kin.h"

enum how {
	PLAIN,
	LEADS,
	LED,
	KEPT
};

static struct one leader, deep, follower, plain, apart, child, daemon_one, job, passing;

static void await_init(void)
{
	while (getppid() != 1)
		victim_nap();
}

/* One whose parent has ended, or (KEPT) is a zombie. */
static void leave(struct one *one, enum how how, unsigned seed, void (*more)(uint32_t round))
{
	open_one(one);
	pid_t parent = fork();

	if (parent == 0) {
		if (how == LED || how == KEPT)
			setsid();
		if (fork())
			_exit(4);
		await_init();
		if (how == LEADS)
			setsid();
		serve(one, seed, more);
	}
	one->pid = parent;
	part(one);
	if (how != KEPT)
		waitpid(parent, NULL, 0);
}

static void ask_child(uint32_t round)
{
	if (!child.pid) {
		open_one(&child);
		child.pid = fork();
		if (child.pid == 0)
			serve(&child, 5, NULL);
		part(&child);
	}
	ask(&child, round);
}

static void ask_deep(uint32_t round)
{
	if (!deep.pid)
		leave(&deep, PLAIN, 6, NULL);
	ask(&deep, round);
}

static void begin_leader(void)
{
	open_one(&leader);
	leader.pid = fork();
	if (leader.pid == 0) {
		setsid();
		serve(&leader, 7, ask_deep);
	}
	part(&leader);
}

static void begin_job(void)
{
	pid_t ended = fork();

	if (ended == 0)
		for (;;)
			pause();
	setpgid(ended, ended);
	open_one(&job);
	job.pid = fork();
	if (job.pid == 0) {
		setpgid(0, ended);
		serve(&job, 8, NULL);
	}
	part(&job);
	ask(&job, 0);
	kill(ended, SIGKILL);
	waitpid(ended, NULL, 0);
}

static bool is_gone(pid_t pid)
{
	for (int ms = 0; ms < 2000; ms++) {
		if (kill(pid, 0) < 0 && errno == ESRCH)
			return true;
		victim_nap();
	}
	return false;
}

static void end_orphan(struct one *one)
{
	kill(one->pid, SIGTERM); /* the test may have ended it */
	CHECK_HERE(is_gone(one->pid));
	close(one->ask[1]);
	close(one->answer[0]);
	one->pid = 0;
}

static void check(uint32_t round)
{
	if (passing.pid)
		end_orphan(&passing);
	leave(&passing, round % 2 ? LEADS : LED, 9, NULL);
	ask(&leader, round);
	ask(&follower, round);
	ask(&plain, round);
	ask(&apart, round);
	ask(&daemon_one, round);
	ask(&job, round);
	ask(&passing, round);
	victim_page->argument = (uint32_t)passing.pid;
	if (wrong)
		victim_fail(__FILE__, (int)wrong, "something of the orphans");
}

int main(void)
{
	uint32_t round = 0;
	int status = 0;

	victim_begin();
	const struct place was = place_now();

	fill(1);
	begin_job();
	begin_leader();
	leave(&follower, KEPT, 2, NULL);
	const pid_t zombie = follower.pid;

	leave(&plain, PLAIN, 3, NULL);
	leave(&apart, LEADS, 4, ask_child);
	leave(&daemon_one, LED, 10, NULL);
	check(round++);
	victim_ready();
	while (victim_moved()) {
		VICTIM_CHECK(is_placed(&was) && is_filled(1));
		check(round++);
	}
	VICTIM_CHECK(waitpid(zombie, &status, 0) == zombie && WIFEXITED(status) &&
		     WEXITSTATUS(status) == 4);
	struct one *const orphans[] = { &follower, &plain, &apart, &daemon_one, &passing };

	for (size_t i = 0; i < sizeof(orphans) / sizeof(orphans[0]); i++)
		end_orphan(orphans[i]);
	end_one(&leader);
	end_one(&job);
	if (wrong)
		victim_fail(__FILE__, (int)wrong, "the end of the orphans");
	return victim_end();
}
