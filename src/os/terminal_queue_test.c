/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes under way in one terminal are put into another one, and into the first one again. */
#include "os/terminal_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/test.h"

struct pair {
	int master, slave;
};

static struct os_terminal_queue queue;

static struct pair new_pair(void)
{
	struct pair pair = { .master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC) };

	unlockpt(pair.master);
	pair.slave = ioctl(pair.master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	CHECK(pair.master >= 0 && pair.slave >= 0);
	return pair;
}

static void close_pair(const struct pair *pair)
{
	close(pair->master);
	close(pair->slave);
}

static void set_local(int fd, tcflag_t local, bool on)
{
	struct termios settings;

	CHECK_EQ(tcgetattr(fd, &settings), 0);
	settings.c_lflag = on ? settings.c_lflag | local : settings.c_lflag & ~local;
	CHECK_EQ(tcsetattr(fd, TCSANOW, &settings), 0);
}

static bool is_ready(int fd, short event, int ms)
{
	struct pollfd one = { .fd = fd, .events = event };

	return poll(&one, 1, ms) == 1 && one.revents & event;
}

static void say(int fd, const char *text)
{
	CHECK_EQ(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* Whether the next reads give this, each as "<text>", until there is nothing. */
static bool hears(int fd, const char *wanted)
{
	char got[100], text[256] = "";

	while (is_ready(fd, POLLIN, 100)) {
		ssize_t n = read(fd, got, sizeof(got));

		if (n < 0)
			break;
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "<%.*s>", (int)n, got);
	}
	if (strcmp(text, wanted))
		printf("  heard %s\n", text);
	return strcmp(text, wanted) == 0;
}

/* Takes all there is, puts it back, takes it again, and puts it into another terminal, which is returned. */
static struct pair moved(struct pair *from)
{
	struct os_terminal_state state, again;
	struct pair to = new_pair();

	CHECK_EQ(os_terminal_look(from->master, &state), 0);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(os_terminal_take(from->master, &state, &queue), 0);
		CHECK_EQ(os_terminal_put(from->master, &state, &queue), 0);
		CHECK_EQ(os_terminal_look(from->master, &again), 0);
		CHECK(memcmp(&again, &state, sizeof(state)) == 0);
	}
	CHECK_EQ(os_terminal_put(to.master, &state, &queue), 0);
	CHECK_EQ(os_terminal_look(to.master, &again), 0);
	CHECK(memcmp(&again, &state, sizeof(state)) == 0);
	return to;
}

static void test_lines(void)
{
	struct pair from = new_pair();

	set_local(from.slave, ECHO, false);
	say(from.master, "one\rtwo\n\004half\004more");
	CHECK(is_ready(from.slave, POLLIN, 1000));
	struct pair to = moved(&from);

	say(to.master, "\177\177\n"); /* it can still be edited */
	CHECK(hears(to.slave, "<one\n><two\n><><half><mo\n>"));
	say(from.master, "\177x\n");
	CHECK(hears(from.slave, "<one\n><two\n><><half><morx\n>"));
	CHECK(hears(to.master, ""));
	close_pair(&from);
	close_pair(&to);
}

/* Typed ahead while the program read byte by byte: one read gives it all. */
static void test_pushed(void)
{
	struct pair from = new_pair();

	set_local(from.slave, ECHO | ICANON, false);
	say(from.master, "a\nb\nc");
	CHECK(is_ready(from.slave, POLLIN, 1000));
	usleep(1000);
	set_local(from.slave, ICANON, true);
	say(from.master, "d\ne");
	struct pair to = moved(&from);

	say(to.master, "\n");
	CHECK(hears(to.slave, "<a\nb\nc><d\n><e\n>"));
	close_pair(&from);
	close_pair(&to);
}

static void test_raw(void)
{
	struct pair from = new_pair();

	set_local(from.slave, ECHO | ICANON | ISIG, false);
	say(from.master, "x\003\004\n");
	say(from.slave, "out\nput");
	CHECK(is_ready(from.slave, POLLIN, 1000) && is_ready(from.master, POLLIN, 1000));
	struct pair to = moved(&from);

	CHECK(hears(to.slave, "<x\003\004\n>"));
	CHECK(hears(to.master, "<out\r\nput>"));
	CHECK(hears(from.slave, "<x\003\004\n>"));
	CHECK(hears(from.master, "<out\r\nput>"));
	close_pair(&from);
	close_pair(&to);
}

/* By a character, and by a call: each is undone by its like only. */
static void test_stopped(void)
{
	for (int held = 0; held < 2; held++) {
		struct pair from = new_pair();

		say(from.slave, "before");
		if (held)
			CHECK_EQ(tcflow(from.slave, TCOOFF), 0);
		else
			say(from.master, "\023");
		while (is_ready(from.slave, POLLOUT, 0))
			usleep(1000);
		struct pair to = moved(&from);

		CHECK_EQ(queue.flow, held ? OS_TERMINAL_HELD : OS_TERMINAL_STOPPED);
		CHECK(hears(to.master, "<before>"));
		CHECK(write(to.slave, "x", 1) < 0 && errno == EAGAIN);
		if (held)
			CHECK_EQ(tcflow(to.slave, TCOON), 0);
		else
			say(to.master, "\021");
		CHECK(is_ready(to.slave, POLLOUT, 1000));
		say(to.slave, "after");
		CHECK(hears(to.master, "<after>"));
		close_pair(&from);
		close_pair(&to);
	}
}

static uint32_t drain(int fd, const char *all, uint32_t bytes)
{
	static char got[OS_TERMINAL_QUEUE_MAX];
	uint32_t have = 0;

	while (have < bytes && is_ready(fd, POLLIN, 1000)) {
		ssize_t n = read(fd, got + have, sizeof(got) - have);

		have += n > 0 ? (uint32_t)n : 0;
	}
	return have == bytes && memcmp(got, all, bytes) == 0;
}

/* More than the line discipline takes, in both directions; packets, which the master reads with a byte ahead. */
static void test_much(void)
{
	static char all[9000];
	struct pair from = new_pair();
	int on = 1;

	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (char)('a' + i % 26);
	set_local(from.slave, ECHO | ICANON, false);
	CHECK_EQ(write(from.master, all, 7000), 7000);
	CHECK_EQ(write(from.slave, all, sizeof(all)), sizeof(all));
	struct pair to = moved(&from);

	CHECK(drain(to.slave, all, 7000) && drain(to.master, all, sizeof(all)));
	CHECK(drain(from.slave, all, 7000) && drain(from.master, all, sizeof(all)));
	close_pair(&to);
	CHECK_EQ(ioctl(from.master, TIOCPKT, &on), 0);
	say(from.slave, "p");
	to = moved(&from);
	CHECK(is_ready(to.master, POLLIN, 1000) && read(to.master, all, sizeof(all)) == 2);
	CHECK(all[0] == TIOCPKT_DATA && all[1] == 'p');
	close_pair(&from);
	close_pair(&to);
}

int main(void)
{
	int some = posix_openpt(O_RDWR | O_NOCTTY);

	if (some < 0 || close(some)) {
		test_skip("needs pseudo-terminals");
		return test_end();
	}
	TEST(test_lines);
	TEST(test_pushed);
	TEST(test_raw);
	TEST(test_stopped);
	TEST(test_much);
	return test_end();
}
