/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CTL_DC_H
#define DVS_CTL_DC_H

#include <stdbool.h>

#include "base/refusal.h"

/*
 * Makes a container on the nodes of the bit map `nodes`, asking `node` (-1: any). name may be NULL.
 * 0 or a negative EDVS number.
 */
int dc_create(int node, int dcid, unsigned nodes, const char *name, bool classic,
	      struct refusal *refusal);

#endif
