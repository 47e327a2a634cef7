/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_HELD_TEST_H
#define DVS_MIGRATE_HELD_TEST_H

/*
 * For tests: a child of the test as the engine has a process, held, borrowed and entered. Include this after
 * base/test.h.
 *
 *	if (!held_begin(&held, what))
 *		return;
 *	...
 *	held_end(&held);
 */

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "migrate/calls.h"
#include "migrate/inventory.h"

#define HELD_STOP_US 2000000

struct held {
	pid_t pid;
	struct tables tables;
	struct inventory inventory; /* open; its maps are read, as those of no files */
	struct tracee tracee;
	struct foothold foothold;
	struct calls calls; /* begun */
	struct refusal refusal;
};

static int held_pipe[2];

/* In the child: it has done what it does. Its stop comes after that. */
TEST_LOOKS_UNUSED static void held_say_ready(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (write(held_pipe[1], "r", 1) != 1)
		_exit(1);
}

TEST_LOOKS_UNUSED static void held_stay(void)
{
	held_say_ready();
	for (;;)
		pause();
}

/* The child, running; its function says that it is ready. False: it has ended instead. */
static bool held_start(struct held *held, void (*what)(void))
{
	char byte;

	memset(held, 0, sizeof(*held));
	CHECK_EQ(pipe(held_pipe), 0);
	held->pid = fork();
	if (held->pid == 0) {
		what();
		_exit(0);
	}
	close(held_pipe[1]);
	bool ready = read(held_pipe[0], &byte, 1) == 1;

	close(held_pipe[0]);
	CHECK_EQ(inventory_open(&held->inventory, held->pid, &held->tables, &held->refusal), 0);
	return ready;
}

/* Stopped and borrowed. */
TEST_LOOKS_UNUSED static bool held_stop(struct held *held)
{
	int r = tracee_seize(&held->tracee, held->pid, true);

	if (r == -EPERM || r == -EACCES) {
		test_skip("a child cannot be traced here");
		return false;
	}
	if (r == 0)
		r = tracee_interrupt(&held->tracee);
	if (r == 0)
		r = tracee_await_stop(&held->tracee, HELD_STOP_US);
	if (r == 0)
		r = tracee_borrow(&held->tracee);
	CHECK_EQ(r, 0);
	return r == 0;
}

TEST_LOOKS_UNUSED static bool held_find_syscall(struct held *held)
{
	static const struct migrate_host nothing;
	struct inventory *inventory = &held->inventory;

	CHECK_EQ(maps_read(&inventory->maps, inventory->dir, NULL, &nothing, NULL, &inventory->text,
			   &held->refusal),
		 0);
	const struct image_special *vdso = maps_special(&inventory->maps, "vdso");

	CHECK(vdso);
	return vdso && foothold_find_syscall(held->pid, vdso->start, vdso->length,
					     &held->foothold.vdso_syscall) == 0;
}

TEST_LOOKS_UNUSED static void held_end(struct held *held)
{
	tracee_kill(&held->tracee);
	kill(held->pid, SIGKILL);
	waitpid(held->pid, NULL, 0);
	calls_deinit(&held->calls);
	inventory_close(&held->inventory);
	tables_free(&held->tables);
}

TEST_LOOKS_UNUSED static bool held_begin(struct held *held, void (*what)(void))
{
	bool good = held_start(held, what) && held_stop(held) && held_find_syscall(held);

	if (good)
		good = foothold_open(&held->foothold, &held->tracee, 0) == 0 &&
		       calls_init(&held->calls) == 0;
	if (good)
		calls_begin(&held->calls, &held->foothold, &held->tracee);
	else
		held_end(held);
	return good;
}

#endif
