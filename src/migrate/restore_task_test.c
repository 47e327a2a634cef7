/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of a process: which calls make them, in which order, and what is set from outside. */
#include "migrate/restore.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "base/test.h"
#include "migrate/restore_test.h"
#include "os/scheduling.h"
#include "os/sleeper_test.h"

#define MERGE 67 /* PR_SET_MEMORY_MERGE */

static struct picture_thread leader;

static void begin(void)
{
	restore_begin();
	leader = (struct picture_thread){ .image = { .tid = 7 } };
	restore->picture.thread = &leader;
	restore->picture.thread_count = 1;
}

static void end(void)
{
	restore->picture.thread = NULL;
	restore->picture.thread_count = 0;
	restore_end();
}

static void list_task(void)
{
	refusal_clear(&restore_refusal);
	CHECK(restore_listed(restore_task(restore, &restore_refusal)));
}

/* A setting that a new process has as well is left alone; limits are set in any case. */
static void test_ordinary(void)
{
	begin();
	list_task();
	CHECK_EQ(listed_count(&restore->calls, SYS_personality), 0);
	CHECK_EQ(listed_prctl(&restore->calls, MERGE), LISTED_NONE);
	CHECK_EQ(listed_prctl(&restore->calls, PR_SET_CHILD_SUBREAPER), LISTED_NONE);
	CHECK_EQ(listed_count(&restore->calls, SYS_prlimit64), IMAGE_RLIMITS);
	CHECK_EQ(listed_count(&restore->calls, SYS_rt_sigaction), 0);
	CHECK_EQ(listed_count(&restore->calls, SYS_setitimer), 0);
	CHECK_EQ(listed_count(&restore->calls, SYS_timer_create), 0);
	end();
}

static void test_settings(void)
{
	struct image_process *process;

	begin();
	process = &restore->picture.process;
	process->personality = 0x40000;
	process->memory_merge = 1;
	process->subreaper = 1;
	process->rlimit[3] = (struct image_rlimit){ 10, 20 };
	list_task();
	CHECK_EQ(restore_call(0, SYS_personality)->arg[0], 0x40000);
	CHECK_EQ(listed_prctl(&restore->calls, MERGE), 1);
	CHECK_EQ(listed_prctl(&restore->calls, PR_SET_CHILD_SUBREAPER), 2);
	const struct call *call = restore_call(3 + 3, SYS_prlimit64);
	const struct image_rlimit *limit = restore_data(call->arg[2]);

	CHECK(call->arg[0] == 0 && call->arg[1] == 3 && call->arg[3] == 0);
	CHECK(limit->current == 10 && limit->maximum == 20);
	end();
}

/* 2 cannot be asked for: nobody may read it then. */
static void test_dumpable(void)
{
	for (uint32_t dumpable = 0; dumpable < 3; dumpable++) {
		begin();
		restore->picture.process.dumpable = dumpable;
		list_task();
		uint32_t at = listed_prctl(&restore->calls, PR_SET_DUMPABLE);

		CHECK_EQ(restore_call(at, SYS_prctl)->arg[1], dumpable == 1);
		/* Credentials would change it. */
		CHECK_EQ(listed_find(&restore->calls, SYS_setresuid, at), LISTED_NONE);
		CHECK_EQ(listed_find(&restore->calls, SYS_capset, at), LISTED_NONE);
		end();
	}
}

/* Processes that have them in common: the last that comes here sets them. */
static void test_handlers_in_common(void)
{
	struct restore holder = { .handler_guests = 1 };

	for (int turn = 0; turn < 4; turn++) {
		begin();
		restore->picture.action[SIGUSR1 - 1].handler = 0x1000;
		if (turn < 2)
			restore->handlers = &holder;
		else
			restore->handler_guests = turn == 2; /* it is the holder itself */
		list_task();
		CHECK_EQ(listed_count(&restore->calls, SYS_rt_sigaction), turn % 2);
		CHECK(!holder.handler_guests && !restore->handler_guests);
		end();
	}
}

/* Handlers that cannot be set, and the one that the engine's own breakpoint would undo, are left out. */
static void test_handlers(void)
{
	struct image_sigaction *action;

	begin();
	action = restore->picture.action;
	action[SIGKILL - 1].handler = 0x1000;
	action[SIGSTOP - 1].handler = 0x1000;
	action[SIGTRAP - 1].handler = 1;
	action[SIGUSR1 - 1].handler = 0x1000;
	action[SIGUSR2 - 1].flags = SA_RESTART;
	action[SIGALRM - 1].mask = 5;
	action[SIGHUP - 1].handler = 1;
	list_task();
	CHECK_EQ(listed_count(&restore->calls, SYS_rt_sigaction), 4);
	uint32_t at = listed_find(&restore->calls, SYS_rt_sigaction, 0);
	static const int numbers[] = { SIGHUP, SIGUSR1, SIGUSR2, SIGALRM };

	for (uint32_t i = 0; i < 4; i++) {
		const struct call *call = restore_call(at + i, SYS_rt_sigaction);

		CHECK(call->arg[0] == (uint64_t)numbers[i] && call->arg[3] == 8);
		CHECK_EQ(memcmp(restore_data(call->arg[1]), &action[numbers[i] - 1],
				sizeof(*action)),
			 0);
	}
	end();
	begin();
	restore->picture.action[SIGTRAP - 1].handler = 0x1000;
	list_task();
	CHECK_EQ(listed_count(&restore->calls, SYS_rt_sigaction), 1);
	end();
}

/* ---- from outside ---- */

static bool says(const char *name, const char *wanted)
{
	struct procdir_text text = { 0 };
	bool is =
		procdir_read(restore_proc.dir, name, &text) == 0 && strcmp(text.text, wanted) == 0;

	if (!is)
		printf("  %s says \"%s\", want \"%s\"\n", name, text.text ? text.text : "", wanted);
	procdir_text_free(&text);
	return is;
}

/* A file that says so already is left alone, because writing needs a right. */
static void test_files(void)
{
	pid_t pid = sleeper();

	begin();
	restore->threads.tracee[0].tid = pid;
	restore->picture.process.oom_score_adj = -500;
	restore->picture.process.coredump_filter = 0x23;
	made_proc_text(&restore_proc, "oom_score_adj", "-500\n");
	made_proc_text(&restore_proc, "coredump_filter", "");
	CHECK_EQ(restore_outside(restore, &restore_refusal), 0);
	CHECK(says("oom_score_adj", "-500\n"));
	CHECK(says("coredump_filter", "0x23"));
	made_proc_text(&restore_proc, "oom_score_adj", "");
	CHECK_EQ(restore_outside(restore, &restore_refusal), 0);
	CHECK(says("oom_score_adj", "-500"));
	made_proc_unlink(&restore_proc, "oom_score_adj");
	CHECK(is_refusal(restore_outside(restore, &restore_refusal), &restore_refusal, EDVSPROCSTS,
			 "oom_score_adj of the process cannot be set on the target: No such file"));
	end();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void begin_outside(pid_t tid)
{
	begin();
	restore->threads.tracee[0].tid = tid;
	made_proc_text(&restore_proc, "oom_score_adj", "0\n");
	made_proc_text(&restore_proc, "coredump_filter", "0\n");
}

static void test_scheduling(void)
{
	pid_t pid = sleeper();
	struct os_scheduling now;

	begin_outside(pid);
	leader.image.nice = 11;
	leader.image.affinity_bytes = 8;
	leader.image.ioprio = 2 << 13 | 6;		      /* best effort */
	leader.image.timer_slack_ns = geteuid() ? 0 : 777777; /* which needs a right */
	memset(leader.image.affinity, 0xff, 8);
	CHECK_EQ(restore_outside(restore, &restore_refusal), 0);
	CHECK_EQ(os_scheduling(pid, &now), 0);
	CHECK_EQ(now.nice, 11);
	CHECK_EQ(os_io_priority(pid), 2 << 13 | 6);
	/* CPUs that no machine has. */
	memset(leader.image.affinity, 0, sizeof(leader.image.affinity));
	leader.image.affinity[127] = 0x80;
	leader.image.affinity_bytes = 128;
	CHECK(is_refusal(restore_outside(restore, &restore_refusal), &restore_refusal, EDVSPROCSTS,
			 "bound to CPUs the target does not have"));
	end();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	begin_outside(LISTED_NOBODY);
	CHECK(is_refusal(restore_outside(restore, &restore_refusal), &restore_refusal, EDVSPROCSTS,
			 "the scheduling of the process cannot be set on the target: No such"));
	end();
}

int main(void)
{
	TEST(test_ordinary);
	TEST(test_settings);
	TEST(test_dumpable);
	TEST(test_handlers);
	TEST(test_handlers_in_common);
	TEST(test_files);
	TEST(test_scheduling);
	return test_end();
}
