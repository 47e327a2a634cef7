/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Lines that are looked at although nobody rang. Every process of the node can write into the node bell, so one
 * that does can keep the rings of all others from the daemon. They lose time by that, but no message: all that
 * a ring would have told stands in the lines.
 */

#include "proxy/proxy_table.h"

uint64_t proxy_told(const struct proxy *proxy)
{
	return proxy->told;
}

static void look_at_slot(struct proxy *proxy, int dcid, int p_nr)
{
	struct exchange_channel *channel = NULL;

	while ((channel = exchange_next(proxy->exchange, dcid, p_nr, channel))) {
		int side = exchange_side(channel, p_nr);
		int at = proxy_locate(proxy, dcid, channel->endpoint[side]);

		if (at >= 0 && at < NR_NODES &&
		    proxy_locate(proxy, dcid, channel->endpoint[1 - side]) == PROXY_HERE)
			peer_send_channel(&proxy->peer[at], channel, 1 - side);
	}
}

void proxy_scan_all(struct proxy *proxy)
{
	proxy_batch_begin(proxy);
	for (int dcid = 0; dcid < SHM_DCS; dcid++) {
		for (int index = 0; index < SHM_SLOTS; index++) {
			int p_nr = index - SHM_TASKS;
			struct exchange_bell *bell =
				exchange_bell_find(proxy->exchange, dcid, p_nr);

			if (!bell)
				continue;
			exchange_bell_mend(bell);
			if (bell->holder == BELL_DAEMON)
				look_at_slot(proxy, dcid, p_nr);
		}
	}
	proxy_batch_end(proxy);
}
