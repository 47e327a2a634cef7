/* SPDX-License-Identifier: Apache-2.0 */
#include "os/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/test.h"
#include "os/socket.h"

static int root;

static int slave_of(int master, int flags)
{
	return ioctl(master, TIOCGPTPEER, flags | O_NOCTTY | O_CLOEXEC);
}

/* With a number that is free: other programs have terminals meanwhile. */
static int new_master(void)
{
	int master = -EEXIST;

	for (uint32_t number = 0; master == -EEXIST; number++)
		master = os_terminal_new(root, "/dev/ptmx", number);
	return master;
}

static void test_numbers(void)
{
	int first = posix_openpt(O_RDWR | O_NOCTTY), second = posix_openpt(O_RDWR | O_NOCTTY);
	uint32_t number = 0, other = 0;
	bool is_master = false;

	CHECK(os_terminal_number(first, &number, &is_master) == 0 && is_master);
	CHECK(os_terminal_number(second, &other, &is_master) == 0 && is_master);
	CHECK_EQ(os_terminal_new(root, "/dev/ptmx", number), -EEXIST);
	close(first);
	close(second);
	int again = os_terminal_new(root, "/dev/ptmx", other);

	CHECK(again >= 0 && os_terminal_number(again, &number, &is_master) == 0 && number == other);
	int slave = slave_of(again, O_RDWR); /* it is not locked */

	CHECK(slave >= 0 && os_terminal_number(slave, &number, &is_master) == 0);
	CHECK(!is_master && number == other);
	close(again);
	CHECK_EQ(os_terminal_number(slave, &number, &is_master), -EIO); /* hung up */
	close(slave);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	CHECK_EQ(os_terminal_number(null, &number, &is_master), -ENOTTY);
	close(null);
}

static void test_state(void)
{
	int master = new_master();
	struct os_terminal_state state;

	CHECK_OR_RETURN(master >= 0 && os_terminal_look(master, &state) == 0);
	CHECK(!state.locked && !state.left && !state.packets && !state.news && state.is_plain);
	const struct os_terminal_size size = { 24, 80, 1, 2 };

	CHECK_EQ(os_terminal_set_size(master, &size), 0);
	CHECK_EQ(os_terminal_lock(master, true), 0);
	CHECK_EQ(os_terminal_set_exclusive(master, true), 0);
	CHECK_EQ(os_terminal_set_packets(master, true), 0);
	int slave = os_terminal_slave(master);

	CHECK(slave >= 0 && fcntl(slave, F_GETFL) & O_NONBLOCK);
	ioctl(slave, TCFLSH, 2);
	CHECK_EQ(os_terminal_look(master, &state), 0);
	CHECK(state.locked && state.packets && state.news && state.exclusive_master);
	CHECK(state.size.rows == 24 && state.size.columns == 80 && !state.left);
	close(slave);
	CHECK(os_terminal_look(master, &state) == 0 && state.left);
	close(master);
}

static void test_pair(void)
{
	int master = new_master();
	int other = new_master();
	int slave = os_terminal_slave(master), stranger = os_terminal_slave(other);

	CHECK(os_terminal_is_pair(master, slave) && os_terminal_is_pair(other, stranger));
	CHECK(!os_terminal_is_pair(master, stranger) && !os_terminal_is_pair(master, root));
	os_close(master);
	os_close(other);
	os_close(slave);
	os_close(stranger);
}

static void test_owner(void)
{
	int master = new_master();
	pid_t session = -1, group = -1;

	CHECK(os_terminal_owner(master, &session, &group) == 0 && !session && !group);
	int ready[2], end[2];
	char byte;

	CHECK(pipe(ready) == 0 && pipe(end) == 0);
	pid_t child = fork();

	if (child == 0) {
		setsid();
		close(end[1]);
		int fd = slave_of(master, O_RDWR);

		_exit(ioctl(fd, TIOCSCTTY, 0) || write(ready[1], "r", 1) != 1 ||
		      read(end[0], &byte, 1));
	}
	close(end[0]);
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	CHECK_EQ(os_terminal_owner(master, &session, &group), 0);
	CHECK(session == child && group == child);
	close(end[1]);
	close(ready[0]);
	close(ready[1]);
	close(master);
}

int main(void)
{
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int some = posix_openpt(O_RDWR | O_NOCTTY);

	if (some < 0 || os_close(some) != -1 || geteuid()) {
		test_skip("needs pseudo-terminals and root");
		return test_end();
	}
	TEST(test_numbers);
	TEST(test_state);
	TEST(test_pair);
	TEST(test_owner);
	close(root);
	return test_end();
}
