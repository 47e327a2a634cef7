/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CORE_COUNCIL_PART_H
#define DVS_CORE_COUNCIL_PART_H

/* Sets of nodes, for the files of the council alone. */

#include "core/assert.h"
#include "core/council.h"

static inline uint32_t bit(int node)
{
	CORE_ASSERT(node >= 0 && node < NR_NODES);
	return 1u << node;
}

static inline unsigned count_of(uint32_t set)
{
	return (unsigned)__builtin_popcount(set);
}

static inline int lowest_of(uint32_t set)
{
	CORE_ASSERT(set);
	return __builtin_ctz(set);
}

static inline bool is_placed(const struct council *c)
{
	return c->has_state && (c->placed & bit(c->self));
}

#endif
