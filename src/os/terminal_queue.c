/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A terminal is quiet while it is emptied and filled: it echoes nothing, changes nothing, and knows no character but
 * those that end a line. The kernel hands bytes on from one end to the other by a worker of its own. A poll that finds
 * nothing waits for that; the number of bytes that arrived, or their echo, tells when it has done its work.
 */
#include "os/terminal_queue.h"

#include <asm/termbits.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/socket.h"
#include "os/thread.h"

#define PATIENCE_NS 2000000000
#define PATIENCE_MS 2000
#define NAP_NS	    1000000
#define STOP	    0x13

struct ends {
	int master, slave;
	int flags; /* of the master's description */
	struct termios2 settings;
};

static bool is_ready(int fd, short event)
{
	struct pollfd one = { .fd = fd, .events = event };

	return poll(&one, 1, 0) == 1 && one.revents & event;
}

static int begin(struct ends *ends, int master, const struct os_terminal_state *state)
{
	assert(master >= 0);
	*ends = (struct ends){ .master = master, .slave = os_terminal_slave(master) };
	if (ends->slave < 0)
		return ends->slave;
	memcpy(&ends->settings, state->settings, sizeof(ends->settings));
	ends->flags = fcntl(master, F_GETFL);
	fcntl(master, F_SETFL, ends->flags | O_NONBLOCK);
	return state->packets ? os_terminal_set_packets(master, false) : 0;
}

static int end(struct ends *ends, int r)
{
	fcntl(ends->master, F_SETFL, ends->flags);
	os_close(ends->slave);
	return r;
}

static bool is_by_lines(const struct ends *ends)
{
	return ends->settings.c_lflag & ICANON;
}

/* more: input modes, local modes. */
static struct termios2 quiet(const struct ends *ends, tcflag_t input, tcflag_t local)
{
	struct termios2 settings = ends->settings;

	settings.c_iflag = input;
	settings.c_oflag = 0;
	settings.c_lflag = local;
	memset(settings.c_cc, 0, sizeof(settings.c_cc));
	settings.c_cc[VMIN] = 1;
	settings.c_cc[VEOL] = ends->settings.c_cc[VEOL];
	if (ends->settings.c_lflag & IEXTEN)
		settings.c_cc[VEOL2] = ends->settings.c_cc[VEOL2];
	return settings;
}

static int set(const struct ends *ends, const struct termios2 *settings)
{
	return ioctl(ends->slave, TCSETS2, settings) < 0 ? -errno : 0;
}

static int set_quiet(const struct ends *ends, tcflag_t local)
{
	const struct termios2 settings = quiet(ends, 0, local);

	return set(ends, &settings);
}

/* ---- taking ---- */

static int take_output(const struct ends *ends, struct os_terminal_queue *queue)
{
	while (is_ready(ends->master, POLLIN)) {
		uint32_t room = OS_TERMINAL_QUEUE_MAX - queue->output_bytes;
		ssize_t got = read(ends->master, queue->output + queue->output_bytes, room);

		if (got <= 0)
			return got < 0 && errno != EAGAIN && errno != EIO ? -errno
			       : room					  ? 0
									  : -E2BIG;
		queue->output_bytes += (uint32_t)got;
	}
	return 0;
}

/* A call that lets the output run undoes tcflow() only. New settings undo the other stop. */
static enum os_terminal_flow find_flow(const struct ends *ends)
{
	if (is_ready(ends->slave, POLLOUT))
		return OS_TERMINAL_RUNS;
	ioctl(ends->slave, TCXONC, TCOON);
	return is_ready(ends->slave, POLLOUT) ? OS_TERMINAL_HELD : OS_TERMINAL_STOPPED;
}

static bool ends_line(const struct ends *ends, uint8_t byte)
{
	const struct termios2 *settings = &ends->settings;

	return byte == '\n' ||
	       (byte && (byte == settings->c_cc[VEOL] ||
			 (settings->c_lflag & IEXTEN && byte == settings->c_cc[VEOL2])));
}

static void add_unit(struct os_terminal_queue *queue, uint8_t byte, enum os_terminal_mark mark)
{
	assert(queue->input_count < OS_TERMINAL_QUEUE_MAX);
	queue->input[queue->input_count] = byte;
	queue->mark[queue->input_count++] = (uint8_t)mark;
}

static bool has_line_within(const struct ends *ends, const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i + 1 < count; i++)
		if (ends_line(ends, bytes[i]))
			return true;
	return false;
}

static void add_line(const struct ends *ends, struct os_terminal_queue *queue, const uint8_t *bytes,
		     size_t count)
{
	bool first = queue->input_count == 0;
	bool whole = count && ends_line(ends, bytes[count - 1]);
	bool pushed = first && count && (!whole || has_line_within(ends, bytes, count));

	for (size_t i = 0; i < count; i++)
		add_unit(queue, bytes[i],
			 pushed && i + 1 == count ? OS_TERMINAL_PUSHED : OS_TERMINAL_BYTE);
	if (!whole && !pushed)
		add_unit(queue, 0, OS_TERMINAL_END_OF_FILE);
}

static int take_input(const struct ends *ends, bool lines, struct os_terminal_queue *queue)
{
	uint8_t bytes[OS_TERMINAL_ROOM + 1];

	while (is_ready(ends->slave, POLLIN)) {
		ssize_t got = read(ends->slave, bytes, sizeof(bytes));

		if (got < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (queue->input_count + (size_t)got + 1 >= OS_TERMINAL_QUEUE_MAX)
			return -E2BIG;
		if (lines)
			add_line(ends, queue, bytes, (size_t)got);
		for (ssize_t i = 0; i < got && !lines; i++)
			add_unit(queue, bytes[i], OS_TERMINAL_BYTE);
	}
	return 0;
}

int os_terminal_take(int master, const struct os_terminal_state *state,
		     struct os_terminal_queue *queue)
{
	struct ends ends;
	int r = begin(&ends, master, state);

	assert(ends.slave >= 0 || r < 0);
	queue->output_bytes = queue->input_count = 0;
	queue->flow = OS_TERMINAL_RUNS;
	if (ends.slave < 0)
		return r;
	if (r == 0)
		r = take_output(&ends, queue);
	if (r == 0)
		queue->flow = find_flow(&ends);
	if (r == 0)
		r = set_quiet(&ends, ends.settings.c_lflag & (ICANON | IEXTEN));
	if (r == 0)
		r = take_output(&ends, queue);
	if (r == 0 && is_by_lines(&ends))
		r = take_input(&ends, true, queue);
	if (r == 0)
		r = set_quiet(&ends, 0);
	if (r == 0)
		r = take_input(&ends, false, queue);
	return end(&ends, r);
}

/* ---- putting ---- */

static int write_all(int fd, const void *bytes, size_t count)
{
	int64_t deadline_ns = os_now_ns() + PATIENCE_NS;

	assert(fd >= 0);
	for (size_t done = 0; done < count;) {
		ssize_t n = write(fd, (const uint8_t *)bytes + done, count - done);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n <= 0 && os_now_ns() > deadline_ns)
			return -ETIMEDOUT;
		if (n <= 0)
			os_thread_sleep_ns(NAP_NS);
		else
			done += (size_t)n;
	}
	return 0;
}

static int await_input(const struct ends *ends, uint32_t count)
{
	int64_t deadline_ns = os_now_ns() + PATIENCE_NS;
	int have = 0;

	is_ready(ends->slave, POLLIN); /* which waits for the worker if there is nothing */
	while (ioctl(ends->slave, FIONREAD, &have) == 0 && (uint32_t)have < count) {
		if (os_now_ns() > deadline_ns)
			return -ETIMEDOUT;
		os_thread_sleep_ns(NAP_NS);
	}
	return 0;
}

static int skip_output(const struct ends *ends, uint32_t count)
{
	int64_t deadline_ns = os_now_ns() + PATIENCE_NS;
	struct pollfd one = { .fd = ends->master, .events = POLLIN };
	uint8_t bytes[1024];

	while (count) {
		ssize_t got =
			read(ends->master, bytes, count < sizeof(bytes) ? count : sizeof(bytes));

		if (got > 0)
			count -= (uint32_t)got;
		else if (os_now_ns() > deadline_ns || poll(&one, 1, PATIENCE_MS) < 0)
			return -ETIMEDOUT;
	}
	return 0;
}

/* The first `count` units, which are to be read by one read that they do not end a line of. */
static int put_raw(const struct ends *ends, const struct os_terminal_queue *queue, uint32_t count)
{
	assert(count <= OS_TERMINAL_ROOM);
	int r = set_quiet(ends, 0);

	if (r == 0)
		r = write_all(ends->master, queue->input, count);
	return r ? r : await_input(ends, count);
}

/* A byte that is none of the input; 0: there is none. */
static uint8_t unused_byte(const struct ends *ends, const struct os_terminal_queue *queue,
			   uint8_t other)
{
	assert(queue->input_count <= OS_TERMINAL_QUEUE_MAX);
	bool used[256] = { [0] = true, ['\n'] = true };

	for (uint32_t i = 0; i < queue->input_count; i++)
		used[queue->input[i]] = true;
	for (unsigned byte = 255; byte; byte--)
		if (!used[byte] && byte != other && !ends_line(ends, (uint8_t)byte))
			return (uint8_t)byte;
	return 0;
}

/* Units [from, to), and then the character that prints the line which is not ended: its echo is the last. */
static int put_lines(const struct ends *ends, const struct os_terminal_queue *queue, uint32_t from,
		     uint32_t to)
{
	struct termios2 settings = quiet(ends, 0, ICANON | ECHO | IEXTEN);
	uint8_t print = unused_byte(ends, queue, 0), end = unused_byte(ends, queue, print);
	uint32_t open = 0, echoed = 0;

	assert(from <= to && to <= OS_TERMINAL_ROOM);
	settings.c_cc[VREPRINT] = print;
	settings.c_cc[VEOF] = end;
	int r = !print || !end ? -E2BIG : set(ends, &settings);

	for (uint32_t i = from; i < to && r == 0; i++) {
		bool is_end = queue->mark[i] == OS_TERMINAL_END_OF_FILE;
		uint8_t byte = is_end ? end : queue->input[i];

		r = write_all(ends->master, &byte, 1);
		open = is_end || ends_line(ends, byte) ? 0 : open + 1;
		echoed += !is_end;
	}
	if (r == 0 && to < OS_TERMINAL_ROOM) {
		r = write_all(ends->master, &print, 1);
		echoed += 2 + open;
	}
	return r ? r : skip_output(ends, echoed);
}

static int put_input(const struct ends *ends, const struct os_terminal_queue *queue, uint32_t count)
{
	uint32_t pushed = 0;

	for (uint32_t i = 0; i < count && is_by_lines(ends) && !pushed; i++)
		if (queue->mark[i] == OS_TERMINAL_PUSHED)
			pushed = i + 1;
	if (!is_by_lines(ends))
		return put_raw(ends, queue, count);
	int r = pushed ? put_raw(ends, queue, pushed) : 0;

	return r ? r : put_lines(ends, queue, pushed, count);
}

/* As the settings say it in the end, but quiet: the input stays as it is read now. */
static int stop(const struct ends *ends, enum os_terminal_flow flow)
{
	struct termios2 settings = quiet(ends, IXON, ends->settings.c_lflag & ICANON);
	int64_t deadline_ns = os_now_ns() + PATIENCE_NS;
	const uint8_t byte = STOP;

	if (flow == OS_TERMINAL_RUNS)
		return 0;
	if (flow == OS_TERMINAL_HELD)
		return ioctl(ends->slave, TCXONC, TCOOFF) < 0 ? -errno : 0;
	settings.c_cc[VSTOP] = STOP;
	int r = set(ends, &settings);

	if (r == 0)
		r = write_all(ends->master, &byte, 1);
	while (r == 0 && is_ready(ends->slave, POLLOUT)) {
		if (os_now_ns() > deadline_ns)
			return -ETIMEDOUT;
		os_thread_sleep_ns(NAP_NS);
	}
	return r;
}

int os_terminal_put(int master, const struct os_terminal_state *state,
		    const struct os_terminal_queue *queue)
{
	struct ends ends;
	uint32_t count =
		queue->input_count < OS_TERMINAL_ROOM ? queue->input_count : OS_TERMINAL_ROOM;
	int r = begin(&ends, master, state);

	if (ends.slave < 0)
		return r;
	if (r == 0)
		r = put_input(&ends, queue, count);
	if (r == 0)
		r = set_quiet(&ends, ends.settings.c_lflag & ICANON);
	if (r == 0)
		r = write_all(ends.slave, queue->output, queue->output_bytes);
	if (r == 0)
		r = stop(&ends, queue->flow);
	int settled = set(&ends, &ends.settings);

	if (r == 0)
		r = settled;
	if (r == 0)
		r = write_all(master, queue->input + count, queue->input_count - count);
	if (state->packets)
		os_terminal_set_packets(master, true);
	return end(&ends, r);
}
