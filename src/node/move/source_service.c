/* SPDX-License-Identifier: Apache-2.0 */
#include "node/move/source_part.h"

#include <assert.h>
#include <string.h>

#include "node/bind/binding.h"
#include "node/state/order.h"
#include "os/lock.h"

/* The service addresses of a process that leaves: they move with it if its endpoint holds them. */

bool source_holds_addresses(struct source *d)
{
	bool follow = false;

	assert(os_lock_protects());
	for (int i = 0; i <= d->fellows && !follow; i++)
		follow = directory_services_follow(&d->moves->order->directory, d->dcid,
						   source_mover(d, i).p_nr);
	return follow;
}

bool source_address_moves(void *ctx, const uint8_t byte[ADDRESS_BYTES])
{
	struct source *d = ctx;
	struct address address;
	bool moves;

	memcpy(address.byte, byte, sizeof(address.byte));
	os_lock_take(d->moves->lock);
	moves = address_is_set(address) && source_holds_addresses(d) &&
		directory_service_dc(&d->moves->order->directory, address) == d->dcid;
	os_lock_release(d->moves->lock);
	return moves;
}

int source_silence(struct source *d)
{
	bool holds;

	os_lock_take(d->moves->lock);
	holds = source_holds_addresses(d);
	os_lock_release(d->moves->lock);
	if (!holds)
		return 0;
	d->is_silent = true;
	return addresses_silence(&d->moves->bindings->addresses, d->dcid, true, &d->refusal);
}

void source_end_silence(struct source *d)
{
	struct refusal ignored = REFUSAL_NONE;

	assert(!os_lock_is_held());
	if (!d->is_silent)
		return;
	d->is_silent = false;
	addresses_silence(&d->moves->bindings->addresses, d->dcid, false, &ignored);
}
