/* SPDX-License-Identifier: Apache-2.0 */
#include "os/epoll.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/test.h"
#include "os/open.h"
#include "os/procdir.h"

/* An item that is added is seen in fdinfo. */
static void test_items(void)
{
	struct procdir_text info = { 0 };
	struct os_epoll_item item;
	char name[48];
	unsigned seen = 0;
	int fd = os_epoll_new(), target[3];

	CHECK(fd >= 0 && fcntl(fd, F_GETFD) & FD_CLOEXEC);
	for (int i = 0; i < 3; i++) {
		struct epoll_event event = { .events = EPOLLIN | EPOLLET,
					     .data.u64 = ~0ull - (unsigned)i };

		target[i] = eventfd(0, 0);
		CHECK_EQ(epoll_ctl(fd, EPOLL_CTL_ADD, target[i], &event), 0);
	}
	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
	CHECK_EQ(procdir_read(OS_FOLDER_CURRENT, name, &info), 0);
	for (const char *at = info.text; (at = os_epoll_next(at, &item)); seen++) {
		int i = item.number - target[0];

		CHECK(i >= 0 && i < 3 && item.data == ~0ull - (unsigned)i && item.inode);
		CHECK_EQ(item.events,
			 OS_EPOLL_IN | OS_EPOLL_EDGE | OS_EPOLL_ERROR | OS_EPOLL_HANGUP);
	}
	CHECK_EQ(seen, 3);
	CHECK(!os_epoll_has_settings(fd) && !os_epoll_has_settings(target[0]));
	procdir_text_free(&info);
	for (int i = 0; i < 3; i++)
		close(target[i]);
	close(fd);
}

static void test_text(void)
{
	struct os_epoll_item item;

	CHECK(!os_epoll_next("", &item));
	CHECK(!os_epoll_next("pos:\t0\nflags:\t02\n", &item));
	CHECK(!os_epoll_next("tfd: something\n", &item));
}

int main(void)
{
	TEST(test_items);
	TEST(test_text);
	return test_end();
}
