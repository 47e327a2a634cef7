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
		unsigned long long first = 0;
		char name[48];
		long number;

		snprintf(name, sizeof(name), "task/%d/syscall", (int)tid);
		if (procdir_read(inventory->dir, name, &inventory->text) < 0 ||
		    sscanf(inventory->text.text, "%ld %llx", &number, &first) != 2 ||
		    number != SYS_restart_syscall)
			continue;
		snprintf(name, sizeof(name), "task/%d/wchan", (int)tid);
		if (procdir_read(inventory->dir, name, &inventory->text) < 0)
			continue;
		number = call_behind(inventory->text.text, first);
		if (number)
			add(interrupted, tid, number);
	}
}

void interrupted_mend(struct tracee *tracee)
{
	static const long calls[] = { SYS_rt_sigtimedwait, SYS_epoll_wait, SYS_epoll_pwait,
				      SYS_epoll_pwait2,	   SYS_semop,	   SYS_fallocate,
				      SYS_semtimedop };
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
