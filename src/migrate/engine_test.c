/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moves real programs between two pid namespaces: those that check the carried state, to and fro; and each
 * again while the move is made to fail at every named point, or is hit by one of the events that may hit it.
 *
 *	DVS_ONLY_CARRIED	set: only what moves, with its times
 *	DVS_VICTIM		NAME: only this one of those that check the carried state
 */
#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/act_test.h"
#include "migrate/fault.h"
#include "os/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mman.h>

#define ROUNDS	   4
#define NONE_YET   UINT32_MAX
#define HUGE_PAGES 40 /* for the victim that has some, on both sides */

/* The programs of test/victims that move, each with a kind of state that it checks itself. */
static const char *const carried[] = { CARRIED };

static bool is_wanted(const char *victim)
{
	const char *only = getenv("DVS_VICTIM");

	return !only || strcmp(only, victim) == 0;
}

/* Only the victims with orphans know that all which is their init's came from them. */
static bool begin_carried(struct act *act, const char *victim)
{
	bool good = begin(act, victim, NULL);

	act->stage.tells_offspring = strcmp(victim, "orphans") == 0;
	return good;
}

static void test_carried(void)
{
	for (size_t i = 0; i < sizeof(carried) / sizeof(carried[0]); i++) {
		if (!is_wanted(carried[i]))
			continue;
		struct act act;
		struct stage_move move = { 0 };
		bool good = begin_carried(&act, carried[i]);

		CHECK(good);
		for (int round = 0; round < ROUNDS && good; round++)
			good = move_on(&act, &move) && verify(&act, carried[i]);
		CHECK(good);
		/* They are not told of the ends of each other. */
		CHECK(!(move.late_of_others & (1ull << (SIGHUP - 1) | 1ull << (SIGCHLD - 1))));
		CHECK_EQ(finish(&act), 0);
		if (!good)
			show_log(&act);
		printf("  %-14s %2u threads %3u maps %5llu KB: stopped %llu us, total %llu us\n",
		       carried[i], move.sent.thread_count, move.sent.map_count,
		       (unsigned long long)move.sent.image_bytes / 1024,
		       (unsigned long long)move.frozen_ns / 1000,
		       (unsigned long long)move.total_ns / 1000);
		stage_close(&act.stage);
	}
}

static pid_t youngest_child(pid_t parent)
{
	char name[64], text[256] = "";
	pid_t youngest = 0;

	snprintf(name, sizeof(name), "/proc/%d/task/%d/children", (int)parent, (int)parent);
	FILE *file = fopen(name, "r");

	if (file && fgets(text, sizeof(text), file))
		for (char *at = text, *end; strtol(at, &end, 10) > 0; at = end)
			youngest = (pid_t)strtol(at, NULL, 10);
	if (file)
		fclose(file);
	return youngest;
}

/* The victim ends with one of its own for each that was ended. */
static void replace_child(struct stage_move *move)
{
	pid_t was = youngest_child(move->pid);

	CHECK(was > 0 && kill(was, SIGTERM) == 0);
	for (int ms = 0; ms < 5000 && (kill(was, 0) == 0 || !youngest_child(move->pid)); ms++)
		usleep(1000);
}

static void end_passing(struct stage_move *move)
{
	int vpid = (int)move->stage->page->argument;
	pid_t pid = stage_find(move->stage, move->from, vpid);

	CHECK(pid > 0 && kill(pid, SIGTERM) == 0);
	for (int ms = 0; ms < 5000 && stage_find(move->stage, move->from, vpid); ms++)
		usleep(1000);
}

/* The shells were made by the offer, and the tree is another one when it is stopped: of them nothing is left. */
static void try_changed(const char *victim, void (*change)(struct stage_move *))
{
	struct act act;

	CHECK_OR_RETURN(begin_carried(&act, victim));
	for (int round = 0; round < 2 * ROUNDS; round++) {
		struct stage_move move = { .stage = &act.stage,
					   .from = act.side,
					   .pid = act.pid,
					   .when_checked = change };

		stage_move(&move);
		CHECK_OR_RETURN(!move.result);
		CHECK(killed(stage_status(&act.stage, act.side, VPID, END_MS)));
		CHECK(is_buried(&act.stage, act.side));
		act.side = !act.side;
		act.pid = move.arrived;
		CHECK_OR_RETURN(verify(&act, victim));
	}
	CHECK_EQ(finish(&act), 0);
	stage_close(&act.stage);
}

static void test_changed_tree(void)
{
	try_changed("replaced_child", replace_child);
	try_changed("orphans", end_passing);
}

/* The file of the victim file_locks that it has opened as that many after the first one, each twice: opened anew. */
static int open_locked(pid_t pid, int which)
{
	char name[64], path[64] = "";

	for (int number = 0, seen = 0; number < 64; number++) {
		snprintf(name, sizeof(name), "/proc/%d/fd/%d", (int)pid, number);
		ssize_t length = readlink(name, path, sizeof(path) - 1);

		if (length > 0 && strncmp(path, "/tmp/dvs-victim-locks-", 22) == 0 &&
		    seen++ == 2 * which)
			return open(name, O_RDWR | O_CLOEXEC);
	}
	return -1;
}

/* Tries all the time to get locks that the victim file_locks has: of descriptions, which are never without an owner. */
static void contend(pid_t pid, uint32_t *got)
{
	struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int opened = open_locked(pid, 1), whole = open_locked(pid, 2);

	__atomic_store_n(got, opened < 0 || whole < 0 ? 1000000 : 0, __ATOMIC_RELEASE);
	for (;;) {
		bool one = fcntl(opened, F_OFD_SETLK, &range) == 0;
		bool other = flock(whole, LOCK_EX | LOCK_NB) == 0;

		if (one || other)
			__atomic_add_fetch(got, 1, __ATOMIC_RELEASE);
		sched_yield();
	}
}

static void test_locks_without_gap(void)
{
	uint32_t *got = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct act act;

	CHECK_OR_RETURN(got != MAP_FAILED && begin(&act, "file_locks", NULL));
	__atomic_store_n(got, NONE_YET, __ATOMIC_RELEASE);
	pid_t contender = fork();

	if (contender == 0)
		contend(act.pid, got);
	while (__atomic_load_n(got, __ATOMIC_ACQUIRE) == NONE_YET)
		usleep(1000);
	bool good = true;

	for (int round = 0; round < 2 * ROUNDS && good; round++) {
		struct stage_move move;

		good = move_on(&act, &move);
	}
	CHECK(good);
	kill(contender, SIGKILL);
	waitpid(contender, NULL, 0);
	CHECK_EQ(__atomic_load_n(got, __ATOMIC_ACQUIRE), 0);
	CHECK(verify(&act, "locks"));
	CHECK_EQ(finish(&act), 0);
	stage_close(&act.stage);
	munmap(got, 4096);
}

/* ---- what fails on the way ---- */

/* A move that fails leaves the process where it was, unharmed, and nothing on the other side. */
static void check_unharmed(struct act *act, const struct stage_move *move, const char *what)
{
	CHECK(move->result < 0);
	CHECK(verify(act, what));
	CHECK_EQ(stage_find(&act->stage, act->side, VPID), act->pid);
	CHECK(is_buried(&act->stage, !act->side));
	stage_forget(&act->stage, !act->side); /* the news of the end of that one */
}

static void check_reason(const struct stage_move *move, const char *what)
{
	bool named = strstr(move->source.reason, what) || strstr(move->target.reason, what);

	if (!named)
		printf("  at %s: %s | %s\n", what, move->source.reason, move->target.reason);
	CHECK(named);
}

static void test_faults(void)
{
	for (size_t i = 0; i < sizeof(carried) / sizeof(carried[0]); i++) {
		if (!is_wanted(carried[i]))
			continue;
		struct act act;
		struct stage_move move;

		CHECK_OR_RETURN(begin_carried(&act, carried[i]));
		for (enum fault_point point = 1; point < FAULT_COUNT; point++) {
			setenv("DVS_FAULT", fault_name(point), 1);
			move = (struct stage_move){ .stage = &act.stage, .pid = act.pid };
			stage_move(&move);
			check_unharmed(&act, &move, fault_name(point));
			check_reason(&move, fault_name(point));
		}
		unsetenv("DVS_FAULT");
		if (test_failures)
			printf("  so far: %s\n", carried[i]);
		/* And after all that it moves. */
		CHECK(move_on(&act, &move) && verify(&act, carried[i]));
		CHECK_EQ(finish(&act), 0);
		stage_close(&act.stage);
	}
}

static void kill_source(struct stage_move *move)
{
	kill(move->pid, SIGKILL);
}

static void kill_target(struct stage_move *move)
{
	kill(move->shell, SIGKILL);
}

static void cut(struct stage_move *move)
{
	move->cut = true;
}

static void stop_source(struct stage_move *move)
{
	kill(move->pid, SIGSTOP);
}

static void test_target_dies(void)
{
	struct act act;

	CHECK_OR_RETURN(begin(&act, "threads", NULL));
	for (int when = 0; when < 6; when++) {
		void (*hook)(struct stage_move *) = when < 3 ? kill_target : cut;
		struct stage_move move = {
			.stage = &act.stage,
			.pid = act.pid,
			.when_checked = when % 3 == 0 ? hook : NULL,
			.when_frozen = when % 3 == 1 ? hook : NULL,
			.when_loaded = when % 3 == 2 ? hook : NULL,
		};

		stage_move(&move);
		if (when == 2) {
			/* Killed when it was complete: only the resume finds out. */
			CHECK(move.result < 0 && move.target.error);
		}
		check_unharmed(&act, &move, hook == cut ? "cut" : "target killed");
	}
	CHECK_EQ(finish(&act), 0);
	stage_close(&act.stage);
}

static void test_source_dies(void)
{
	for (int when = 0; when < 2; when++) {
		struct act act;

		CHECK_OR_RETURN(begin(&act, "threads", NULL));
		struct stage_move move = {
			.stage = &act.stage,
			.pid = act.pid,
			.when_checked = when == 0 ? kill_source : NULL,
			.when_frozen = when == 1 ? kill_source : NULL,
		};

		stage_move(&move);
		CHECK(move.result < 0 && move.source.error);
		printf("  %s\n", move.source.reason);
		CHECK(killed(stage_status(&act.stage, 0, VPID, END_MS)));
		CHECK(is_buried(&act.stage, 1));
		stage_close(&act.stage);
	}
}

static bool becomes_stopped(pid_t pid)
{
	for (int ms = 0; ms < 2000 && stage_state(pid) != 'T'; ms++)
		usleep(1000);
	return stage_state(pid) == 'T';
}

/* Stopped by a signal before the move or at any step of it: it is stopped where it arrives, until it is continued. */
static void try_stop(const char *victim, int when)
{
	struct act act;

	CHECK_OR_RETURN(begin(&act, victim, NULL));
	if (when == 0)
		kill(act.pid, SIGSTOP);
	CHECK(when || becomes_stopped(act.pid));
	struct stage_move move = { .stage = &act.stage,
				   .pid = act.pid,
				   .when_checked = when == 1 ? stop_source : NULL,
				   .when_frozen = when == 2 ? stop_source : NULL,
				   .when_loaded = when == 3 ? stop_source : NULL };

	stage_move(&move);
	CHECK_EQ(move.result, 0);
	CHECK(killed(stage_status(&act.stage, 0, VPID, END_MS)));
	act.side = 1;
	act.pid = move.arrived;
	if (when == 3)
		CHECK_EQ(move.late, 1ull << (SIGSTOP - 1));
	if (move.late)
		kill(act.pid, SIGSTOP); /* as a node does */
	CHECK(becomes_stopped(act.pid));
	/* And from there. */
	CHECK(move_on(&act, &move));
	CHECK(becomes_stopped(act.pid));
	kill(act.pid, SIGCONT);
	CHECK(verify(&act, victim));
	CHECK_EQ(finish(&act), 0);
	stage_close(&act.stage);
}

static void test_stop_signal(void)
{
	for (int when = 0; when < 4; when++) {
		try_stop("plain", when);
		try_stop("threads", when);
	}
}

/* A stop and its end while it is frozen: it runs on, where it arrives and where it stays. */
static void stop_and_continue(struct stage_move *move)
{
	kill(move->pid, SIGSTOP);
	kill(move->pid, SIGCONT);
}

static void continue_source(struct stage_move *move)
{
	kill(move->pid, SIGCONT);
}

static void test_continued(void)
{
	for (int when = 0; when < 3; when++) {
		struct act act;

		CHECK_OR_RETURN(begin(&act, "threads", NULL));
		struct stage_move move = {
			.stage = &act.stage,
			.pid = act.pid,
			.when_frozen = when ? continue_source : stop_and_continue,
		};

		if (when)
			kill(act.pid, SIGSTOP);
		CHECK(!when || becomes_stopped(act.pid));
		if (when == 2)
			setenv("DVS_FAULT", fault_name(FAULT_TARGET_LOADED), 1);
		stage_move(&move);
		unsetenv("DVS_FAULT");
		CHECK_EQ(!move.result, when != 2);
		if (!move.result) {
			act.side = 1;
			act.pid = move.arrived;
		}
		CHECK(verify(&act, "continued"));
		CHECK_EQ(finish(&act), 0);
		stage_close(&act.stage);
	}
}

/* One that does not move is stopped as it was, or becomes so. */
static void test_stop_called_off(void)
{
	for (int when = 0; when < 2; when++) {
		struct act act;

		CHECK_OR_RETURN(begin(&act, "plain", NULL));
		for (enum fault_point point = 1; point < FAULT_COUNT; point++) {
			struct stage_move move = {
				.stage = &act.stage,
				.pid = act.pid,
				.when_frozen = when ? stop_source : NULL,
			};

			if (!when || point < FAULT_SOURCE_STATE)
				kill(act.pid, SIGSTOP);
			setenv("DVS_FAULT", fault_name(point), 1);
			stage_move(&move);
			unsetenv("DVS_FAULT");
			CHECK(move.result < 0);
			if (when && point >= FAULT_TARGET_CHECK && point < FAULT_TARGET_CLEARED)
				kill(act.pid, SIGSTOP); /* it did not come so far */
			CHECK(becomes_stopped(act.pid));
			kill(act.pid, SIGCONT);
			check_unharmed(&act, &move, fault_name(point));
		}
		CHECK_EQ(finish(&act), 0);
		stage_close(&act.stage);
	}
}

static void test_pid_taken(void)
{
	struct act act;
	char *const sleeper[] = { "/bin/sleep", "100", NULL };

	CHECK_OR_RETURN(begin(&act, "plain", NULL));
	pid_t other = stage_start(&act.stage, 1, VPID, sleeper);
	struct stage_move move = { .stage = &act.stage, .pid = act.pid };

	stage_move(&move);
	CHECK_EQ(move.target.error, EDVSBADPID);
	CHECK(verify(&act, "pid taken"));
	kill(other, SIGKILL);
	CHECK_EQ(finish(&act), 0);
	stage_close(&act.stage);
}

static void test_busy(void)
{
	struct act act;

	CHECK_OR_RETURN(begin(&act, "plain", NULL));
	struct stage_move move = { .stage = &act.stage, .pid = act.pid, .busy_once = true };

	stage_move(&move);
	CHECK_EQ(move.result, 0);
	act.side = 1;
	CHECK(verify(&act, "busy"));
	CHECK_EQ(finish(&act), 0);
	stage_close(&act.stage);
}

static void send_signal(struct stage_move *move)
{
	kill(move->pid, SIGUSR1);
}

/* A signal that comes after the state was sent is told, so that it can be sent on. */
static void test_late_signal(void)
{
	struct act act;

	CHECK_OR_RETURN(begin(&act, "plain", NULL));
	struct stage_move move = { .stage = &act.stage,
				   .pid = act.pid,
				   .when_loaded = send_signal };

	stage_move(&move);
	CHECK_EQ(move.result, 0);
	CHECK_EQ(move.late, 1ull << (SIGUSR1 - 1));
	act.side = 1;
	CHECK(verify(&act, "late signal"));
	CHECK_EQ(finish(&act), 0);
	stage_close(&act.stage);
}

/* Programs that were never meant to be moved. */
static void try_foreign(char *const argv[])
{
	struct act act;
	struct stage_move move = { 0 };
	bool good = begin_at(&act, argv);

	CHECK(good);
	usleep(300000);
	for (int round = 0; round < ROUNDS && good; round++) {
		good = move_on(&act, &move);
		usleep(20000);
	}
	CHECK(good);
	printf("  %-14s %2u threads %3u maps %5llu KB: stopped %llu us, total %llu us\n", argv[0],
	       move.sent.thread_count, move.sent.map_count,
	       (unsigned long long)move.sent.image_bytes / 1024,
	       (unsigned long long)move.frozen_ns / 1000, (unsigned long long)move.total_ns / 1000);
	CHECK_EQ(stage_find(&act.stage, act.side, VPID), act.pid);
	kill(act.pid, SIGTERM);
	int status = stage_status(&act.stage, act.side, VPID, END_MS);

	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	stage_close(&act.stage);
}

static void test_foreign(void)
{
	char *const sleeper[] = { "/bin/sleep", "100", NULL };
	char *const shell[] = { "/bin/sh", "-c", "while :; do :; done", NULL };
	char *const python[] = { "/usr/bin/python3", "-c",
				 "import time\nwhile True: time.sleep(0.01)", NULL };

	try_foreign(sleeper);
	try_foreign(shell);
	if (access(python[0], X_OK) == 0)
		try_foreign(python);
}

int main(void)
{
	unsigned fds = count_fds();

	os_descriptors_raise(); /* one victim has many memory files, as a daemon may hold */

	if (!act_possible())
		return test_end();
	struct huge_pages huge_pages = more_huge_pages(HUGE_PAGES);

	if (getenv("DVS_ONLY_CARRIED")) {
		TEST(test_carried);
		give_back_huge_pages(huge_pages);
		return test_end();
	}
	TEST(test_stop_signal);
	TEST(test_continued);
	TEST(test_stop_called_off);
	TEST(test_source_dies);
	TEST(test_target_dies);
	TEST(test_carried);
	TEST(test_changed_tree);
	TEST(test_locks_without_gap);
	TEST(test_faults);
	TEST(test_pid_taken);
	TEST(test_busy);
	TEST(test_late_signal);
	TEST(test_foreign);
	give_back_huge_pages(huge_pages);
	CHECK_EQ(count_fds(), fds);
	return test_end();
}
