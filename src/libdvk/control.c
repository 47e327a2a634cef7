/* SPDX-License-Identifier: Apache-2.0 */
#include "libdvk/control.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/again.h"
#include "libdvk/binding.h"
#include "os/clock.h"
#include "os/futex.h"
#include "os/thread.h"

#define CONTROL_NAME	   "@" CTL_ABSTRACT_NAME
#define CONNECT_TIMEOUT_MS 5000
/* Signals are blocked meanwhile: even a daemon that hangs must not hold a process for ever. */
#define ANSWER_TIMEOUT_MS  60000
/* The daemon is quick; should it end meanwhile, nobody is stuck. */
#define QUIET_MAX_NS	   (2 * OS_SECOND_NS)
#define QUIET_NAP_NS	   OS_MS_NS
#define ASKED_MAX	   4 /* times, as daemons die */
#define ANSWER_BYTES_MAX   1024

/*
 * Says that an exchange begins. Not while the daemon looks at the process or is about to stop it:
 * else a process that asks for one thing after the other could never be moved.
 */
void control_stay(struct binding *binding)
{
	struct status_page *status = binding->status;
	int64_t deadline = 0;

	for (;;) {
		uint32_t seq = atomic_load(&binding->bell->seq);

		/*
		 * Partner: the daemon sets quiet and then waits for in_control to be 0; and once it has
		 * stopped the process it looks at in_control again. The steps that follow are done on one node.
		 */
		atomic_fetch_add(&status->in_control, 1);
		if (!atomic_load(&status->quiet))
			break;
		if (!deadline)
			deadline = os_now_ns() + QUIET_MAX_NS;
		if (os_now_ns() > deadline)
			break;
		atomic_fetch_sub(&status->in_control, 1);
		os_futex_wait(&binding->bell->seq, seq, os_now_ns() + QUIET_NAP_NS);
	}
	atomic_fetch_add(&status->exchanges, 1);
}

void control_leave(struct binding *binding)
{
	atomic_fetch_sub(&binding->status->in_control, 1);
}

void control_begin(struct control_scope *scope)
{
	os_signals_block(&scope->signals);
	scope->cancel = os_thread_hold_cancel();
	scope->binding = binding_known();
	scope->status = scope->binding ? scope->binding->status : NULL;
	if (scope->status)
		control_stay(scope->binding);
}

void control_end(struct control_scope *scope)
{
	/* Another page, or none, if the caller was bound anew or unbound meanwhile. */
	if (scope->status && scope->binding->status == scope->status)
		control_leave(scope->binding);
	os_thread_restore_cancel(scope->cancel);
	os_signals_restore(&scope->signals);
}

struct control control_request(enum ctl_call call)
{
	struct control control = {
		.request = {
			.magic = CTL_MAGIC,
			.version = CTL_VERSION,
			.call = (uint16_t)call,
			.node = -1,
			.tid = binding_thread_id(),
			.dcid = -1,
			.pid = PROC_NO_PID,
			.nodeid = LOCALNODE,
			.timeout_ms = -1,
		},
	};

	return control;
}

static void close_all(struct control *control)
{
	DVK_ASSERT(control->fd_count >= 0 && control->fd_count <= OS_FDS_MAX);
	for (int i = 0; i < control->fd_count; i++)
		os_close(control->fds[i]);
	control->fd_count = 0;
}

/* One packet of the answer. 1: it was the last, *error is the daemon's result. 0: more come. */
static int take_packet(int fd, struct control *control, int *error)
{
	struct {
		struct ctl_reply head;
		uint8_t payload[ANSWER_BYTES_MAX];
	} packet;
	ssize_t length = os_thread_wait_readable(fd, ANSWER_TIMEOUT_MS);
	size_t bytes;

	DVK_ASSERT(!control->fd_count);
	if (length == 0)
		length = os_packet_recv_fewer(fd, &packet, sizeof(packet), control->fds,
					      &control->fd_count);
	if (length < 0)
		return (int)length;
	if ((size_t)length < sizeof(packet.head) || packet.head.magic != CTL_MAGIC)
		return -EPROTO;
	if (packet.head.packet != CTL_END) {
		close_all(control);
		return 0;
	}
	bytes = (size_t)length - sizeof(packet.head);
	if (bytes > packet.head.payload_bytes)
		bytes = packet.head.payload_bytes;
	if (bytes > control->answer_bytes)
		bytes = control->answer_bytes;
	if (control->answer && packet.head.error == 0) {
		memset(control->answer, 0, control->answer_bytes);
		memcpy(control->answer, packet.payload, bytes);
	}
	control->value = packet.head.value;
	*error = packet.head.error;
	if (!*error && control->fd_count < packet.head.fds) {
		*error = EDVSMFILE;
		control->done = true;
	}
	return 1;
}

static int exchange(int fd, struct control *control, int *error)
{
	struct iovec parts[2] = {
		{ .iov_base = &control->request, .iov_len = sizeof(control->request) },
		{ .iov_base = (void *)(uintptr_t)control->payload,
		  .iov_len = control->request.payload_bytes },
	};
	int r = os_packet_sendv(fd, parts, control->payload ? 2 : 1, NULL, 0);

	DVK_ASSERT(!control->request.payload_bytes || control->payload);
	while (!r)
		r = take_packet(fd, control, error);
	return r < 0 ? r : 0;
}

/* Why the daemon could not be asked. */
static int error_of(int r)
{
	switch (r) {
	case -ETIMEDOUT:
		return EDVSTIMEDOUT;
	case -EMFILE:
	case -ENFILE:
		return EDVSMFILE;
	case -EKEYREJECTED:
		return EDVSBADOWNER;
	default:
		return EDVSDVSINIT;
	}
}

/*
 * The daemon of this network namespace: after a move it is that of the new node. Only where there is none
 * the path is taken, whose listener has to be root's like the other one.
 */
static int reach_daemon(void)
{
	int fd = os_unix_connect_trusted(CONTROL_NAME, OS_PACKET, CONNECT_TIMEOUT_MS);
	const char *path;
	int other;

	if (fd != -ECONNREFUSED)
		return fd;
	path = secure_getenv(CTL_SOCKET_VARIABLE);
	other = os_unix_connect_trusted(path ? path : CTL_SOCKET_PATH, OS_PACKET,
					CONNECT_TIMEOUT_MS);
	/* No path, or nobody there: there is no daemon, as the name said. */
	return other == -EINVAL || other == -ENOENT ? fd : other;
}

static int ask_once(struct control *control, int *error)
{
	int fd = reach_daemon();
	int r = fd < 0 ? fd : exchange(fd, control, error);

	DVK_ASSERT(r <= 0);
	os_close(fd);
	if (r < 0)
		close_all(control);
	return r;
}

/*
 * A daemon that dies closes the connections of those that it was about to answer as soon as the next one is there,
 * which its keeper sees to. Where the node has ended as well nobody is found at the next attempt.
 */
int control_ask(struct control *control, int *errnop)
{
	int error = 0, r = -ECONNRESET;

	for (int i = 0; i < ASKED_MAX && (r == -ECONNRESET || r == -EPIPE); i++) {
		r = ask_once(control, &error);
		if (!again_is_harmless(control->request.call))
			break;
	}
	if (errnop)
		*errnop = r;
	if (r < 0)
		error = error_of(r);
	if (error)
		close_all(control);
	DVK_ASSERT(!error || !control->fd_count);
	return error;
}

int control_call(struct control *control)
{
	struct control_scope scope;
	int error;

	DVK_ASSERT(!control->fd_count);
	control_begin(&scope);
	error = control_ask(control, NULL);
	close_all(control);
	control_end(&scope);
	return error;
}
