/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/interrupted.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/kernel.h"

#define RESTART_IF_NO_HANDLER (-514) /* ERESTARTNOHAND */
#define RESTART_BY_BLOCK      (-516) /* ERESTART_RESTARTBLOCK */
#define CLOCK_NUMBERS	      4096   /* a first argument below this is a clock, no address */

void interrupted_free(struct interrupted *interrupted)
{
	free(interrupted->call);
	*interrupted = (struct interrupted){ 0 };
}

/*
 * restart_syscall forgets which call it continues; where the thread sleeps in the kernel tells. The
 * arguments are still in the registers.
 */
static long call_behind(const char *where, uint64_t first_argument)
{
	if (strncmp(where, "poll_", 5) == 0 || strncmp(where, "do_poll", 7) == 0 ||
	    strncmp(where, "do_sys_poll", 11) == 0)
		return SYS_poll;
	if (strstr(where, "futex"))
		return SYS_futex;
	if (strstr(where, "nanosleep") || strcmp(where, "do_syscall_64") == 0)
		return first_argument < CLOCK_NUMBERS ? SYS_clock_nanosleep : SYS_nanosleep;
	return 0;
}

#define ADDRESS_LEAST \
	0x400000 /* of a program's data; no number of descriptors or of an operation */

/* Of a thread that is stopped it is not to be seen where it slept: the arguments have to tell. */
static long call_with(const unsigned long long argument[4])
{
	if (argument[0] < CLOCK_NUMBERS)
		return argument[2] < ADDRESS_LEAST ? SYS_poll : SYS_clock_nanosleep;
	if (argument[1] >= ADDRESS_LEAST)
		return SYS_nanosleep;
	switch (argument[1] & ~(unsigned long long)(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME)) {
	case FUTEX_WAIT:
		return argument[3] < ADDRESS_LEAST ? SYS_nanosleep : SYS_futex;
	case FUTEX_WAIT_BITSET:
		return argument[3] < ADDRESS_LEAST ? SYS_poll : SYS_futex;
	}
	return SYS_poll;
}

static void add(struct interrupted *interrupted, pid_t tid, long number)
{
	if (interrupted->count == interrupted->capacity) {
		uint32_t capacity = interrupted->capacity ? interrupted->capacity * 2 : 8;
		void *bigger = realloc(interrupted->call, capacity * sizeof(interrupted->call[0]));

		if (!bigger)
			return;
		interrupted->call = bigger;
		interrupted->capacity = capacity;
	}
	assert(number != SYS_restart_syscall); /* which says nothing */
	assert(interrupted->count < interrupted->capacity);
	interrupted->call[interrupted->count].tid = tid;
	interrupted->call[interrupted->count++].number = number;
}

void interrupted_note(struct interrupted *interrupted, struct inventory *inventory)
{
	interrupted->count = 0;
	for (uint32_t i = 0; i < inventory->thread_count; i++) {
		pid_t tid = inventory->thread[i].tid;
		unsigned long long argument[4] = { 0 };
		char name[48];
		long number;

		snprintf(name, sizeof(name), "task/%d/syscall", (int)tid);
		if (procdir_read(inventory->dir, name, &inventory->text) < 0 ||
		    sscanf(inventory->text.text, "%ld %llx %llx %llx %llx", &number, &argument[0],
			   &argument[1], &argument[2], &argument[3]) != 5 ||
		    number != SYS_restart_syscall)
			continue;
		snprintf(name, sizeof(name), "task/%d/wchan", (int)tid);
		if (procdir_read(inventory->dir, name, &inventory->text) < 0)
			continue;
		number = strcmp(inventory->text.text, "do_signal_stop")
				 ? call_behind(inventory->text.text, argument[0])
				 : call_with(argument);
		if (number)
			add(interrupted, tid, number);
	}
}

/* The flags that clone3 is given stand in the memory of the process; but only so it would wait there. */
bool interrupted_awaits_child(struct inventory *inventory, pid_t tid)
{
	unsigned long long flags = 0;
	char name[48];
	long number = -1;

	snprintf(name, sizeof(name), "task/%d/syscall", (int)tid);
	if (procdir_read(inventory->dir, name, &inventory->text) < 0 ||
	    sscanf(inventory->text.text, "%ld %llx", &number, &flags) != 2)
		return false;
	return number == SYS_vfork || number == SYS_clone3 ||
	       (number == SYS_clone && flags & CLONE_VFORK);
}

void interrupted_mend(struct tracee *tracee)
{
	static const long calls[] = { SYS_rt_sigtimedwait, SYS_epoll_wait,   SYS_epoll_pwait,
				      SYS_epoll_pwait2,	   SYS_semop,	     SYS_fallocate,
				      SYS_semtimedop,	   SYS_io_getevents, SYS_io_pgetevents };
	struct user_regs_struct *registers = &tracee->registers;

	assert(tracee->borrowed);
	if ((int64_t)registers->rax != -EINTR)
		return;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if ((long)registers->orig_rax == calls[i])
			registers->rax = (uint64_t)RESTART_IF_NO_HANDLER;
	}
}

void interrupted_translate(const struct interrupted *interrupted, pid_t tid,
			   struct image_registers *registers)
{
	if ((int64_t)registers->rax != RESTART_BY_BLOCK || (int64_t)registers->orig_rax < 0)
		return;
	registers->rax = (uint64_t)RESTART_IF_NO_HANDLER;
	for (uint32_t i = 0; i < interrupted->count; i++) {
		if (interrupted->call[i].tid == tid && registers->orig_rax == SYS_restart_syscall)
			registers->orig_rax = (uint64_t)interrupted->call[i].number;
	}
}
