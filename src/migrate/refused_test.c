/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that must be refused, by name and by the same sentence in a dry run, and are unharmed by it.
 *
 *	DVS_ONLY_REFUSED	set: only the kinds of test/victims/refused.c
 */
#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/act_test.h"

#include <sys/resource.h>
#include <sys/syscall.h>

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
	dry_run(&act, &dry);
	stage_move(&move);
	printf("  %-20s %s%s\n", kind, move.source.reason, move.target.reason);
	CHECK(move.result < 0);
	if (!strstr(move.source.reason, word)) {
		printf("  %s: the sentence has no \"%s\"\n", kind, word);
		CHECK(!"named in the sentence");
	}
	/* A dry run refuses by the same sentence as the source of a move. */
	if (!move.target.reason[0] && strcmp(dry.reason, move.source.reason)) {
		printf("  %s: the dry run says \"%s\"\n", kind, dry.reason);
		CHECK(!"the same in a dry run");
	}
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
		"orphan",	 "memory_policy", "child_with_table",
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

int main(void)
{
	unsigned fds = count_fds();

	if (!act_possible())
		return test_end();
	if (getenv("DVS_ONLY_REFUSED")) {
		TEST(test_refused);
		return test_end();
	}
	TEST(test_without_descriptors);
	TEST(test_shared_outside);
	TEST(test_refused_without_descriptors);
	TEST(test_refused);
	CHECK_EQ(count_fds(), fds);
	return test_end();
}
