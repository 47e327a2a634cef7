/* SPDX-License-Identifier: Apache-2.0 */
#include "node/task/rights.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "base/bits.h"
#include "node/state/order.h"
#include "pages/exchange.h"
#include "os/lock.h"
#include "wire/handover.h"

bool rights_is_sysproc(const struct rights *rights, int dcid, int p_nr)
{
	const struct directory_dc *dc = &rights->order->directory.dc[dcid];

	return dc->serve || p_nr + dc->nr_tasks < dc->nr_sysprocs;
}

static void allow(dvk_map_t *map, int call)
{
	map->chunk[call / 16] |= (bitchunk_t)(1u << call % 16);
}

void rights_note(struct rights *rights, int dcid, int p_nr)
{
	struct os_kept *slot = &rights->in_state[dcid][shm_index(p_nr)];
	uint64_t number = (uint64_t)(slot - &rights->in_state[0][0]) + 1;

	if (slot->number)
		os_kept_note(slot);
	else
		os_kept_adopt(slot, HANDOVER_RIGHTS, number);
}

void rights_reset(struct rights *rights, int dcid, int p_nr)
{
	const struct directory_dc *dc = &rights->order->directory.dc[dcid];
	priv_usr_t *priv = &rights->of[dcid][shm_index(p_nr)];
	static const int user_calls[] = { DVK_SENDREC, DVK_UNBIND, DVK_GETEP, DVK_WAIT4BIND };

	assert(os_lock_protects());
	rights_note(rights, dcid, p_nr);
	memset(priv, 0, sizeof(*priv));
	priv->priv_warn = NONE;
	priv->priv_level = USER_PRIV;
	memset(&priv->priv_ipc_to, 0xff, sizeof(priv->priv_ipc_to));
	if (rights_is_sysproc(rights, dcid, p_nr)) {
		priv->priv_id =
			(dvk_id_t)(p_nr + dc->nr_tasks < dc->nr_sysprocs ? p_nr + dc->nr_tasks
									 : dc->nr_sysprocs);
		memset(&priv->priv_dvk_allowed, 0xff, sizeof(priv->priv_dvk_allowed));
		return;
	}
	priv->priv_id = (dvk_id_t)dc->nr_sysprocs;
	for (size_t i = 0; i < sizeof(user_calls) / sizeof(*user_calls); i++)
		allow(&priv->priv_dvk_allowed, user_calls[i]);
}

void rights_fill(const struct rights *rights, int dcid, int p_nr, struct status_page *page)
{
	const priv_usr_t *priv = &rights->of[dcid][shm_index(p_nr)];
	uint64_t calls = 0;

	assert(os_lock_protects());
	for (unsigned i = 0; i < NR_DVK_CHUNKS; i++)
		calls |= (uint64_t)priv->priv_dvk_allowed.chunk[i] << (16 * i);
	page->calls_allowed = calls;
	page->sysproc = rights_is_sysproc(rights, dcid, p_nr);
	page->serve = rights->order->directory.dc[dcid].serve;
	/* Release: partner in libdvk/channel.c. */
	atomic_fetch_add_explicit(&page->rights, 1, memory_order_release);
}

bool rights_may_talk(const struct rights *rights, int dcid, int own_nr, int peer_nr)
{
	const struct directory_dc *dc = &rights->order->directory.dc[dcid];
	const priv_usr_t *priv = &rights->of[dcid][shm_index(own_nr)];
	unsigned bit = (unsigned)(peer_nr + dc->nr_tasks);

	/* The map has no bits beyond. */
	if (peer_nr + dc->nr_tasks >= dc->nr_sysprocs)
		return true;
	return priv->priv_ipc_to.chunk[bit / 16] >> bit % 16 & 1;
}

static bool is_allowed(const priv_usr_t *priv, int call)
{
	return priv->priv_dvk_allowed.chunk[call / 16] >> call % 16 & 1;
}

static uint32_t barred_kinds(const struct rights *rights, int dcid, int p_nr)
{
	static const struct {
		enum line_op op;
		int call;
	} needs[] = { { LINE_OP_NONE, DVK_NOTIFY },
		      { LINE_OP_SEND, DVK_SEND },
		      { LINE_OP_SENDREC, DVK_SENDREC },
		      { LINE_OP_REPLY, DVK_REPLY } };
	const priv_usr_t *priv = &rights->of[dcid][shm_index(p_nr)];
	uint32_t kinds = rights_is_sysproc(rights, dcid, p_nr) ? 0 : 1u << LINE_OP_REPLY;

	for (size_t i = 0; i < sizeof(needs) / sizeof(*needs); i++)
		if (!is_allowed(priv, needs[i].call))
			kinds |= 1u << needs[i].op;
	return kinds;
}

void rights_show(const struct rights *rights, int dcid, int own_nr)
{
	const struct directory_dc *dc = &rights->order->directory.dc[dcid];
	struct exchange_bars bars = { .kinds = barred_kinds(rights, dcid, own_nr) };

	assert(os_lock_protects());
	for (int p_nr = -dc->nr_tasks; p_nr + dc->nr_tasks < dc->nr_sysprocs; p_nr++)
		if (!rights_may_talk(rights, dcid, own_nr, p_nr))
			bits_set(bars.to, (unsigned)shm_index(p_nr));
	exchange_bars_set(rights->exchange, dcid, own_nr, &bars);
}

void rights_hide(const struct rights *rights, int dcid, int own_nr)
{
	assert(os_lock_protects());
	exchange_bars_set(rights->exchange, dcid, own_nr, NULL);
}

static bool may_copy_with(const struct rights *rights, int dcid, int own_nr, int peer_nr)
{
	return peer_nr == own_nr || rights_may_talk(rights, dcid, own_nr, peer_nr);
}

static int slot_check(const struct rights *rights, int dcid, int endpoint)
{
	int p_nr = _ENDPOINT_P(endpoint);

	if (p_nr == HARDWARE)
		return EDVSBADDEST;
	if (!directory_slot_valid(&rights->order->directory.dc[dcid], p_nr))
		return EDVSRANGE;
	return 0;
}

static int party_check(const struct rights *rights, int dcid, int endpoint, int died)
{
	int p_nr = _ENDPOINT_P(endpoint);

	if (p_nr != endpoint)
		return EDVSENDPOINT;
	return order_endpoint(rights->order, dcid, p_nr)->bound ? 0 : died;
}

int rights_copy_check(const struct rights *rights, int dcid, int p_nr, int src_ep, int dst_ep)
{
	const priv_usr_t *priv = &rights->of[dcid][shm_index(p_nr)];
	int r;

	assert(os_lock_protects());
	if (!is_allowed(priv, DVK_VCOPY))
		return EDVSBADCALL;
	r = slot_check(rights, dcid, src_ep);
	if (!r)
		r = slot_check(rights, dcid, dst_ep);
	if (r)
		return r;
	if (!rights_is_sysproc(rights, dcid, p_nr) ||
	    !may_copy_with(rights, dcid, p_nr, _ENDPOINT_P(dst_ep)) ||
	    !may_copy_with(rights, dcid, p_nr, _ENDPOINT_P(src_ep)))
		return EDVSTRAPDENIED;
	r = party_check(rights, dcid, src_ep, EDVSSRCDIED);
	return r ? r : party_check(rights, dcid, dst_ep, EDVSDSTDIED);
}
