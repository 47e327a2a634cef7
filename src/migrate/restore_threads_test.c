/* SPDX-License-Identifier: Apache-2.0 */
/* The calls by which each thread prepares itself, and their order. */
#include "migrate/restore.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>

#include "base/test.h"
#include "migrate/restore_test.h"

#define NO_SETUID_FIXUP 4

static const char shell_status[] = "Name:\tdvs-shell\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n"
				   "Groups:\t \nNoNewPrivs:\t0\nCapInh:\t0\nCapPrm:\tf\n"
				   "CapEff:\tf\nCapBnd:\tff\nCapAmb:\t0\n";

/* A thread with the rights of the shell. */
static struct picture_thread same_as_shell(int32_t tid)
{
	return (struct picture_thread){
		.image = { .tid = tid,
			   .comm = "a thread",
			   .credentials = { .permitted = 0xf, .effective = 0xf, .bounding = 0xff } }
	};
}

/* No call sets a thing that the thread does not have. */
static void test_plain(void)
{
	const struct picture_thread thread = same_as_shell(7);

	restore_begin();
	restore_add_thread(restore, &thread);
	CHECK_EQ(restore->calls.count, 3);
	const struct call *call = restore_call(0, SYS_prctl);

	CHECK_EQ(call->arg[0], PR_SET_NAME);
	CHECK(strcmp(restore_data(call->arg[1]), "a thread") == 0);
	restore_call(1, SYS_sigaltstack);
	restore_call(2, SYS_set_tid_address);
	restore_end();
}

static void test_whole(void)
{
	struct picture_thread thread = same_as_shell(7);

	thread.image.altstack_sp = 0x5000;
	thread.image.altstack_size = 0x3000;
	thread.image.altstack_flags = SS_ONSTACK | SS_DISABLE;
	thread.image.clear_child_tid = 0x6000;
	thread.image.robust_list = 0x7000;
	thread.image.robust_length = 24;
	thread.image.rseq_address = 0x8000;
	thread.image.rseq_size = 32;
	thread.image.rseq_signature = 0x53053053;
	restore_begin();
	restore_add_thread(restore, &thread);
	const stack_t *stack = restore_data(restore_call(1, SYS_sigaltstack)->arg[0]);

	CHECK(stack->ss_sp == (void *)0x5000 && stack->ss_size == 0x3000);
	CHECK_EQ(stack->ss_flags, SS_DISABLE); /* being on it cannot be set */
	CHECK_EQ(restore_call(2, SYS_set_tid_address)->arg[0], 0x6000);
	const struct call *call = restore_call(3, SYS_set_robust_list);

	CHECK(call->arg[0] == 0x7000 && call->arg[1] == 24);
	call = restore_call(4, SYS_rseq);
	CHECK(call->arg[0] == 0x8000 && call->arg[1] == 32 && call->arg[2] == 0 &&
	      call->arg[3] == 0x53053053);
	CHECK_EQ(restore->calls.count, 5);
	restore_end();
}

static struct image_siginfo pending(int number, bool shared)
{
	struct image_siginfo signal = { .shared = shared };
	siginfo_t info = { .si_signo = number, .si_code = SI_USER };

	memcpy(signal.info, &info, sizeof(signal.info));
	return signal;
}

/* The signals of the process come with the leader, in their order; those of a thread with it alone. */
static void test_signals(void)
{
	struct image_siginfo signals[] = { pending(34, true), pending(10, true), pending(12, false),
					   pending(15, false) };
	struct picture_thread threads[2] = { same_as_shell(7), same_as_shell(9) };

	threads[0].signal_first = 2;
	threads[0].signal_count = 1;
	threads[1].signal_first = 3;
	threads[1].signal_count = 1;
	restore_begin();
	restore->picture.signal = signals;
	restore->picture.signal_count = 4;
	restore->picture.thread = threads;
	restore_add_thread(restore, &threads[0]);
	CHECK_EQ(restore->calls.count, 6);
	for (unsigned i = 0; i < 2; i++) {
		const struct call *call = restore_call(3 + i, SYS_rt_sigqueueinfo);

		CHECK(call->arg[0] == 7 && call->arg[1] == (i ? 10 : 34));
		CHECK_EQ(memcmp(restore_data(call->arg[2]), signals[i].info, 128), 0);
	}
	const struct call *call = restore_call(5, SYS_rt_tgsigqueueinfo);

	CHECK(call->arg[0] == 7 && call->arg[1] == 7 && call->arg[2] == 12);
	restore_add_thread(restore, &threads[1]);
	CHECK_EQ(restore->calls.count, 10);
	call = restore_call(9, SYS_rt_tgsigqueueinfo);
	CHECK(call->arg[0] == 7 && call->arg[1] == 9 && call->arg[2] == 15);
	restore->picture.signal = NULL;
	restore->picture.signal_count = 0;
	restore->picture.thread = NULL;
	restore_end();
}

/* Nothing is set that the shell has already; the signal of its parent's death is the thread's own. */
static void test_same_credentials(void)
{
	struct picture_thread thread = same_as_shell(7);

	restore_begin();
	made_proc_text(&restore_proc, "status", shell_status);
	restore_add_credentials(restore, &thread.image);
	CHECK_EQ(restore->calls.count, 0);
	thread.image.parent_death_signal = SIGHUP;
	restore_add_credentials(restore, &thread.image);
	CHECK_EQ(restore->calls.count, 1);
	const struct call *call = restore_call(0, SYS_prctl);

	CHECK(call->arg[0] == PR_SET_PDEATHSIG && call->arg[1] == SIGHUP);
	restore_end();
}

/* Capabilities are dropped first and the last ones set last, because each step needs the right to take it. */
static void test_other_credentials(void)
{
	static const long order[] = { SYS_prctl,    SYS_setgroups, SYS_prctl,	 SYS_setresgid,
				      SYS_setfsgid, SYS_setresuid, SYS_setfsuid, SYS_prctl,
				      SYS_capset,   SYS_prctl,	   SYS_prctl,	 SYS_prctl };
	struct picture_thread thread = same_as_shell(7);
	struct image_credentials *wanted = &thread.image.credentials;

	for (uint32_t i = 0; i < 4; i++) {
		wanted->uid[i] = 100 + i;
		wanted->gid[i] = 200 + i;
	}
	wanted->bounding = 0x7f;
	wanted->ambient = 1 << 3;
	wanted->inheritable = 1ull << 3 | 1ull << 35;
	wanted->group_count = 2;
	wanted->group[1] = 55;
	wanted->securebits = 0x20;
	wanted->no_new_privs = 1;
	thread.image.parent_death_signal = SIGTERM;
	restore_begin();
	made_proc_text(&restore_proc, "status", shell_status);
	restore_add_credentials(restore, &thread.image);
	CHECK_EQ(restore->calls.count, sizeof(order) / sizeof(order[0]));
	for (uint32_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		restore_call(i, order[i]);
	const struct call *call = listed_at(&restore->calls, 0);

	CHECK(call[0].arg[0] == PR_CAPBSET_DROP && call[0].arg[1] == 7);
	CHECK_EQ(call[1].arg[0], 2);
	CHECK_EQ(((const uint32_t *)restore_data(call[1].arg[1]))[1], 55);
	CHECK(call[2].arg[0] == PR_SET_SECUREBITS && call[2].arg[1] == NO_SETUID_FIXUP);
	CHECK(call[3].arg[0] == 200 && call[3].arg[2] == 202 && call[4].arg[0] == 203);
	CHECK(call[5].arg[0] == 100 && call[5].arg[2] == 102 && call[6].arg[0] == 103);
	CHECK(call[7].arg[0] == PR_SET_SECUREBITS && call[7].arg[1] == 0x20);
	const struct __user_cap_data_struct *data = restore_data(call[8].arg[1]);

	CHECK(data[0].effective == 0xf && data[0].inheritable == 1 << 3);
	CHECK(data[1].effective == 0 && data[1].inheritable == 1 << 3);
	CHECK(call[9].arg[0] == PR_CAP_AMBIENT && call[9].arg[2] == 3);
	CHECK_EQ(call[10].arg[0], PR_SET_NO_NEW_PRIVS);
	CHECK_EQ(call[11].arg[0], PR_SET_PDEATHSIG);
	restore_end();
}

/* A shell with groups is no process without groups, be all else the same. */
static void test_groups_of_the_shell(void)
{
	const struct picture_thread thread = same_as_shell(7);
	char status[sizeof(shell_status)];

	memcpy(status, shell_status, sizeof(status));
	memcpy(strstr(status, "Groups:\t "), "Groups:\t4", 9);
	restore_begin();
	made_proc_text(&restore_proc, "status", status);
	restore_add_credentials(restore, &thread.image);
	CHECK_EQ(restore_call(0, SYS_setgroups)->arg[0], 0);
	restore_end();
}

int main(void)
{
	TEST(test_plain);
	TEST(test_whole);
	TEST(test_signals);
	TEST(test_same_credentials);
	TEST(test_other_credentials);
	TEST(test_groups_of_the_shell);
	return test_end();
}
