/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/inet_members.h"

#include <assert.h>
#include <string.h>

#include "migrate/inet.h"
#include "os/inet_groups.h"

struct member_piece {
	uint8_t group[ADDRESS_BYTES];
	char device[OS_INET_DEVICE_BYTES];
	uint32_t includes, source_count;
	uint8_t source[OS_INET_SOURCES_MAX][ADDRESS_BYTES]; /* so many of them */
};

#define HEAD_BYTES  ((uint32_t)sizeof(struct inet_piece_head))
#define FIRST_BYTES ((uint32_t)offsetof(struct member_piece, source))

_Static_assert(sizeof(struct member_piece) == 40 + OS_INET_SOURCES_MAX * ADDRESS_BYTES, "layout");

static uint32_t bytes_of(uint32_t source_count)
{
	assert(source_count <= OS_INET_SOURCES_MAX);
	return FIRST_BYTES + source_count * ADDRESS_BYTES;
}

static int on_group(void *ctx, const struct os_inet_group *group)
{
	struct member_piece piece = { .includes = group->includes,
				      .source_count = group->source_count };

	memcpy(piece.group, group->group.byte, sizeof(piece.group));
	memcpy(piece.device, group->device, sizeof(piece.device));
	for (uint32_t i = 0; i < group->source_count; i++)
		memcpy(piece.source[i], group->source[i].byte, sizeof(piece.source[i]));
	return inet_append_piece(ctx, INET_GROUP, &piece, bytes_of(group->source_count));
}

int inet_members_take(int fd, int directory, struct contents *contents)
{
	assert(contents);
	return os_inet_groups_each(fd, directory, on_group, contents);
}

/* False: it is none. */
static bool read_piece(const uint8_t *bytes, uint32_t length, struct os_inet_group *group)
{
	struct member_piece piece;

	if (!inet_is_piece(bytes, length, INET_GROUP) || length < HEAD_BYTES + FIRST_BYTES ||
	    length > HEAD_BYTES + sizeof(piece))
		return false;
	memcpy(&piece, bytes + HEAD_BYTES, length - HEAD_BYTES);
	if (piece.source_count > OS_INET_SOURCES_MAX ||
	    length != HEAD_BYTES + bytes_of(piece.source_count) || piece.includes > 1 ||
	    piece.device[sizeof(piece.device) - 1])
		return false;
	*group = (struct os_inet_group){ .includes = piece.includes,
					 .source_count = piece.source_count };
	memcpy(group->group.byte, piece.group, sizeof(piece.group));
	memcpy(group->device, piece.device, sizeof(piece.device));
	for (uint32_t i = 0; i < piece.source_count; i++) {
		memcpy(group->source[i].byte, piece.source[i], sizeof(piece.source[i]));
		if (address_is_v4(group->source[i]) != address_is_v4(group->group))
			return false;
	}
	return true;
}

bool inet_members_is_piece(const uint8_t *piece, uint32_t length)
{
	struct os_inet_group group;

	return read_piece(piece, length, &group);
}

int inet_members_join(int fd, const struct contents *contents)
{
	uint32_t at = 0, length;
	const uint8_t *piece;
	int r = 0;

	assert(fd >= 0);
	while (r == 0 && (piece = contents_next(contents, &at, &length))) {
		struct os_inet_group group;

		if (read_piece(piece, length, &group))
			r = os_inet_groups_join(fd, &group);
	}
	return r;
}
