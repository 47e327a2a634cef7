/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_INTERRUPTED_H
#define DVS_MIGRATE_INTERRUPTED_H

#include "migrate/inventory.h"
#include "migrate/tracee.h"

/*
 * System calls that a freeze interrupts. The kernel leaves "-ERESTART.." in rax and the number of the
 * call in orig_rax, and finishes the matter when the thread runs on, here or on the target, by the
 * registers alone; except where this file mends them.
 */

/* Threads that were interrupted before and now execute restart_syscall, and the call that it stands for. */
struct interrupted {
	struct {
		pid_t tid;
		long number;
	} * call; /* owned */
	uint32_t count, capacity;
};

/* Before the freeze: notes them anew. A call that cannot be found out is left out. */
void interrupted_note(struct interrupted *interrupted, struct inventory *inventory);
void interrupted_free(struct interrupted *interrupted);

/* A thread that runs: whether it waits for a child that it has made by vfork, which nothing but a kill ends early. */
bool interrupted_awaits_child(struct inventory *inventory, pid_t tid);

/*
 * Frozen and borrowed: a call that the kernel ended with EINTR only because of us is to be restarted
 * like any other. Valid for running on here and for the target.
 */
void interrupted_mend(struct tracee *tracee);

/*
 * The registers for the target, where the kernel's memory of a relative time-out is missing: the call
 * begins again, unless a handler is to run first.
 */
void interrupted_translate(const struct interrupted *interrupted, pid_t tid,
			   struct image_registers *registers);

#endif
