/* SPDX-License-Identifier: Apache-2.0 */
#include "os/terminal.h"

#include <asm/termbits.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "os/open.h"
#include "os/socket.h"

#define MAJOR_SLAVE 136
#define NUMBERS_MAX \
	4096 /* that are taken on the way to one: the kernel's limit for all (kernel.pty.max) */
#define UNUSED 18 /* a place among the characters that has no meaning */

_Static_assert(sizeof(struct termios2) == OS_TERMINAL_SETTINGS_BYTES, "settings");
_Static_assert(sizeof(struct winsize) == sizeof(struct os_terminal_size), "size");

static int result(int r)
{
	return r < 0 ? -errno : 0;
}

int os_terminal_number(int fd, uint32_t *number, bool *is_master)
{
	unsigned device = 0;

	assert(fd >= 0);
	*is_master = ioctl(fd, TIOCGPTN, number) == 0;
	if (*is_master)
		return 0;
	if (ioctl(fd, TIOCGDEV, &device) < 0)
		return -errno;
	*number = minor(device);
	return major(device) == MAJOR_SLAVE ? 0 : -ENXIO;
}

static bool is_plain(int fd)
{
	int discipline = -1;

	assert(fd >= 0);
	return ioctl(fd, TIOCGETD, &discipline) == 0 && discipline == 0;
}

bool os_terminal_is_exclusive(int fd)
{
	int exclusive = 0;

	assert(fd >= 0);
	return ioctl(fd, TIOCGEXCL, &exclusive) == 0 && exclusive;
}

int os_terminal_look(int master, struct os_terminal_state *state)
{
	struct pollfd news = { .fd = master, .events = POLLPRI };
	struct termios2 settings;
	int packets = 0, locked = 0;

	*state = (struct os_terminal_state){ 0 };
	if (ioctl(master, TCGETS2, &settings) < 0 || ioctl(master, TIOCGWINSZ, &state->size) < 0 ||
	    ioctl(master, TIOCGPKT, &packets) < 0 || ioctl(master, TIOCGPTLCK, &locked) < 0 ||
	    poll(&news, 1, 0) < 0)
		return -errno;
	memcpy(state->settings, &settings, sizeof(settings));
	state->packets = packets;
	state->edits_outside = settings.c_lflag & EXTPROC;
	state->locked = locked;
	state->news = news.revents & POLLPRI;
	state->left = news.revents & POLLHUP;
	state->is_plain = is_plain(master);
	state->exclusive_master = os_terminal_is_exclusive(master);
	return 0;
}

int os_terminal_owner(int master, pid_t *session, pid_t *group)
{
	assert(master >= 0);
	*session = *group = 0;
	if (ioctl(master, TIOCGSID, session) < 0)
		return errno == ENOTTY ? 0 : -errno;
	return result(ioctl(master, TIOCGPGRP, group));
}

int os_terminal_lock(int master, bool locked)
{
	int value = locked;

	assert(master >= 0);
	return result(ioctl(master, TIOCSPTLCK, &value));
}

int os_terminal_set_size(int master, const struct os_terminal_size *size)
{
	return result(ioctl(master, TIOCSWINSZ, size));
}

int os_terminal_set_exclusive(int fd, bool exclusive)
{
	return result(ioctl(fd, exclusive ? TIOCEXCL : TIOCNXCL));
}

int os_terminal_set_packets(int master, bool packets)
{
	int value = packets;

	assert(master >= 0);
	return result(ioctl(master, TIOCPKT, &value));
}

int os_terminal_set(int master, const struct os_terminal_state *state)
{
	if (ioctl(master, TCSETS2, state->settings) < 0)
		return -errno;
	return os_terminal_set_packets(master, state->packets);
}

int os_terminal_slave(int master)
{
	int locked = 0;

	assert(master >= 0);
	if (ioctl(master, TIOCGPTLCK, &locked) < 0)
		return -errno;
	if (locked)
		os_terminal_lock(master, false);
	int fd = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	int r = fd < 0 ? -errno : fd;

	if (locked)
		os_terminal_lock(master, true);
	return r;
}

static int open_one(int root, const char *ptmx, uint32_t *number)
{
	bool is_master = false;
	int fd = os_open_below(root, ptmx, O_RDWR | O_NOCTTY);
	int r = fd < 0 ? fd : os_terminal_number(fd, number, &is_master);

	if (r < 0 || is_master)
		return r < 0 ? r : fd;
	os_close(fd);
	return -ENOTTY;
}

/* The kernel gives the lowest number that is free: those below are taken for a moment. */
static int take_number(int root, const char *ptmx, uint32_t wanted, unsigned depth)
{
	uint32_t number = 0;
	int fd = open_one(root, ptmx, &number);

	assert(depth <= NUMBERS_MAX);
	if (fd < 0 || number == wanted)
		return fd;
	int r = number > wanted || depth == NUMBERS_MAX
			? -EEXIST
			: take_number(root, ptmx, wanted, depth + 1);

	os_close(fd);
	return r;
}

int os_terminal_new(int root, const char *ptmx, uint32_t number)
{
	int fd = take_number(root, ptmx, number, 0);

	if (fd >= 0)
		os_terminal_lock(fd, false);
	return fd;
}

bool os_terminal_is_pair(int master, int slave)
{
	struct termios2 was, marked, seen;

	assert(master >= 0 && slave != master);
	if (ioctl(master, TCGETS2, &was) < 0)
		return false;
	marked = was;
	marked.c_cc[UNUSED] ^= 0xa5;
	bool is = ioctl(master, TCSETS2, &marked) == 0 && ioctl(slave, TCGETS2, &seen) == 0 &&
		  seen.c_cc[UNUSED] == marked.c_cc[UNUSED];

	ioctl(master, TCSETS2, &was);
	return is;
}
