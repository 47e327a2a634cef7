/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_MOVE_FOREIGN_H
#define DVS_NODE_MOVE_FOREIGN_H

/*
 * Names of the node's own objects in a process, as they travel inside a checkpoint: a page of the
 * exchange, or the pipe of the process's output.
 */

#include <string.h>

#include "pages/exchange.h"
#include "migrate/migrate.h"

#define FOREIGN_LOG 100u

struct foreign {
	uint32_t kind; /* enum page_kind or FOREIGN_LOG */
	struct page_name page;
};

_Static_assert(sizeof(struct foreign) <= sizeof(struct foreign_name), "a foreign name fits");

static inline void foreign_encode(const struct foreign *foreign, struct foreign_name *name)
{
	memset(name, 0, sizeof(*name));
	memcpy(name, foreign, sizeof(*foreign));
}

static inline void foreign_decode(const struct foreign_name *name, struct foreign *foreign)
{
	memcpy(foreign, name, sizeof(*foreign));
}

#endif
