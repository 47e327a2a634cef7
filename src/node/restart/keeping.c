/* SPDX-License-Identifier: Apache-2.0 */
#include "node/restart/keeping.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "node/ask/request.h"
#include "node/restart/restart.h"
#include "node/state/fault.h"
#include "node/state/order.h"
#include "os/keeper.h"
#include "os/kept.h"
#include "os/lock.h"
#include "os/log.h"

#define FIRST_BYTES 65536u
/* Of the whole state: room for changes before it is written again. */
#define ROOM_FACTOR 3u

/* -ENOSPC: it has no room for them. 0 or other negative errno. */
static int add_changes(struct restarts *restarts)
{
	struct keeping *keeping = &restarts->keeping;
	struct journal *journal = &keeping->journal[keeping->newest];
	size_t room;
	uint8_t *out;
	ssize_t n;

	if (keeping->has_failed || !journal->bytes)
		return -ENOSPC;
	out = journal_end(journal, &room);
	n = restarts->keep(restarts->node, false, out, room, &keeping->alone);
	if (n < 0)
		return n == -ENOBUFS ? -ENOSPC : (int)n;
	if ((size_t)n > room)
		return -ENOSPC;
	if (n > (ssize_t)HANDOVER_HEAD_BYTES)
		journal_add(journal, (size_t)n);
	return 0;
}

static int write_whole_into(struct restarts *restarts, struct journal *journal,
			    struct handover_alone *alone)
{
	size_t room, wanted = FIRST_BYTES;
	uint8_t *out;
	ssize_t n;
	int r = 0;

	for (;;) {
		if (wanted > journal->room) {
			journal_deinit(journal);
			r = journal_init(journal, wanted);
			if (r < 0)
				return r;
		}
		journal_clear(journal);
		*alone = (struct handover_alone){ 0 };
		out = journal_end(journal, &room);
		n = restarts->keep(restarts->node, true, out, room, alone);
		if (n < 0)
			return (int)n;
		wanted = ROOM_FACTOR * (size_t)n;
		if (wanted <= journal->room)
			break;
		wanted += wanted / 4;
	}
	journal_add(journal, (size_t)n);
	return 0;
}

static int write_whole(struct restarts *restarts)
{
	struct keeping *keeping = &restarts->keeping;
	struct journal *journal = &keeping->journal[!keeping->newest];
	int r = write_whole_into(restarts, journal, &keeping->alone);

	/* After a failure there is none, because an old one is not true. */
	os_keeper_leave_state(r < 0 ? -1 : journal->fd);
	keeping->newest = !keeping->newest;
	return r;
}

/* ---- whether each change was noted, for tests ---- */

static int read_back(const struct journal *journal, uint8_t **state, size_t *bytes)
{
	uint32_t version;

	return journal_read(journal->map, journal->room, &handover_own_versions, state, bytes,
			    &version);
}

/* The first record that is another one, or is in one of them alone. */
static void tell_difference(const uint8_t *left, size_t left_bytes, const uint8_t *now,
			    size_t now_bytes)
{
	size_t at = HANDOVER_HEAD_BYTES, at_now = at, begin = at;
	struct handover_cursor c;
	enum handover_kind kind = HANDOVER_NODE;
	uint64_t number = 0;

	while (handover_next(left, left_bytes, &at, &kind, &number, &c) > 0 && at <= now_bytes &&
	       !memcmp(left + begin, now + begin, at - begin))
		begin = at;
	at_now = begin;
	os_log(OS_LOG_ERROR, "the state that is left is not the node's: record %u, number %llu",
	       (unsigned)kind, (unsigned long long)number);
	if (handover_next(now, now_bytes, &at_now, &kind, &number, &c) > 0)
		os_log(OS_LOG_ERROR, "the node's has there record %u, number %llu", (unsigned)kind,
		       (unsigned long long)number);
}

static void check(struct restarts *restarts)
{
	struct keeping *keeping = &restarts->keeping;
	struct journal whole = { .fd = -1 };
	struct handover_alone alone;
	uint8_t *left = NULL, *now = NULL;
	size_t left_bytes = 0, now_bytes = 0;
	int r = write_whole_into(restarts, &whole, &alone);

	if (r == 0)
		r = read_back(&keeping->journal[keeping->newest], &left, &left_bytes);
	if (r == 0)
		r = read_back(&whole, &now, &now_bytes);
	if (r < 0)
		os_log(OS_LOG_ERROR, "the state that is left cannot be read: %s", strerror(-r));
	else if (left_bytes != now_bytes || memcmp(left, now, now_bytes))
		tell_difference(left, left_bytes, now, now_bytes);
	free(left);
	free(now);
	journal_deinit(&whole);
}

static void save(void *ctx)
{
	struct restarts *restarts = ctx;
	struct keeping *keeping = &restarts->keeping;
	struct order *order = restarts->requests->order;
	int r;

	if (!os_kept_has_changed() || !order->directory.node[order->self].up)
		return;
	r = add_changes(restarts);
	if (r == -ENOSPC)
		r = write_whole(restarts);
	else if (r < 0)
		os_keeper_leave_state(-1);
	if (r < 0 && !keeping->has_failed)
		os_log(OS_LOG_ERROR,
		       "no state can be left for a next daemon (%s): the node would end with "
		       "this one",
		       strerror(-r));
	keeping->has_failed = r < 0;
	os_kept_settle();
	order_settle(order);
	if (keeping->is_checked && r == 0)
		check(restarts);
}

void keeping_begin(struct restarts *restarts)
{
	restarts->keeping = (struct keeping){ .is_checked = fault_is("keep-check"),
					      .journal = { { .fd = -1 }, { .fd = -1 } } };
	if (!os_keeper_pid())
		return;
	/* Both from the beginning: no request makes a descriptor more. A failure is seen at the first state. */
	for (unsigned i = 0; i < 2; i++)
		journal_init(&restarts->keeping.journal[i], FIRST_BYTES);
	os_kept_watch(true);
	os_kept_note_other();
	os_lock_on_release(save, restarts);
}

void keeping_end(struct restarts *restarts)
{
	os_lock_on_release(NULL, NULL);
	os_kept_watch(false);
	os_keeper_leave_state(-1);
	for (unsigned i = 0; i < 2; i++)
		journal_deinit(&restarts->keeping.journal[i]);
}
