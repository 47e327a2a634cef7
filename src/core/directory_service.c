/* SPDX-License-Identifier: Apache-2.0 */

/* Service addresses: those that a DC has, and the endpoint that they belong to. */

#include <string.h>

#include "core/directory_part.h"

bool directory_serves(const struct directory *dir, int dcid, int node)
{
	const struct directory_dc *dc = &dir->dc[dcid];

	CORE_ASSERT(dcid >= 0 && dcid < SHM_DCS);
	return dc->running && dc->held && dc->slot[shm_index(dc->holder)].node == node;
}

bool directory_services_follow(const struct directory *dir, int dcid, int p_nr)
{
	const struct directory_dc *dc = &dir->dc[dcid];

	CORE_ASSERT(dcid >= 0 && dcid < SHM_DCS);
	return dc->services && (!dc->held || dc->holder == p_nr);
}

int directory_service_dc(const struct directory *dir, struct address address)
{
	CORE_ASSERT(address_is_set(address));
	for (int dcid = 0; dcid < SHM_DCS; dcid++)
		for (int i = 0; i < dir->dc[dcid].services; i++)
			if (address_same(dir->dc[dcid].service[i].address, address))
				return dcid;
	return -1;
}

int directory_address_node(const struct directory *dir, struct address address)
{
	CORE_ASSERT(address_is_set(address));
	for (int node = 0; node < NR_NODES; node++)
		if (dir->node[node].up && address_same(dir->node[node].address, address))
			return node;
	return -1;
}

/* An address that the DC has already may be given to it again. */
int directory_service_check(const struct directory *dir, const struct command *cmd)
{
	const struct address_net net = { cmd->address, cmd->value };
	int code = directory_dc_check(dir, cmd->dcid), user;

	if (code)
		return code;
	if (address_net_check(&net))
		return EDVSBADVALUE;
	user = directory_service_dc(dir, net.address);
	if (user == cmd->dcid)
		return 0;
	if (user >= 0 || directory_address_node(dir, net.address) >= 0)
		return EDVSADDRINUSE;
	return dir->dc[cmd->dcid].services < DIRECTORY_SERVICES_MAX ? 0 : EDVSNOSPC;
}

void directory_service_apply(struct directory_change *change, const struct command *cmd)
{
	struct directory_dc *dc = &change->dir->dc[cmd->dcid];

	CORE_ASSERT(dc->running);
	if (directory_service_dc(change->dir, cmd->address) == cmd->dcid)
		return;
	CORE_ASSERT(dc->services < DIRECTORY_SERVICES_MAX);
	dc->service[dc->services++] = (struct address_net){ cmd->address, cmd->value };
	directory_dc_assert(change->dir, cmd->dcid);
}

void directory_service_bound(struct directory_dc *dc, int p_nr)
{
	CORE_ASSERT(dc->slot[shm_index(p_nr)].bound);
	if (dc->held)
		return;
	dc->held = 1;
	dc->holder = (int16_t)p_nr;
}

/* A bound one on that node (-1: on any), the lowest number first. */
static bool find_holder(struct directory_dc *dc, int node)
{
	for (int p_nr = -dc->nr_tasks; p_nr < dc->nr_procs; p_nr++) {
		const struct directory_endpoint *ep = &dc->slot[shm_index(p_nr)];

		if (!ep->bound || (node >= 0 && ep->node != node))
			continue;
		dc->holder = (int16_t)p_nr;
		return true;
	}
	return false;
}

void directory_service_ended(struct directory_dc *dc, int p_nr, int node)
{
	CORE_ASSERT(!dc->slot[shm_index(p_nr)].bound);
	if (!dc->held || dc->holder != p_nr || find_holder(dc, node) || find_holder(dc, -1))
		return;
	dc->held = 0;
	dc->holder = 0;
}

static bool is_held(const struct directory_dc *dc)
{
	if (dc->held)
		return dc->running && directory_slot_in_range(dc, dc->holder) &&
		       dc->slot[shm_index(dc->holder)].bound;
	for (int i = 0; i < SHM_SLOTS; i++)
		if (dc->slot[i].bound)
			return false;
	return !dc->holder;
}

bool directory_services_valid(const struct directory *dir, int dcid)
{
	const struct directory_dc *dc = &dir->dc[dcid];

	CORE_ASSERT(dcid >= 0 && dcid < SHM_DCS);
	if (dc->held > 1 || !is_held(dc) || (dc->services && !dc->running))
		return false;
	for (int i = 0; i < dc->services; i++) {
		if (address_net_check(&dc->service[i]) ||
		    directory_service_dc(dir, dc->service[i].address) != dcid)
			return false;
		for (int before = 0; before < i; before++)
			if (address_same(dc->service[before].address, dc->service[i].address))
				return false;
	}
	return true;
}
