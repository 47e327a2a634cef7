/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CTL_DC_H
#define DVS_CTL_DC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/refusal.h"
#include "wire/ctl.h"

struct dc_wanted {
	int dcid;
	unsigned nodes;	  /* bit map */
	const char *name; /* or NULL */
	bool classic;
	uint32_t uid, gid, mode; /* CTL_UNSAID: the asker's, and the default mode */
	uint32_t service_count;
	struct address_net service[CTL_SERVICES_MAX];
};

/* Makes a container, asking `node` (-1: any). 0 or a negative EDVS number. */
int dc_create(int node, const struct dc_wanted *wanted, struct refusal *refusal);

#endif
