/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_INET_MEMBERS_H
#define DVS_MIGRATE_INET_MEMBERS_H

#include <stdbool.h>

#include "migrate/contents.h"

/* Memberships in multicast groups, as contents: each is a piece INET_GROUP, with the interface and the sources. */

/* Source; directory: /proc/PID of the process. 0, -E2BIG: one has more sources; other negative errno. */
int inet_members_take(int fd, int directory, struct contents *contents);

/* Whether a piece that came from outside is one. */
bool inet_members_is_piece(const uint8_t *piece, uint32_t length);

/* Target. 0, -ENODEV: an interface is not here; other negative errno. */
int inet_members_join(int fd, const struct contents *contents);

#endif
