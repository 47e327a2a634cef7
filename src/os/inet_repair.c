/* SPDX-License-Identifier: Apache-2.0 */
#include "os/inet_repair.h"

#include <assert.h>
#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "os/inet_other.h"
#include "os/inet_packet.h"
#include "os/socket.h"

#define LEAVE_SILENTLY	 (-1) /* TCP_REPAIR_OFF_NO_WP */
#define LEAVE_ASKING	 0    /* TCP_REPAIR_OFF */
#define SO_BUF_LOCK_AT	 72
/* Room while bytes are put in: as the kernel counts, more than they are, and it doubles that. */
#define FILLING_BYTES	 (64 << 20)
#define OPTION_MSS	 2 /* numbers of TCP's header */
#define OPTION_SCALE	 3
#define OPTION_SACK	 4
#define OPTION_TIME	 8
#define STATE_FIN_WAIT1	 4 /* the kernel's numbers */
#define STATE_FIN_WAIT2	 5
#define STATE_CLOSE_WAIT 8
#define STATE_LAST_ACK	 9
#define STATE_CLOSING	 11
#define MSS_OF_NONE	 536  /* the least that each machine takes */
#define ARRIVES_MS	 1000 /* of a packet to this very machine, which is there at once */

_Static_assert(sizeof(struct tcp_repair_window) == 5 * sizeof(uint32_t),
	       "the stream's window is the kernel's");

static int get(int fd, int level, int option, void *value, socklen_t bytes)
{
	return getsockopt(fd, level, option, value, &bytes) ? -errno : 0;
}

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) ? -errno : 0;
}

/* ---- out of the kernel ---- */

static uint32_t ends_of(int fd, unsigned state)
{
	struct pollfd seen = { .fd = fd, .events = POLLRDHUP };
	uint32_t ends = 0;

	assert(fd >= 0 && state);

	poll(&seen, 1, 0);
	if (state == STATE_FIN_WAIT1 || state == STATE_FIN_WAIT2 || state == STATE_LAST_ACK ||
	    state == STATE_CLOSING)
		ends |= OS_INET_SENT_END;
	if (state == STATE_CLOSE_WAIT || state == STATE_LAST_ACK || state == STATE_CLOSING)
		ends |= OS_INET_GOT_END;
	else if (seen.revents & POLLRDHUP)
		ends |= OS_INET_READS_END;
	return ends;
}

static int look_at_sizes(int fd, struct os_inet_stream *stream)
{
	int r = get(fd, SOL_SOCKET, SO_SNDBUF, &stream->send_bytes, sizeof(uint32_t));

	if (r == 0)
		r = get(fd, SOL_SOCKET, SO_RCVBUF, &stream->receive_bytes, sizeof(uint32_t));
	if (r == 0)
		r = get(fd, SOL_SOCKET, SO_BUF_LOCK_AT, &stream->chosen, sizeof(uint32_t));
	return r;
}

static int look_outside(int fd, struct os_inet_stream *stream)
{
	struct tcp_info info = { 0 };
	char byte;
	int r = get(fd, IPPROTO_TCP, TCP_INFO, &info, sizeof(info));

	if (r == 0)
		r = look_at_sizes(fd, stream);
	if (r == 0 && recv(fd, &byte, 1, MSG_OOB | MSG_PEEK | MSG_DONTWAIT) > 0)
		r = -EUCLEAN;
	if (r == 0 && ioctl(fd, SIOCOUTQNSD, &stream->unsent))
		r = -errno;
	stream->options = info.tcpi_options;
	stream->send_scale = info.tcpi_snd_wscale;
	stream->receive_scale = info.tcpi_rcv_wscale;
	stream->ends = ends_of(fd, info.tcpi_state);
	return r;
}

static int take_queue(int fd, bool sending, os_inet_each each, void *ctx)
{
	int length = 0;

	assert(each);
	if (ioctl(fd, sending ? SIOCOUTQ : SIOCINQ, &length))
		return -errno;
	if (length <= 0)
		return 0;
	uint8_t *bytes = malloc((size_t)length);

	if (!bytes)
		return -ENOMEM;
	ssize_t got = recv(fd, bytes, (size_t)length, MSG_PEEK | MSG_DONTWAIT);
	int r = got < 0 ? -errno : 0;

	/* An end that is not acknowledged is counted, and is no byte. */
	if (got > 0)
		r = each(ctx, sending, bytes, (size_t)got);
	free(bytes);
	return r == -EAGAIN ? 0 : r;
}

static int look_at_queue(int fd, bool sending, uint32_t *number, os_inet_each each, void *ctx)
{
	int r = set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, sending ? TCP_SEND_QUEUE : TCP_RECV_QUEUE);

	if (r == 0)
		r = get(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, number, sizeof(*number));
	return r ? r : take_queue(fd, sending, each, ctx);
}

static int look_inside(int fd, struct os_inet_stream *stream, os_inet_each each, void *ctx)
{
	int r = look_at_queue(fd, false, &stream->received, each, ctx);

	if (r == 0)
		r = look_at_queue(fd, true, &stream->sent, each, ctx);
	if (r == 0)
		r = get(fd, IPPROTO_TCP, TCP_MAXSEG, &stream->mss, sizeof(stream->mss));
	if (r == 0)
		r = get(fd, IPPROTO_TCP, TCP_TIMESTAMP, &stream->timestamp,
			sizeof(stream->timestamp));
	if (r == 0)
		r = get(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, stream->window, sizeof(stream->window));
	if (stream->ends & OS_INET_SENT_END) {
		stream->sent--;
		stream->unsent -= stream->unsent ? 1 : 0;
	}
	stream->received -= stream->ends & OS_INET_GOT_END ? 1 : 0;
	return r;
}

/* Where peeking begins is the program's affair. */
static int look_from_begin(int fd, struct os_inet_stream *stream, os_inet_each each, void *ctx)
{
	int from = -1;
	bool is_known = get(fd, SOL_SOCKET, SO_PEEK_OFF, &from, sizeof(from)) == 0 && from >= 0;
	int r = is_known ? set(fd, SOL_SOCKET, SO_PEEK_OFF, -1) : 0;

	if (r == 0)
		r = look_inside(fd, stream, each, ctx);
	if (is_known)
		set(fd, SOL_SOCKET, SO_PEEK_OFF, from);
	return r;
}

int os_inet_repair_look(int fd, struct os_inet_stream *stream, os_inet_each each, void *ctx)
{
	int reuses = 0;
	int r = get(fd, SOL_SOCKET, SO_REUSEADDR, &reuses, sizeof(reuses));

	assert(each);
	*stream = (struct os_inet_stream){ 0 };
	if (r == 0)
		r = look_outside(fd, stream);
	if (r == 0)
		r = set(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON);
	if (r)
		return r;
	r = look_from_begin(fd, stream, each, ctx);
	int back = os_inet_repair_leave(fd, reuses, false);

	return r ? r : back;
}

int os_inet_repair_look_over(int fd, struct os_inet_stream *stream, os_inet_each each, void *ctx)
{
	int from = -1;
	bool is_known = get(fd, SOL_SOCKET, SO_PEEK_OFF, &from, sizeof(from)) == 0 && from >= 0;

	assert(each);
	/* As of one that was connected, which guess_error() of os/inet.c asks for. */
	*stream = (struct os_inet_stream){ .mss = MSS_OF_NONE,
					   .window = { 0, UINT16_MAX, UINT16_MAX, UINT16_MAX, 0 } };
	int r = look_at_sizes(fd, stream);

	if (r == 0 && is_known)
		r = set(fd, SOL_SOCKET, SO_PEEK_OFF, -1);
	if (r == 0)
		r = take_queue(fd, false, each, ctx);
	if (is_known)
		set(fd, SOL_SOCKET, SO_PEEK_OFF, from);
	return r;
}

int os_inet_repair_look_start(int fd, struct os_inet_stream *stream)
{
	int reuses = 0;

	*stream = (struct os_inet_stream){ .mss = MSS_OF_NONE };
	int r = get(fd, SOL_SOCKET, SO_REUSEADDR, &reuses, sizeof(reuses));

	if (r == 0)
		r = look_at_sizes(fd, stream);
	if (r == 0)
		r = set(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON);
	if (r)
		return r;
	r = set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE);
	if (r == 0)
		r = get(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, &stream->sent, sizeof(stream->sent));
	stream->sent--; /* the beginning counts */
	int back = os_inet_repair_leave(fd, reuses, false);

	return r ? r : back;
}

/* ---- into the kernel ---- */

static int give_numbers(int fd, const struct os_inet_made *made)
{
	int r = set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE);

	if (r == 0)
		r = set(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, (int)made->sent);
	if (r == 0)
		r = set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, TCP_RECV_QUEUE);
	if (r == 0)
		r = set(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, (int)made->received);
	return r;
}

static int give_options(int fd, const struct os_inet_stream *stream)
{
	struct tcp_repair_opt option[4] = { { OPTION_MSS, stream->mss } };
	socklen_t count = 1;

	assert(stream->send_scale <= UINT16_MAX && stream->receive_scale <= UINT16_MAX);
	_Static_assert(sizeof(option[0]) == 8, "layout");
	if (stream->options & TCPI_OPT_WSCALE)
		option[count++] =
			(struct tcp_repair_opt){ OPTION_SCALE,
						 stream->send_scale | stream->receive_scale << 16 };
	if (stream->options & TCPI_OPT_SACK)
		option[count++] = (struct tcp_repair_opt){ OPTION_SACK, 0 };
	if (stream->options & TCPI_OPT_TIMESTAMPS)
		option[count++] = (struct tcp_repair_opt){ OPTION_TIME, 0 };
	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_OPTIONS, option, count * sizeof(option[0])))
		return -errno;
	if (!(stream->options & TCPI_OPT_TIMESTAMPS))
		return 0;
	return set(fd, IPPROTO_TCP, TCP_TIMESTAMP, (int)stream->timestamp);
}

int os_inet_repair_make(int fd, const struct os_inet_made *made)
{
	int r = set(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON);

	assert(made->own.port && made->peer.port);
	if (r == 0)
		r = os_inet_bind(fd, made->is_v6, &made->own);
	if (r == 0)
		r = give_numbers(fd, made);
	if (r == 0)
		r = set(fd, SOL_SOCKET, SO_RCVBUFFORCE, FILLING_BYTES);
	if (r == 0)
		r = set(fd, SOL_SOCKET, SO_SNDBUFFORCE, FILLING_BYTES);
	if (r == 0)
		r = os_inet_connect(fd, made->is_v6, &made->peer);
	return r ? r : give_options(fd, made->stream);
}

int os_inet_repair_fill(int fd, bool sending, const uint8_t *bytes, size_t length)
{
	int r = set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, sending ? TCP_SEND_QUEUE : TCP_RECV_QUEUE);

	return r ? r : os_inet_repair_send(fd, bytes, length);
}

int os_inet_repair_window(int fd, const uint32_t window[5])
{
	return setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, window, 5 * sizeof(window[0]))
		       ? -errno
		       : 0;
}

int os_inet_repair_silence(int fd)
{
	return set(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON);
}

int os_inet_repair_leave(int fd, bool reuses, bool asks)
{
	int r = set(fd, IPPROTO_TCP, TCP_REPAIR, asks ? LEAVE_ASKING : LEAVE_SILENTLY);

	return r ? r : set(fd, SOL_SOCKET, SO_REUSEADDR, reuses);
}

void os_inet_repair_give_up(int fd)
{
	os_inet_repair_leave(fd, false, false);
	shutdown(fd, SHUT_RDWR);
}

int os_inet_repair_send(int fd, const uint8_t *bytes, size_t length)
{
	while (length) {
		ssize_t put = send(fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (put <= 0)
			return put < 0 ? -errno : -EIO;
		bytes += put;
		length -= (size_t)put;
	}
	return 0;
}

int os_inet_repair_start(int fd, const struct os_inet_made *made, bool reuses)
{
	int r = set(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON);

	assert(made->own.port && made->peer.port);
	if (r == 0)
		r = os_inet_bind(fd, made->is_v6, &made->own);
	if (r == 0)
		r = set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE);
	if (r == 0)
		r = set(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, (int)made->sent);
	if (r == 0)
		r = os_inet_repair_leave(fd, reuses, false);
	if (r == 0)
		r = os_set_nonblock(fd, 1);
	if (r == 0)
		r = os_inet_connect(fd, made->is_v6, &made->peer);
	return r == -EINPROGRESS ? 0 : r;
}

/* A word of the other end, which is not there to say it. */
static int hear(int fd, const struct os_inet_made *made, enum os_inet_segment_kind kind, bool again)
{
	const struct os_inet_stream *stream = made->stream;
	uint32_t window =
		stream->window[1] >> (stream->options & TCPI_OPT_WSCALE ? stream->send_scale : 0);
	const struct os_inet_way way = { .from = made->peer, .to = made->own };
	const struct os_inet_segment segment = {
		.kind = kind,
		.number = made->received + again,
		.acknowledged = made->sent,
		.window = window < UINT16_MAX ? (uint16_t)window : UINT16_MAX,
	};
	struct pollfd seen = { .fd = fd, .events = kind == OS_INET_SEGMENT_END ? POLLRDHUP : 0 };
	int r = os_inet_packet_segment(&way, &segment);

	return r == 0 && poll(&seen, 1, ARRIVES_MS) <= 0 ? -ETIMEDOUT : r;
}

/* A socket in the place of the other end, which says nothing: without one the kernel would answer for it. */
static int stand_in(const struct os_inet_made *made)
{
	const struct os_inet_kind kind = {
		.is_v6 = made->is_v6, .uid = UINT32_MAX, .gid = UINT32_MAX /* as they are */
	};
	const struct os_inet_stream stream = { .mss = made->stream->mss };
	const struct os_inet_made other = {
		.is_v6 = made->is_v6,
		.own = made->peer,
		.peer = made->own,
		.sent = made->received,
		.received = made->sent,
		.stream = &stream,
	};
	int fd = os_inet_new(&kind);
	int r = fd < 0 ? fd : os_inet_repair_make(fd, &other);

	if (r == 0)
		return fd;
	os_close(fd);
	return r;
}

static bool has_heard(int fd)
{
	struct tcp_info info = { 0 };

	return get(fd, IPPROTO_TCP, TCP_INFO, &info, sizeof(info)) == 0 && info.tcpi_segs_in;
}

/* The acknowledgement goes out now, and arrives. */
static int let_acknowledge(int fd, int other)
{
	int r = set(fd, IPPROTO_TCP, TCP_QUICKACK, 1);

	for (int ms = 0; r == 0 && !has_heard(other); ms++) {
		if (ms == ARRIVES_MS)
			return -ETIMEDOUT;
		poll(NULL, 0, 1);
	}
	return r;
}

int os_inet_repair_get_end(int fd, const struct os_inet_made *made, bool alone)
{
	int other = alone ? stand_in(made) : -1;
	int r = alone && other < 0 ? other : hear(fd, made, OS_INET_SEGMENT_END, false);

	if (r == 0 && alone)
		r = let_acknowledge(fd, other);
	os_close(other);
	return r;
}

int os_inet_repair_end(int fd, const struct os_inet_made *made, int error)
{
	int told = 0;
	int r = error == EPIPE ? hear(fd, made, OS_INET_SEGMENT_END, false) : 0;

	assert(error == EPIPE || error == ECONNRESET || error == 0);
	if (r == 0)
		r = hear(fd, made, OS_INET_SEGMENT_RESET, error == EPIPE);
	/* A packet filter, or one of the socket, keeps the reset away. */
	if (r == -ETIMEDOUT && !error)
		r = os_inet_other_forget(&made->own, &made->peer);
	if (r == 0 && !error)
		r = get(fd, SOL_SOCKET, SO_ERROR, &told, sizeof(told));
	return r;
}

/* The kernel takes half of the size that it counts. */
int os_inet_repair_finish(int fd, const struct os_inet_stream *stream)
{
	int r = set(fd, SOL_SOCKET, SO_SNDBUFFORCE, (int)(stream->send_bytes / 2));

	assert(!(stream->ends & ~(uint32_t)OS_INET_ENDS));
	if (r == 0)
		r = set(fd, SOL_SOCKET, SO_RCVBUFFORCE, (int)(stream->receive_bytes / 2));
	if (r == 0)
		r = set(fd, SOL_SOCKET, SO_BUF_LOCK_AT, (int)stream->chosen);
	if (r == 0 && stream->ends & OS_INET_SENT_END)
		r = shutdown(fd, SHUT_WR) ? -errno : 0;
	if (r == 0 && stream->ends & OS_INET_READS_END)
		r = shutdown(fd, SHUT_RD) ? -errno : 0;
	return r;
}
