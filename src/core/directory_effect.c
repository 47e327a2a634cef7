/* SPDX-License-Identifier: Apache-2.0 */

/* The outcome of a command: its effects, in their order, and the result for its proposer. */

#include "core/directory_part.h"

static void effect_append(struct directory_change *change, const struct directory_effect *effect)
{
	CORE_ASSERT(effect->kind <= EFFECT_ENDPOINT_STATED);
	CORE_ASSERT(change->effects->count < DIRECTORY_EFFECTS_MAX);
	change->effects->item[change->effects->count++] = *effect;
}

void directory_effect_slot(struct directory_change *change, enum directory_effect_kind kind,
			   int dcid, int p_nr)
{
	const struct directory_endpoint *ep = &change->dir->dc[dcid].slot[shm_index(p_nr)];
	struct directory_effect effect = {
		.kind = (uint8_t)kind,
		.node = ep->node,
		.target = ep->target,
		.by_hand = ep->by_hand,
		.dcid = dcid,
		.p_nr = p_nr,
		.generation = ep->generation,
		.move = ep->move,
	};

	CORE_ASSERT(directory_slot_in_range(&change->dir->dc[dcid], p_nr));
	CORE_ASSERT(ep->bound || kind == EFFECT_ENDPOINT_STATED);
	effect_append(change, &effect);
}

void directory_effect_node(struct directory_change *change, enum directory_effect_kind kind,
			   int node, int dcid)
{
	struct directory_effect effect = {
		.kind = (uint8_t)kind, .node = (int8_t)node, .target = -1, .dcid = dcid
	};

	CORE_ASSERT(node == -1 || directory_node_in_range(node));
	CORE_ASSERT(dcid >= -1 && dcid < SHM_DCS);
	effect_append(change, &effect);
}

void directory_result_slot(struct directory_change *change, const struct directory_endpoint *ep)
{
	CORE_ASSERT(ep->generation <= _ENDPOINT_MAX_GENERATION);
	change->result->generation = ep->generation;
	change->result->move = ep->move;
}

int directory_endpoint_number(const struct directory_endpoint *ep, int p_nr)
{
	CORE_ASSERT(p_nr >= -SHM_TASKS && p_nr < SHM_SLOTS - SHM_TASKS);
	CORE_ASSERT(ep->generation <= _ENDPOINT_MAX_GENERATION);
	return _ENDPOINT((int)ep->generation, p_nr);
}
