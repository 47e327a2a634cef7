/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/cut_short.h"

#include <assert.h>
#include <stdio.h>

#include "migrate/descriptors_source.h"
#include "os/inode.h"
#include "os/kernel.h"
#include "os/open.h"
#include "os/procdir.h"

#define PATIENCE_US  1000000
#define SEGMENTS_MAX 1024 /* UIO_MAXIOV */

struct rest {
	struct tracee *tracee;
	struct remote_ptr at;
	uint64_t done;
	int result;
};

/* Whether a write to it is cut by nothing but a signal: files are never, what may not block always. */
static bool is_blocking_pipe(int dir, uint64_t number)
{
	struct procdir_text text = { 0 };
	struct os_status status;
	char name[48];
	bool blocks;

	snprintf(name, sizeof(name), "fd/%d", (int)number);
	if (os_status_at(dir, name, &status) < 0 || (status.mode & OS_MODE_KIND) != OS_MODE_PIPE)
		return false;
	snprintf(name, sizeof(name), "fdinfo/%d", (int)number);
	blocks = procdir_read(dir, name, &text) == 0 &&
		 !(procdir_number(text.text, "flags", 8, OS_OPEN_NONBLOCK) & OS_OPEN_NONBLOCK);
	procdir_text_free(&text);
	return blocks;
}

/* One more call; false when there is no more to move, or no more time. */
static bool move_more(struct rest *rest, long number, const uint64_t args[6], uint64_t *moved)
{
	int64_t n = 0;

	rest->result = tracee_syscall_within(rest->tracee, rest->at, number, args, PATIENCE_US, &n);
	if (rest->result || n <= 0)
		return false;
	*moved = (uint64_t)n;
	rest->done += (uint64_t)n;
	return true;
}

static bool write_bytes(struct rest *rest, uint64_t fd, uint64_t from, uint64_t bytes)
{
	for (uint64_t moved = 0; bytes; from += moved, bytes -= moved) {
		if (!move_more(rest, SYS_write, (const uint64_t[6]){ fd, from, bytes }, &moved))
			return false;
	}
	return true;
}

/* Whether the rest of a write can be written: `bytes`, or fewer. */
static bool can_go_on(const struct inventory *inventory, uint64_t number, uint64_t bytes)
{
	assert(bytes);
	return is_blocking_pipe(inventory->dir, number) &&
	       descriptors_widen(&inventory->descriptors, &inventory->tables->descriptions,
				 (int)number, bytes);
}

static void write_segments(struct rest *rest, const struct inventory *inventory,
			   const struct user_regs_struct *registers)
{
	struct iovec segments[SEGMENTS_MAX];
	uint64_t skip = rest->done, count = registers->rdx, bytes = 0;

	if (count > SEGMENTS_MAX ||
	    trace_read(rest->tracee->tid, registers->rsi, segments, count * sizeof(segments[0])))
		return;
	for (uint64_t i = 0; i < count; i++)
		bytes += segments[i].iov_len;
	if (bytes <= rest->done || !can_go_on(inventory, registers->rdi, bytes - rest->done))
		return;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t length = segments[i].iov_len, from = (uint64_t)segments[i].iov_base;
		uint64_t there = skip < length ? skip : length;

		skip -= there;
		if (!write_bytes(rest, registers->rdi, from + there, length - there))
			return;
	}
}

/* Calls that keep their position themselves, or fill a buffer from its begin. */
static void repeat(struct rest *rest, const struct user_regs_struct *registers)
{
	uint64_t args[6] = { registers->rdi, registers->rsi, registers->rdx,
			     registers->r10, registers->r8,  registers->r9 };
	long number = (long)registers->orig_rax;
	uint64_t *left = number == SYS_getrandom  ? &args[1]
			 : number == SYS_sendfile ? &args[3]
						  : &args[4];

	assert(rest->done);
	if (*left <= rest->done)
		return;
	*left -= rest->done;
	args[0] += number == SYS_getrandom ? rest->done : 0;
	for (uint64_t moved = 0; *left && move_more(rest, number, args, &moved);) {
		*left -= moved;
		args[0] += number == SYS_getrandom ? moved : 0;
	}
}

int cut_short_finish(struct tracee *tracee, struct remote_ptr at, const struct inventory *inventory)
{
	struct user_regs_struct *registers = &tracee->registers;
	struct rest rest = { .tracee = tracee, .at = at, .done = registers->rax };

	assert(tracee->borrowed);
	if ((int64_t)registers->rax <= 0)
		return 0;
	switch ((long)registers->orig_rax) {
	case SYS_write:
		if (registers->rax < registers->rdx &&
		    can_go_on(inventory, registers->rdi, registers->rdx - rest.done))
			write_bytes(&rest, registers->rdi, registers->rsi + rest.done,
				    registers->rdx - rest.done);
		break;
	case SYS_writev:
		write_segments(&rest, inventory, registers);
		break;
	case SYS_getrandom:
	case SYS_sendfile:
	case SYS_copy_file_range:
		repeat(&rest, registers);
		break;
	}
	registers->rax = rest.done;
	return rest.result;
}
