/* SPDX-License-Identifier: Apache-2.0 */

/* The ways to a node: the address that the order knows, and others. Each call takes the way whose turn it is. */

#include <assert.h>

#include "os/tcp.h"
#include "proxy/proxy_table.h"

struct os_tcp_route peer_route(const struct peer *peer)
{
	const struct gate_place *place = &peer->proxy->place;
	struct os_tcp_route route = { .to = peer->address, .port = place->port };

	assert(peer->way <= peer->ways_count);
	if (peer->way)
		route.to = peer->ways[peer->way - 1];
	/* Of another network, and of the other family, the kernel knows our address. */
	else if (address_is_v4(route.to) == address_is_v4(place->address))
		route.from = place->address;
	return route;
}

/* An address that is the order's was tried already. */
void peer_next_way(struct peer *peer)
{
	do
		peer->way = peer->way < peer->ways_count ? peer->way + 1 : 0;
	while (peer->way && address_same(peer->ways[peer->way - 1], peer->address));
}

int peer_gate_call(struct peer *peer, enum frame_kind kind)
{
	const struct os_tcp_route route = peer_route(peer);
	const struct identity identity = link_identity(&peer->link, kind);

	assert(peer->known);
	return gate_call(peer->proxy->gate, &route, &identity, peer->connection);
}
