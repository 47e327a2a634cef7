/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of /proc about a process that does not exist. */
#include "migrate/inventory.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/cpu_time.h"
#include "migrate/made_proc_test.h"
#include "os/open.h"

static struct made_proc made;
static struct inventory inventory;
static struct tables tables;
static struct refusal refusal;

static void begin(void)
{
	made_proc_open(&made);
	refusal = REFUSAL_NONE;
	inventory = (struct inventory){ .pid = 50, .dir = made.dir, .tables = &tables };
}

static void end(void)
{
	inventory.dir = dup(made.dir);
	inventory_close(&inventory);
	CHECK(inventory.dir == -1 && !inventory.thread && !inventory.timer);
	made_proc_close(&made);
}

/* The name may have anything in it, and so may what looks like a field. */
static void test_stat_fields(void)
{
	static const char stat[] = "50 (a (b) 9 9) c) S 4 5 6 7\n";

	CHECK_EQ(inventory_stat_field(stat, 4), 4);
	CHECK_EQ(inventory_stat_field(stat, 7), 7);
	CHECK_EQ(inventory_stat_field(stat, 8), 0); /* there is none */
	CHECK_EQ(inventory_stat_field("50 (cut", 4), 0);
	CHECK_EQ(inventory_stat_field("50 (cut) S ", 4), 0);
	CHECK_EQ(inventory_stat_field("", 4), 0);
}

static void test_last_number(void)
{
	CHECK_EQ(inventory_last_number("8532\t7\nNSpgid:\t9"), 7);
	CHECK_EQ(inventory_last_number("8532\n"), 8532);
	CHECK_EQ(inventory_last_number("1 2 x 3"), 2);
	CHECK_EQ(inventory_last_number("\n4"), 0);
	CHECK_EQ(inventory_last_number(""), 0);
	CHECK_EQ(inventory_last_number(NULL), 0);
}

static void add_thread(int tid)
{
	char name[32];

	snprintf(name, sizeof(name), "task/%d/status", tid);
	made_proc_text(&made, name, "");
}

/* The leader first, whatever its number; the others in order, so that each is found. */
static void test_threads(void)
{
	static const int tids[] = { 70, 3, 50, 61, 4, 1000, 55 };
	const uint32_t count = sizeof(tids) / sizeof(tids[0]);

	begin();
	CHECK_EQ(inventory_threads(&inventory), -ESRCH); /* no folder */
	CHECK(!inventory_thread(&inventory, 50));
	for (uint32_t i = 0; i < count; i++)
		add_thread(tids[i]);
	for (int round = 0; round < 2; round++) { /* anew each time */
		CHECK_EQ(inventory_threads(&inventory), 0);
		CHECK_EQ(inventory.thread_count, count);
	}
	CHECK_EQ(inventory.thread[0].tid, 50);
	for (uint32_t i = 2; i < count; i++)
		CHECK(inventory.thread[i - 1].tid < inventory.thread[i].tid);
	for (uint32_t i = 0; i < count; i++) {
		const struct inventory_thread *thread = inventory_thread(&inventory, tids[i]);

		CHECK(thread && thread->tid == tids[i]);
	}
	CHECK(!inventory_thread(&inventory, 5) && !inventory_thread(&inventory, 1001));
	end();
}

static void test_threads_refused(void)
{
	begin();
	mkdirat(made.dir, "task", 0700);
	CHECK_EQ(inventory_threads(&inventory), -ESRCH); /* none is left */
	CHECK(is_refusal(inventory_refuse_threads(&inventory, -ESRCH, &refusal), &refusal, EDVSSRCH,
			 "has ended"));
	char name[32];

	for (unsigned i = 1; i <= IMAGE_THREADS_MAX; i++) {
		snprintf(name, sizeof(name), "task/%u", i);
		CHECK_EQ(mkdirat(made.dir, name, 0700), 0);
	}
	CHECK_EQ(inventory_threads(&inventory), 0);
	CHECK_EQ(inventory.thread_count, IMAGE_THREADS_MAX);
	mkdirat(made.dir, "task/9999", 0700);
	CHECK_EQ(inventory_threads(&inventory), -E2BIG);
	refusal = REFUSAL_NONE;
	CHECK(is_refusal(inventory_refuse_threads(&inventory, -E2BIG, &refusal), &refusal,
			 EDVSPROCSTS, "more than 4096 threads"));
	end();
}

/* A file that could not be read for want of something is no file that this kernel does not have. */
static void test_lack(void)
{
	begin();
	CHECK_EQ(inventory_check_lack(&inventory, &refusal), 0);
	inventory.text.lack = -EMFILE;
	CHECK(is_refusal(inventory_check_lack(&inventory, &refusal), &refusal, EDVSIO,
			 "not all of the process can be looked at: Too many open files"));
	refusal = REFUSAL_NONE;
	inventory.text.lack = 0;
	inventory.more.lack = -ENOMEM;
	CHECK(is_refusal(inventory_check_lack(&inventory, &refusal), &refusal, EDVSNOMEM,
			 "not all of the process"));
	end();
	refusal = REFUSAL_NONE;
	CHECK(is_refusal(inventory_open(&inventory, 0x7fffffff, &tables, &refusal), &refusal,
			 EDVSSRCH, "there is no process 2147483647"));
}

#define STATUS                                                                        \
	"Name:\ta\nUmask:\t0027\nNSpid:\t50\t7\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\n" \
	"Groups:\t10 20 30 \nSigIgn:\t0000000000001000\nCapEff:\t00000000000000ff\n"  \
	"RssAnon:\t     400 kB\nRssShmem:\t       30 kB\nVmSwap:\t      16 kB\n"

/* With whose rights its files are opened are those of the file system. */
static void test_process(void)
{
	const struct image_process *process = &inventory.process;
	char stat[512] = "50 (a) S";

	begin();
	CHECK(is_refusal(inventory_read_process(&inventory, &refusal), &refusal, EDVSSRCH,
			 "has ended"));
	for (int field = 4; field <= 52; field++)
		snprintf(stat + strlen(stat), sizeof(stat) - strlen(stat), " %d", field * 100);
	made_proc_text(&made, "stat", stat);
	made_proc_text(&made, "status", STATUS);
	made_proc_text(&made, "personality", "00040000\n");
	made_proc_text(&made, "oom_score_adj", "-17\n");
	made_proc_text(&made, "comm", "a name that is too long\n");
	made_proc_text(&made, "auxv", "0123456789abcdef");
	refusal = REFUSAL_NONE;
	CHECK_EQ(inventory_read_process(&inventory, &refusal), 0);
	CHECK_EQ(process->vpid, 7);
	CHECK_EQ(inventory.start_time, 2200);
	CHECK(process->bounds.start_code == 2600 && process->bounds.end_code == 2700 &&
	      process->bounds.start_stack == 2800 && process->bounds.start_data == 4500 &&
	      process->bounds.start_brk == 4700 && process->bounds.arg_start == 4800 &&
	      process->bounds.env_end == 5100);
	CHECK_EQ(process->umask, 027);
	CHECK_EQ(process->personality, 0x40000);
	CHECK_EQ(process->oom_score_adj, -17);
	CHECK(inventory.own_kb == 416 && inventory.shared_kb == 30);
	CHECK_EQ(process->coredump_filter, 0x33); /* that of a kernel which has no such file */
	CHECK_EQ(inventory.ignored, 1 << (SIGPIPE - 1));
	CHECK(process->opener.uid == 4 && process->opener.gid == 8);
	CHECK(process->opener.effective == 0xff && process->opener.group_count == 3 &&
	      process->opener.group[2] == 30);
	CHECK(strcmp(inventory.comm, "a name that is ") == 0);
	CHECK(inventory.auxv_bytes == 16 && memcmp(inventory.auxv, "0123", 4) == 0);
	made_proc_text(&made, "comm", "b\n");
	CHECK_EQ(inventory_read_process(&inventory, &refusal), 0);
	CHECK(strcmp(inventory.comm, "b") == 0); /* and nothing of the name before */
	end();
}

static int read_timers(const char *text)
{
	refusal = REFUSAL_NONE;
	inventory.needs = 0;
	made_proc_text(&made, "timers", text);
	return inventory_read_timers(&inventory, &refusal);
}

#define TIMER(id, notify, clock) \
	"ID: " id "\nsignal: 34/00000000000000ab\nnotify: " notify "\nClockID: " clock "\n"

static void test_timers(void)
{
	begin();
	CHECK_EQ(inventory_read_timers(&inventory, &refusal), 0); /* the kernel has no such file */
	CHECK_EQ(read_timers(""), 0);
	CHECK(inventory.timer_count == 0 && inventory.needs == 0);
	add_thread(50);
	add_thread(51);
	CHECK_EQ(inventory_threads(&inventory), 0);
	inventory.thread[1].vtid = 8;
	CHECK_EQ(read_timers(TIMER("3", "signal/pid.50", "1") TIMER("4", "signal/tid.51", "0")
				     TIMER("9", "none/pid.50", "7")
					     TIMER("10", "thread/pid.50", "2")),
		 0);
	CHECK_EQ(inventory.timer_count, 4);
	CHECK_EQ(inventory.needs, 0);
	const struct image_timer *timer = inventory.timer;

	CHECK(timer[0].id == 3 && timer[0].signal == 34 && timer[0].value == 0xab &&
	      timer[0].notify == 0 && timer[0].clock == 1 && timer[0].tid == 0);
	CHECK(timer[1].id == 4 && timer[1].notify == 4 && timer[1].tid == 8);
	CHECK(timer[2].notify == 1 && timer[2].clock == 7);
	CHECK(timer[3].notify == 2);
	CHECK_EQ(read_timers(TIMER("65535", "none/pid.50", "7")), 0);
	CHECK_EQ(inventory.needs, 0);
	CHECK_EQ(read_timers(TIMER("65536", "none/pid.50", "7")), 0);
	CHECK_EQ(inventory.needs, IMAGE_NEEDS_TIMER_IDS);
	end();
}

static void test_timers_refused(void)
{
	begin();
	add_thread(50);
	CHECK_EQ(inventory_threads(&inventory), 0);
	CHECK(is_refusal(read_timers(TIMER("4", "signal/tid.51", "0")), &refusal, EDVSPROCSTS,
			 "POSIX timer 4 signals a thread that has ended"));
	CHECK(is_refusal(read_timers(TIMER("1", "none/pid.50", "1") "ID: 5\nsignal: x\n"), &refusal,
			 EDVSPROCSTS, "a POSIX timer of an unknown form"));
	end();
}

/* Clocks of CPU time, as the kernel tells them: of the process and its threads, and of others. */
static void test_timers_of_cpu_time(void)
{
	const char *const own[] = { "-6", "-246", "-242", "-66", "-2" };
	const char *const strange[] = { "-254", "-74", "-65", "-245" };
	char text[128];

	begin();
	add_thread(50);
	add_thread(51);
	CHECK_EQ(inventory_threads(&inventory), 0);
	inventory.process.vpid = inventory.thread[0].vtid = 30;
	inventory.thread[1].vtid = 8;
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		snprintf(text, sizeof(text), TIMER("4", "signal/pid.50", "%s"), own[i]);
		CHECK_EQ(read_timers(text), 0);
		CHECK_EQ(inventory.timer[0].clock, strtol(own[i], NULL, 10));
		CHECK_EQ(cpu_time_counted(&inventory) & MIGRATE_CPU_TIMERS, MIGRATE_CPU_TIMERS);
	}
	for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
		snprintf(text, sizeof(text), TIMER("4", "signal/pid.50", "%s"), strange[i]);
		CHECK(is_refusal(read_timers(text), &refusal, EDVSPROCSTS,
				 "POSIX timer 4 runs on the CPU time of a thread that"));
	}
	inventory.thread_count = 1; /* which made it, then */
	CHECK_EQ(read_timers(TIMER("4", "signal/pid.50", "-2")), 0);
	end();
}

static void *stay(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static bool main_has_ended(pid_t pid)
{
	struct procdir_text text = { 0 };
	char path[32];
	bool ended = false;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	for (int ms = 0; ms < 2000 && !ended; ms++) {
		usleep(1000);
		ended = procdir_read(OS_FOLDER_CURRENT, path, &text) == 0 &&
			strstr(text.text, ") Z ");
	}
	procdir_text_free(&text);
	return ended;
}

/* A process of which the main thread has ended: another one is asked, and what the main one alone has is known. */
static void test_stand_in(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		pthread_t thread;

		pthread_create(&thread, NULL, stay, NULL);
		syscall(SYS_exit, 7);
	}
	refusal = REFUSAL_NONE;
	CHECK_OR_RETURN(main_has_ended(pid));
	CHECK_EQ(inventory_open(&inventory, pid, &tables, &refusal), 0);
	CHECK_EQ(inventory_threads(&inventory), 0);
	CHECK_EQ(inventory.thread_count, 2); /* it is not known yet */
	CHECK_EQ(inventory_task(&inventory), pid);
	CHECK_EQ(inventory_read_process(&inventory, &refusal), 0);
	CHECK(inventory.stand_in > 0 && inventory.stand_in != pid);
	CHECK_EQ(inventory_task(&inventory), inventory.stand_in);
	CHECK_EQ(inventory.thread_count, 1);
	CHECK_EQ(inventory.thread[0].tid, inventory.stand_in);
	CHECK_EQ(inventory.process.vpid, pid);
	CHECK_EQ(inventory.member.exit_signal, SIGCHLD);
	CHECK_EQ(inventory.leader_status, 7 << 8);
	CHECK(inventory.auxv_bytes > 0); /* which no file of the main thread tells any more */
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CHECK_EQ(inventory_threads(&inventory), -ESRCH);
	CHECK_EQ(inventory_stand_in(&inventory), -ESRCH);
	inventory_close(&inventory);
}

int main(void)
{
	TEST(test_stat_fields);
	TEST(test_last_number);
	TEST(test_threads);
	TEST(test_threads_refused);
	TEST(test_lack);
	TEST(test_process);
	TEST(test_timers);
	TEST(test_timers_refused);
	TEST(test_timers_of_cpu_time);
	TEST_OF_THREADS(test_stand_in);
	return test_end();
}
