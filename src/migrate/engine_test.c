/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moves real programs between two pid namespaces: those that check what is carried, to and fro; those
 * that must be refused; and each again while the move is made to fail at every named point, or is hit
 * by what may happen to it. Without the rights this needs it is skipped.
 *
 *	DVS_SHELL	the process shell
 *	DVS_VICTIMS	the folder with the victims
 *	DVS_ONLY_CARRIED	set: only what moves, with its times
 */
#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/fault.h"
#include "migrate/stage_test.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define VPID	   1000
#define ROUNDS	   4
#define END_MS	   5000
#define NAME_BYTES 256

static const char *const carried[] = {
	"plain",	 "threads", "cpu_state", "files",	"memory", "signals",	  "timers",
	"blocked_calls", "many",    "identity",	 "credentials", "faults", "transfers",	  "robust",
	"afterwards",	 "clocks",  "locked",	 "shared",	"common", "memory_files",
};

static const char *victims;

static bool killed(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

struct act {
	struct stage stage;
	int side;
	pid_t pid;
};

/* What the engine has killed is dead, but it is the init that buries it, as soon as it gets to run. */
static bool is_buried(struct stage *stage, int side)
{
	pid_t left = 0;

	for (int ms = 0; ms < 1000; ms++) {
		left = stage_find(stage, side, VPID);
		if (!left)
			return true;
		usleep(1000);
	}
	printf("  pid %d is left behind, state %c\n", (int)left, stage_state(left));
	return false;
}

static bool begin_at(struct act *act, char *const argv[])
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
static bool begin(struct act *act, const char *victim, const char *argument)
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

static void show_log(struct act *act)
{
	char text[2048];
	ssize_t got = read(act->stage.pipe[0], text, sizeof(text) - 1);

	if (got > 0)
		printf("%.*s\n", (int)got, text);
}

/* Tells the victim that it was moved (or frozen and thawed): all must be as it was. */
static bool verify(struct act *act, const char *what)
{
	uint32_t moves = __atomic_add_fetch(&act->stage.page->moves, 1, __ATOMIC_ACQ_REL);

	if (stage_await(&act->stage.page->verified, moves) && !act->stage.page->failed)
		return true;
	printf("%s: not as it was: %s\n", what, act->stage.page->reason);
	return false;
}

/* Lets the victim end: its own last checks are in its status. */
static int finish(struct act *act)
{
	__atomic_store_n(&act->stage.page->finish, 1, __ATOMIC_RELEASE);
	__atomic_add_fetch(&act->stage.page->moves, 1, __ATOMIC_RELEASE);
	return stage_status(&act->stage, act->side, VPID, END_MS);
}

static bool move_on(struct act *act, struct stage_move *move)
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

static void test_carried(void)
{
	for (size_t i = 0; i < sizeof(carried) / sizeof(carried[0]); i++) {
		struct act act;
		struct stage_move move = { 0 };
		bool good = begin(&act, carried[i], NULL);

		CHECK(good);
		for (int round = 0; round < ROUNDS && good; round++)
			good = move_on(&act, &move) && verify(&act, carried[i]);
		CHECK(good);
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

/* ---- what must be refused ---- */

static void dry_run(struct act *act, struct refusal *refusal)
{
	struct stage_side side = { .stage = &act->stage };
	struct migrate_host host = stage_host(&side);
	struct migrate_source *source = migrate_source_new(act->pid, &host);

	if (migrate_source_check(source, refusal) == 0 &&
	    migrate_source_freeze(source, refusal) == 0)
		migrate_source_try(source, refusal);
	migrate_source_free(source);
}

static void try_refused(const char *kind, const char *word)
{
	struct act act;
	bool good = begin(&act, "refused", kind);
	struct stage_move move = { .stage = &act.stage, .pid = act.pid };
	struct refusal dry = REFUSAL_NONE;

	if (!good) {
		printf("  %-20s this machine has none\n", kind);
		stage_close(&act.stage);
		return;
	}
	usleep(2000); /* "stopped" says ready before it stops */
	dry_run(&act, &dry);
	stage_move(&move);
	printf("  %-20s %s%s\n", kind, move.source.reason, move.target.reason);
	CHECK(move.result < 0);
	if (!strstr(move.source.reason, word)) {
		printf("  %s: the sentence has no \"%s\"\n", kind, word);
		CHECK(!"named in the sentence");
	}
	/* What the source refuses, a dry run refuses by the same sentence. */
	if (!move.target.reason[0] && strcmp(dry.reason, move.source.reason)) {
		printf("  %s: the dry run says \"%s\"\n", kind, dry.reason);
		CHECK(!"the same in a dry run");
	}
	if (strcmp(kind, "stopped") == 0)
		kill(act.pid, SIGCONT);
	CHECK(verify(&act, kind));
	CHECK(is_buried(&act.stage, 1));
	CHECK_EQ(finish(&act), 0);
	stage_close(&act.stage);
}

static void set_descriptors(rlim_t left, const struct rlimit *limit)
{
	int next = dup(STDIN_FILENO);
	const struct rlimit low = { (rlim_t)next + left, limit->rlim_max };

	close(next);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
}

/* A look that fails for want of descriptors says so; it does not bury a process that lives. */
static void test_without_descriptors(void)
{
	struct rlimit limit;
	struct act act;
	unsigned refused = 0;

	CHECK_OR_RETURN(begin(&act, "plain", NULL) && getrlimit(RLIMIT_NOFILE, &limit) == 0);
	for (rlim_t left = 0; left < 40; left++) {
		struct refusal refusal = REFUSAL_NONE;

		set_descriptors(left, &limit);
		dry_run(&act, &refusal);
		CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
		if (strstr(refusal.reason, "ended") || strstr(refusal.reason, "no process") ||
		    refusal.error == EDVSSRCH) {
			printf("  with %u descriptors: %s\n", (unsigned)left, refusal.reason);
			CHECK(!"it has not ended");
		}
		refused += refusal.error != 0;
	}
	CHECK(refused > 0 && refused < 40);
	CHECK(verify(&act, "without descriptors"));
	CHECK_EQ(finish(&act), 0);
	stage_close(&act.stage);
}

/* An open file of the process that somebody outside its container has got. */
static void test_shared_outside(void)
{
	struct refusal refusal = REFUSAL_NONE;
	struct act act;
	char word[32];

	CHECK_OR_RETURN(begin(&act, "files", NULL));
	int pidfd = (int)syscall(SYS_pidfd_open, act.pid, 0);
	int fd = (int)syscall(SYS_pidfd_getfd, pidfd, 3, 0);
	pid_t other = fork();

	if (other == 0) {
		pause();
		_exit(0);
	}
	close(fd);
	CHECK(fd >= 0);
	dry_run(&act, &refusal);
	snprintf(word, sizeof(word), "with process %d ", (int)other);
	CHECK(refusal.error && strstr(refusal.reason, "one position") &&
	      strstr(refusal.reason, word));
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	refusal_clear(&refusal);
	dry_run(&act, &refusal);
	CHECK_EQ(refusal.error, 0);
	CHECK(verify(&act, "shared outside"));
	CHECK_EQ(finish(&act), 0);
	close(pidfd);
	stage_close(&act.stage);
}

/* With any number of descriptors it is found, or it is said that not all can be seen. */
static void test_refused_without_descriptors(void)
{
	static const char *const kinds[] = {
		"seccomp",	 "memory_policy", "child",
		"shared_reader", "memfd_shared",  "thread_personality"
	};
	struct rlimit limit;

	CHECK_OR_RETURN(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct act act;

		if (!begin(&act, "refused", kinds[i])) {
			stage_close(&act.stage);
			continue;
		}
		for (rlim_t left = 0; left < 20; left++) {
			struct refusal refusal = REFUSAL_NONE;

			set_descriptors(left, &limit);
			dry_run(&act, &refusal);
			CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
			if (!refusal.error)
				printf("  %s: with %u descriptors it is not seen\n", kinds[i],
				       (unsigned)left);
			CHECK(refusal.error);
		}
		CHECK(verify(&act, kinds[i]));
		CHECK_EQ(finish(&act), 0);
		stage_close(&act.stage);
	}
}

static void test_refused(void)
{
	char command[NAME_BYTES], line[NAME_BYTES];

	snprintf(command, sizeof(command), "%s/refused", victims);
	int pipe_fd[2];

	CHECK_OR_RETURN(pipe(pipe_fd) == 0);
	pid_t lister = fork();

	if (lister == 0) {
		dup2(pipe_fd[1], 1);
		execl(command, command, (char *)NULL);
		_exit(1);
	}
	close(pipe_fd[1]);
	FILE *list = fdopen(pipe_fd[0], "r");
	unsigned count = 0;

	while (fgets(line, sizeof(line), list)) {
		char *word = strchr(line, ' ');

		if (!word)
			continue;
		*word++ = 0;
		word[strcspn(word, "\n")] = 0;
		try_refused(line, word);
		count++;
	}
	fclose(list);
	waitpid(lister, NULL, 0);
	CHECK(count > 40);
}

/* ---- what fails on the way ---- */

/* A move that fails leaves the process where it was, unharmed, and nothing on the other side. */
static void check_unharmed(struct act *act, const struct stage_move *move, const char *what)
{
	CHECK(move->result < 0);
	CHECK(verify(act, what));
	CHECK_EQ(stage_find(&act->stage, act->side, VPID), act->pid);
	stage_forget(&act->stage, !act->side); /* its init has buried what there was */
	CHECK(is_buried(&act->stage, !act->side));
}

static void test_faults(void)
{
	for (size_t i = 0; i < sizeof(carried) / sizeof(carried[0]); i++) {
		struct act act;
		struct stage_move move;

		CHECK_OR_RETURN(begin(&act, carried[i], NULL));
		for (enum fault_point point = 1; point < FAULT_COUNT; point++) {
			setenv("DVS_FAULT", fault_name(point), 1);
			move = (struct stage_move){ .stage = &act.stage, .pid = act.pid };
			stage_move(&move);
			check_unharmed(&act, &move, fault_name(point));
			CHECK(strstr(move.source.reason, fault_name(point)) ||
			      strstr(move.target.reason, fault_name(point)));
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

/* Stopped by a signal at any step: refused, and the process is stopped as it should be. */
static void test_stop_signal(void)
{
	struct act act;

	CHECK_OR_RETURN(begin(&act, "plain", NULL));
	for (int when = 0; when < 2; when++) {
		struct stage_move move = {
			.stage = &act.stage,
			.pid = act.pid,
			.when_checked = when == 0 ? stop_source : NULL,
			.when_frozen = when == 1 ? stop_source : NULL,
		};

		stage_move(&move);
		printf("  %s\n", move.source.reason);
		CHECK(strstr(move.source.reason, "stopped"));
		usleep(10000);
		CHECK_EQ(stage_state(act.pid), 'T');
		kill(act.pid, SIGCONT);
		check_unharmed(&act, &move, "stopped");
	}
	CHECK_EQ(finish(&act), 0);
	stage_close(&act.stage);
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

static unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count;
}

int main(void)
{
	unsigned fds = count_fds();

	victims = getenv("DVS_VICTIMS");
	if (geteuid() != 0 || !victims || !getenv("DVS_SHELL")) {
		test_skip("needs root, DVS_SHELL and DVS_VICTIMS");
		return test_end();
	}
	if (getenv("DVS_ONLY_CARRIED")) {
		TEST(test_carried);
		return test_end();
	}
	if (getenv("DVS_ONLY_REFUSED")) {
		TEST(test_refused);
		return test_end();
	}
	if (getenv("DVS_ONLY_FAULTS")) {
		TEST(test_faults);
		return test_end();
	}
	TEST(test_stop_signal);
	TEST(test_source_dies);
	TEST(test_target_dies);
	TEST(test_carried);
	TEST(test_without_descriptors);
	TEST(test_shared_outside);
	TEST(test_refused_without_descriptors);
	TEST(test_refused);
	TEST(test_faults);
	TEST(test_pid_taken);
	TEST(test_busy);
	TEST(test_late_signal);
	TEST(test_foreign);
	CHECK_EQ(count_fds(), fds);
	return test_end();
}
