/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/cut_short.h"

#include <assert.h>
#include <stdio.h>

#include "migrate/apart.h"
#include "migrate/descriptors_source.h"
#include "os/inode.h"
#include "os/kernel.h"
#include "os/open.h"
#include "os/pid.h"
#include "os/procdir.h"
#include "os/socket.h"
#include "os/socket_room.h"

#define PATIENCE_US    1000000
/* With one of these a receive does not wait for all, or is of something else than the next bytes. */
#define NOT_ALL	       (MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC | MSG_OOB | MSG_ERRQUEUE)
#define SEGMENTS_MAX   1024 /* UIO_MAXIOV */
/* The kernel counts what it keeps beside the bytes as well. */
#define SENT_MAX       (8u << 20)
#define COUNTED	       4
#define COUNTED_ALWAYS (256u << 10)

struct rest {
	struct tracee *tracee;
	struct remote_ptr at;
	const struct inventory *inventory;
	const struct descriptors *descriptors; /* of the thread's table; NULL: not known */
	pid_t task;			       /* that has the table */
	uint64_t done;
	int result;
	int socket; /* a duplicate of one that is sent to; -1: it is none */
	struct os_socket_room room;
};

/* Whether a write to it is cut by nothing but a signal: files are never, what may not block always. */
static bool is_blocking_pipe(const struct rest *rest, uint64_t number)
{
	struct procdir_text text = { 0 };
	struct os_status status;
	int dir = rest->inventory->dir;
	char name[64];
	bool blocks;

	snprintf(name, sizeof(name), "task/%d/fd/%d", (int)rest->task, (int)number);
	if (os_status_at(dir, name, &status) < 0 || (status.mode & OS_MODE_KIND) != OS_MODE_PIPE)
		return false;
	snprintf(name, sizeof(name), "task/%d/fdinfo/%d", (int)rest->task, (int)number);
	blocks = procdir_read(dir, name, &text) == 0 &&
		 !(procdir_number(text.text, "flags", 8, OS_OPEN_NONBLOCK) & OS_OPEN_NONBLOCK);
	procdir_text_free(&text);
	return blocks;
}

/* Makes room for the rest in the socket: the process at its other end may stand as well. */
static bool widen_socket(struct rest *rest, uint64_t number, uint64_t bytes)
{
	int fd = os_pid_descriptor(rest->task, (int)number);

	assert(rest->socket < 0);
	if (fd < 0)
		return false;
	if (bytes <= SENT_MAX && os_socket_room_is_awaited(fd) &&
	    os_socket_room_widen(fd, true, (uint32_t)bytes * COUNTED + COUNTED_ALWAYS,
				 &rest->room) == 0)
		rest->socket = fd;
	else
		os_close(fd);
	return rest->socket >= 0;
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
	long number = rest->socket < 0 ? SYS_write : SYS_sendto;

	for (uint64_t moved = 0; bytes; from += moved, bytes -= moved) {
		const uint64_t args[6] = { fd, from, bytes, MSG_DONTWAIT | MSG_NOSIGNAL };

		if (!move_more(rest, number, args, &moved))
			return false;
	}
	return true;
}

/* Whether the rest of a write can be written: `bytes`, or fewer. */
static bool can_go_on(struct rest *rest, uint64_t number, uint64_t bytes)
{
	assert(bytes);
	if (is_blocking_pipe(rest, number))
		return !rest->descriptors ||
		       descriptors_widen(rest->descriptors, &rest->inventory->tables->descriptions,
					 (int)number, bytes);
	return widen_socket(rest, number, bytes);
}

static void write_one(struct rest *rest, const struct user_regs_struct *registers)
{
	uint64_t left = registers->rdx - rest->done;

	if (registers->rdx > rest->done && can_go_on(rest, registers->rdi, left))
		write_bytes(rest, registers->rdi, registers->rsi + rest->done, left);
}

static void write_segments(struct rest *rest, uint64_t fd, uint64_t address, uint64_t count)
{
	struct iovec segments[SEGMENTS_MAX];
	uint64_t skip = rest->done, bytes = 0;

	if (count > SEGMENTS_MAX ||
	    trace_read(rest->tracee->tid, address, segments, count * sizeof(segments[0])))
		return;
	for (uint64_t i = 0; i < count; i++)
		bytes += segments[i].iov_len;
	if (bytes <= rest->done || !can_go_on(rest, fd, bytes - rest->done))
		return;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t length = segments[i].iov_len, from = (uint64_t)segments[i].iov_base;
		uint64_t there = skip < length ? skip : length;

		skip -= there;
		if (!write_bytes(rest, fd, from + there, length - there))
			return;
	}
}

/* Descriptors and ids go with the first byte of a message, so that the rest is bytes alone. */
static void send_message(struct rest *rest, const struct user_regs_struct *registers)
{
	struct msghdr head;

	if (trace_read(rest->tracee->tid, registers->rsi, &head, sizeof(head)) == 0)
		write_segments(rest, registers->rdi, (uint64_t)head.msg_iov, head.msg_iovlen);
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

static bool waits_for_all(uint64_t flags)
{
	return flags & MSG_WAITALL && !(flags & NOT_ALL);
}

/* Those that have come. */
static bool read_bytes(struct rest *rest, uint64_t fd, uint64_t to, uint64_t bytes)
{
	for (uint64_t moved = 0; bytes; to += moved, bytes -= moved) {
		const uint64_t args[6] = { fd, to, bytes, MSG_DONTWAIT };

		if (!move_more(rest, SYS_recvfrom, args, &moved))
			return false;
	}
	return true;
}

/* With room for more than bytes: descriptors and ids that would have come by this call must not be lost. */
static void read_message(struct rest *rest, const struct user_regs_struct *registers)
{
	struct iovec segments[SEGMENTS_MAX];
	struct msghdr head;
	uint64_t skip = rest->done;

	if (trace_read(rest->tracee->tid, registers->rsi, &head, sizeof(head)) ||
	    head.msg_control || head.msg_iovlen > SEGMENTS_MAX ||
	    trace_read(rest->tracee->tid, (uint64_t)head.msg_iov, segments,
		       head.msg_iovlen * sizeof(segments[0])))
		return;
	for (uint64_t i = 0; i < head.msg_iovlen; i++) {
		uint64_t length = segments[i].iov_len, to = (uint64_t)segments[i].iov_base;
		uint64_t there = skip < length ? skip : length;

		skip -= there;
		if (!read_bytes(rest, registers->rdi, to + there, length - there))
			return;
	}
}

int cut_short_receive(struct tracee *tracee, struct remote_ptr at)
{
	struct user_regs_struct *registers = &tracee->registers;
	struct rest rest = { .tracee = tracee, .at = at, .done = registers->rax, .socket = -1 };

	assert(tracee->borrowed);
	if ((int64_t)registers->rax <= 0)
		return 0;
	if ((long)registers->orig_rax == SYS_recvfrom && waits_for_all(registers->r10) &&
	    registers->rdx > rest.done)
		read_bytes(&rest, registers->rdi, registers->rsi + rest.done,
			   registers->rdx - rest.done);
	if ((long)registers->orig_rax == SYS_recvmsg && waits_for_all(registers->rdx))
		read_message(&rest, registers);
	registers->rax = rest.done;
	return rest.result;
}

int cut_short_finish(struct tracee *tracee, struct remote_ptr at, const struct inventory *inventory)
{
	struct user_regs_struct *registers = &tracee->registers;
	struct rest rest = { .tracee = tracee,
			     .at = at,
			     .inventory = inventory,
			     .done = registers->rax,
			     .socket = -1 };

	assert(tracee->borrowed);
	if ((int64_t)registers->rax <= 0)
		return 0;
	rest.descriptors = apart_descriptors(inventory, tracee->tid, &rest.task);
	switch ((long)registers->orig_rax) {
	case SYS_write:
		write_one(&rest, registers);
		break;
	case SYS_sendto:
		if (!(registers->r10 & MSG_DONTWAIT))
			write_one(&rest, registers);
		break;
	case SYS_writev:
		write_segments(&rest, registers->rdi, registers->rsi, registers->rdx);
		break;
	case SYS_sendmsg:
		if (!(registers->rdx & MSG_DONTWAIT))
			send_message(&rest, registers);
		break;
	case SYS_getrandom:
	case SYS_sendfile:
	case SYS_copy_file_range:
		repeat(&rest, registers);
		break;
	}
	if (rest.socket >= 0)
		os_socket_room_narrow(rest.socket, &rest.room);
	os_close(rest.socket);
	registers->rax = rest.done;
	return rest.result;
}
