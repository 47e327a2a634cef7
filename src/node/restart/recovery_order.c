/* SPDX-License-Identifier: Apache-2.0 */
#include "node/restart/recovery.h"

#include <errno.h>

#include "group/group.h"
#include "node/state/order.h"
#include "os/clock.h"
#include "os/loop.h"
#include "os/socket.h"

#define CATCH_UP_MS 5000

int recovery_catch_up(struct order *order)
{
	int64_t deadline_ns = os_deadline_ns(CATCH_UP_MS);
	int r = 0;

	while (r >= 0 && order->group && group_is_behind(order->group)) {
		int64_t left_ms = (deadline_ns - os_now_ns()) / OS_MS_NS;

		r = left_ms > 0 ? os_poll(group_fd(order->group), OS_READ, (int)left_ms) : -ESTALE;
		if (r == 0)
			r = group_dispatch(order->group);
	}
	return r < 0 ? r : 0;
}
