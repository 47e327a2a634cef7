/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that move together, and one that is not of the kind that can. */
#include "migrate/inventories.h"

#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/made_proc_test.h"
#include "os/sleeper_test.h"

static const struct migrate_host nothing;
static struct inventory inventory[2], *both[2] = { &inventory[0], &inventory[1] };
static struct tables tables;
static struct refusal refusal;
static const struct inventories all = { both, 2, &tables };

static void begin(void)
{
	for (int i = 0; i < 2; i++) {
		refusal = REFUSAL_NONE;
		CHECK_EQ(inventory_open(&inventory[i], sleeper(), &tables, &refusal), 0);
	}
}

static void end(void)
{
	for (int i = 0; i < 2; i++) {
		pid_t pid = inventory[i].pid;

		inventory_close(&inventory[i]);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	tables_free(&tables);
}

/* The sentence names a process that is not the first one; a sentence without room for that is left as it is. */
static void test_named(void)
{
	char words[64];

	begin();
	snprintf(words, sizeof(words), "it (process %d, which descends from it)",
		 (int)inventory[1].pid);
	refusal = REFUSAL_NONE;
	int r = refusal_set(&refusal, EDVSPROCSTS, "it");

	CHECK(is_refusal(inventories_name(&all, 1, r, &refusal), &refusal, EDVSPROCSTS, words));
	refusal = REFUSAL_NONE;
	r = refusal_set(&refusal, EDVSPROCSTS, "it");
	CHECK_EQ(inventories_name(&all, 0, r, &refusal), EDVSPROCSTS);
	CHECK_EQ(strcmp(refusal.reason, "it"), 0);
	refusal = REFUSAL_NONE;
	r = refusal_set(&refusal, EDVSPROCSTS, "%0300d", 0);
	CHECK_EQ(inventories_name(&all, 1, r, &refusal), EDVSPROCSTS);
	CHECK_EQ(strlen(refusal.reason), sizeof(refusal.reason) - 1);
	refusal = REFUSAL_NONE;
	CHECK_EQ(inventories_name(&all, 1, 0, &refusal), 0);
	CHECK(!refusal.reason[0]);
	end();
}

/* The first one decides first: it has no init. A child is asked by the init of the first. */
static void test_first(void)
{
	begin();
	refusal = REFUSAL_NONE;
	CHECK_EQ(inventories_read(&all, &nothing, true, &refusal), EDVSPROCSTS);
	CHECK(!strstr(refusal.reason, "which descends from it"));
	inventory[0].is_child = inventory[1].is_child = true;
	inventory[0].init = getpid();
	CHECK_EQ(ptrace(PTRACE_SEIZE, inventory[1].pid, NULL, NULL), 0);
	refusal = REFUSAL_NONE;
	CHECK_EQ(inventories_read(&all, &nothing, true, &refusal), EDVSPROCSTS);
	CHECK(strstr(refusal.reason, "being traced"));
	CHECK(strstr(refusal.reason, "which descends from it"));
	CHECK_EQ(inventory[1].init, getpid());
	CHECK(inventory[0].is_fit && !inventory[1].is_fit);
	end();
}

/* All of them have the working directory of this program in common, and nothing else. */
static void begin_kin(struct inventory *kin, int count)
{
	for (int i = 0; i < count; i++) {
		kin[i] = (struct inventory){ .pid = (pid_t)syscall(SYS_clone, CLONE_FS | SIGCHLD, 0,
								   0, 0, 0) };
		if (kin[i].pid == 0)
			for (;;)
				pause();
	}
}

/* A table may be had in common with the parent, which gives it on the target, and through it with others. */
static void test_kin(void)
{
	static struct inventory kin[5], *in_order[5];
	const struct inventories of_all = { in_order, 5, &tables };

	begin_kin(kin, 5);
	for (int i = 0; i < 5; i++) {
		in_order[i] = &kin[i];
		kin[i].parent = i ? &kin[i / 2] : NULL;
		kin[i].member.shares = i ? IMAGE_SHARES_FS : 0;
	}
	refusal = REFUSAL_NONE;
	CHECK_EQ(inventories_check_kin(&of_all, &refusal), 0);
	for (int i = 1; i < 5; i++) {
		kin[i].member.shares = 0;
		CHECK(is_refusal(inventories_check_kin(&of_all, &refusal), &refusal, EDVSPROCSTS,
				 "the process shares its working directory with process "));
		kin[i].member.shares = IMAGE_SHARES_FS;
		refusal = REFUSAL_NONE;
	}
	CHECK_EQ(inventories_check_kin(&of_all, &refusal), 0);
	for (int i = 0; i < 5; i++) {
		kill(kin[i].pid, SIGKILL);
		waitpid(kin[i].pid, NULL, 0);
	}
	CHECK_EQ(inventories_check_kin(&of_all, &refusal), 0); /* they are gone */
}

/* A table that a process shares is its parent's, or that of the parent's parent. */
static void test_holder(void)
{
	static struct inventory kin[3];

	for (int i = 1; i < 3; i++) {
		kin[i].parent = &kin[i - 1];
		kin[i].member.shares = IMAGE_SHARES_MEMORY;
	}
	CHECK(inventory_maps(&kin[0]) == &kin[0].maps);
	CHECK(inventory_maps(&kin[2]) == &kin[0].maps);
	CHECK(inventory_holder(&kin[2], IMAGE_SHARES_HANDLERS) == &kin[2]);
	kin[1].member.shares = IMAGE_SHARES_FILES;
	CHECK(inventory_maps(&kin[2]) == &kin[1].maps);
}

int main(void)
{
	TEST(test_named);
	TEST(test_first);
	TEST(test_kin);
	TEST(test_holder);
	return test_end();
}
