/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_SPREAD_H
#define DVS_MIGRATE_SPREAD_H

#include "base/refusal.h"
#include "migrate/descriptions.h"

/* Source: something that is done with each description; on several CPUs, with those whose kind may_spread. */
struct spread {
	struct descriptions *descriptions;
	/* 0 or a refusal. */
	int (*each)(void *ctx, struct description *description, struct refusal *refusal);
	void *ctx;
};

/*
 * 0, or the refusal of the first description in their order that is refused; those behind it may have been looked at as
 * well. Those that may spread come first, in no order, and then the others in theirs.
 */
int spread_do(const struct spread *spread, struct refusal *refusal);

#endif
