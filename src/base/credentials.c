/* SPDX-License-Identifier: Apache-2.0 */
#include "base/credentials.h"

#include <assert.h>

#define FLAG_TRACE   1u
#define FLAG_FOREIGN 2u

bool asker_may_all(const struct asker *asker)
{
	return asker->may_trace && asker->user_ns == 0;
}

static bool all_are(const uint32_t ids[3], uint32_t id)
{
	return ids[0] == id && ids[1] == id && ids[2] == id;
}

bool asker_may_access(const struct asker *asker, const struct credentials *other)
{
	if (asker_may_all(asker))
		return true;
	if (asker->user_ns == CREDENTIALS_FOREIGN || asker->user_ns != other->user_ns)
		return false;
	return all_are(other->uid, asker->uid) && all_are(other->gid, asker->gid) &&
	       other->dumpable && !(other->permitted & ~asker->permitted);
}

static void put(uint8_t *at, uint64_t value, unsigned bytes)
{
	assert(bytes <= sizeof(value));
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t get(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;

	assert(bytes <= sizeof(value));
	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)at[i] << 8 * i;
	return value;
}

void asker_encode(uint8_t *buf, const struct asker *asker)
{
	uint32_t flags =
		(asker_may_all(asker) ? FLAG_TRACE : 0) | (asker->user_ns != 0 ? FLAG_FOREIGN : 0);

	/* Nobody of another user namespace may all, which is what the other end believes in, too. */
	assert(flags != (FLAG_TRACE | FLAG_FOREIGN));
	put(buf, asker->uid, 4);
	put(buf + 4, asker->gid, 4);
	put(buf + 8, asker->permitted, 8);
	put(buf + 16, flags, 4);
	put(buf + 20, 0, 4);
}

bool asker_decode(struct asker *asker, const uint8_t *buf)
{
	uint32_t flags = (uint32_t)get(buf + 16, 4);

	*asker = (struct asker){ .uid = (uint32_t)get(buf, 4),
				 .gid = (uint32_t)get(buf + 4, 4),
				 .permitted = get(buf + 8, 8),
				 .user_ns = flags & FLAG_FOREIGN ? CREDENTIALS_FOREIGN : 0,
				 .may_trace = flags & FLAG_TRACE };
	return !get(buf + 20, 4) && !(flags & ~(FLAG_TRACE | FLAG_FOREIGN)) &&
	       flags != (FLAG_TRACE | FLAG_FOREIGN) &&
	       !(asker->permitted & CREDENTIALS_CAPS_INVALID);
}
