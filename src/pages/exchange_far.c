/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Far ends (invariant I3): the daemon takes the ends of a process that is about to move, gives
 * them back or to the process that has come, and ends what a dead endpoint leaves.
 */

#include <stdatomic.h>

#include "core/channel.h"
#include "pages/exchange_table.h"

static void bell_forget(struct exchange_bell *bell)
{
	exchange_bell_hold(bell, BELL_DAEMON);
	for (int i = 0; i < SHM_NEWS_WORDS; i++)
		atomic_store(&bell->page->news[i], 0);
}

void exchange_endpoint_dead(struct exchange *exchange, int dcid, int p_nr, int endpoint)
{
	struct exchange_channel *channel = exchange_next(exchange, dcid, p_nr, NULL);
	struct exchange_bell *bell = exchange_bell_find(exchange, dcid, p_nr);

	while (channel) {
		struct exchange_channel *next = exchange_next(exchange, dcid, p_nr, channel);
		int side = exchange_side(channel, p_nr);

		if (channel->endpoint[side] == endpoint) {
			exchange_channel_end(exchange, channel, side);
			exchange_channel_drop(exchange, channel);
		}
		channel = next;
	}
	if (bell)
		bell_forget(bell);
}

int exchange_hold(struct exchange *exchange, int dcid, int p_nr)
{
	struct exchange_bell *bell = exchange_bell_find(exchange, dcid, p_nr);
	struct exchange_channel *at = NULL;
	int copies = 0;

	if (bell)
		exchange_bell_hold(bell, BELL_DAEMON);
	while ((at = exchange_next(exchange, dcid, p_nr, at))) {
		copies += channel_hold(at->page, exchange_side(at, p_nr));
	}
	return copies;
}

void exchange_unhold(struct exchange *exchange, int dcid, int p_nr, int copy_pid)
{
	struct exchange_bell *bell = exchange_bell_find(exchange, dcid, p_nr);
	struct exchange_channel *at = NULL;

	if (bell)
		exchange_bell_hold(bell, BELL_PROCESS);
	while ((at = exchange_next(exchange, dcid, p_nr, at))) {
		int side = exchange_side(at, p_nr);

		if (channel_unhold(at->page, side, exchange->nodeid, copy_pid))
			exchange_ring_peer(exchange, at, side);
		/* A message that is here is decided here, whether or not it was on its way elsewhere. */
		at->passed[1 - side] = 0;
		if (bell)
			exchange_ring(exchange, bell, at->p_nr[1 - side]);
	}
	if (bell)
		exchange_poke(bell);
}
