/* SPDX-License-Identifier: Apache-2.0 */
/* An epoll instance that waits for nothing, and no other descriptor that knows of others. */
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "victims/victim.h"

int main(void)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = 7 };
	int epoll = epoll_create1(0), counter = eventfd(1, EFD_NONBLOCK);

	victim_begin();
	VICTIM_CHECK(epoll >= 0 && counter >= 0);
	victim_ready();
	while (victim_moved()) {
		struct epoll_event told;

		VICTIM_CHECK(epoll_wait(epoll, &told, 1, 0) == 0);
		VICTIM_CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, counter, &event) == 0);
		VICTIM_CHECK(epoll_wait(epoll, &told, 1, 0) == 1 && told.data.u64 == 7);
		VICTIM_CHECK(epoll_ctl(epoll, EPOLL_CTL_DEL, counter, NULL) == 0);
	}
	return victim_end();
}
