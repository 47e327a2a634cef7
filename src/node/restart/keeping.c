/* SPDX-License-Identifier: Apache-2.0 */
#include "node/restart/keeping.h"

#include <assert.h>
#include <string.h>

#include "node/ask/request.h"
#include "node/restart/handover.h"
#include "node/restart/restart.h"
#include "node/state/order.h"
#include "os/keeper.h"
#include "os/lock.h"
#include "os/log.h"
#include "os/socket.h"

#define FIRST_BYTES 4096u

/* The new one is left before the old one is closed; after a failure there is none, because an old one is not true. */
static void leave(struct keeping *keeping, int fd)
{
	int old = keeping->fd;

	assert(fd < 0 || fd != old);
	keeping->fd = fd;
	os_keeper_leave_state(fd);
	os_close(old);
}

static void save(void *ctx)
{
	struct restarts *restarts = ctx;
	struct keeping *keeping = &restarts->keeping;
	const struct order *order = restarts->requests->order;
	uint64_t changes = os_keeper_changes();
	struct handover_file file;
	int r;

	if (changes == keeping->changes || !order->directory.node[order->self].up)
		return;
	keeping->changes = changes;
	r = restarts->keep(restarts->node, keeping->bytes + keeping->bytes / 4, &file);
	if (r < 0 && !keeping->has_failed)
		os_log(OS_LOG_ERROR,
		       "no state can be left for a next daemon (%s): the node would end with "
		       "this one",
		       strerror(-r));
	keeping->has_failed = r < 0;
	leave(keeping, r < 0 ? -1 : file.fd);
	if (r == 0) {
		keeping->bytes = file.bytes;
		file.fd = -1;
		handover_file_deinit(&file);
	}
}

void keeping_begin(struct restarts *restarts)
{
	restarts->keeping = (struct keeping){ .fd = -1, .bytes = FIRST_BYTES };
	if (!os_keeper_pid())
		return;
	os_keeper_note();
	os_lock_on_release(save, restarts);
}

void keeping_end(struct restarts *restarts)
{
	os_lock_on_release(NULL, NULL);
	leave(&restarts->keeping, -1);
}
