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
#include "os/memfd.h"
#include "os/socket.h"

#define FIRST_BYTES 4096u

static void file_deinit(struct keeping_file *file)
{
	file->map = os_memfd_unmap(file->map, file->room);
	file->fd = os_close(file->fd);
	file->room = 0;
}

/* Nothing of it is kept. 0 or negative errno. */
static int file_grow(struct keeping_file *file, size_t room)
{
	int r;

	assert(room > file->room);
	file_deinit(file);
	file->fd = os_memfd_new("dvs-handover", room);
	if (file->fd < 0)
		return file->fd;
	r = os_memfd_map(file->fd, room, 0, &file->map);
	if (r == 0)
		file->room = room;
	else
		file->fd = os_close(file->fd);
	return r;
}

/* 0 or negative errno. */
static int write_down(const struct restarts *restarts, struct keeping_file *file)
{
	ssize_t n;
	int r = file->room ? 0 : file_grow(file, FIRST_BYTES);

	while (r == 0) {
		n = restarts->keep(restarts->node, file->map, file->room);
		if (n < 0 || (size_t)n <= file->room)
			return n < 0 ? (int)n : 0;
		r = file_grow(file, (size_t)n + (size_t)n / 4);
	}
	return r;
}

/* After a failure there is none, because an old one is not true. */
static void save(void *ctx)
{
	struct restarts *restarts = ctx;
	struct keeping *keeping = &restarts->keeping;
	const struct order *order = restarts->requests->order;
	struct keeping_file *next = &keeping->file[!keeping->newest];
	uint64_t changes = os_keeper_changes();
	int r;

	if (changes == keeping->changes || !order->directory.node[order->self].up)
		return;
	keeping->changes = changes;
	r = write_down(restarts, next);
	if (r < 0 && !keeping->has_failed)
		os_log(OS_LOG_ERROR,
		       "no state can be left for a next daemon (%s): the node would end with "
		       "this one",
		       strerror(-r));
	keeping->has_failed = r < 0;
	os_keeper_leave_state(r < 0 ? -1 : next->fd);
	keeping->newest = !keeping->newest;
}

void keeping_begin(struct restarts *restarts)
{
	restarts->keeping = (struct keeping){ .file = { { .fd = -1 }, { .fd = -1 } } };
	if (!os_keeper_pid())
		return;
	os_keeper_note();
	os_lock_on_release(save, restarts);
}

void keeping_end(struct restarts *restarts)
{
	os_lock_on_release(NULL, NULL);
	os_keeper_leave_state(-1);
	for (unsigned i = 0; i < 2; i++)
		file_deinit(&restarts->keeping.file[i]);
}
