/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_COPY_COPIES_RIG_TEST_H
#define DVS_NODE_COPY_COPIES_RIG_TEST_H

/* The copies of the node of bind_rig_test.h. */

#include "node/bind/bind_rig_test.h"
#include "node/copy/copy.h"

static struct copies rig_copies(void)
{
	return (struct copies){ .lock = &rig.lock,
				.loop = rig.bindings.loop,
				.order = &rig.order,
				.life = &rig.life,
				.exchange = rig.bindings.exchange,
				.proxy = rig.bindings.proxy,
				.bindings = &rig.bindings,
				.rights = &rig.tasks.rights,
				.shares = &rig.requests.shares };
}

#endif
