/* SPDX-License-Identifier: Apache-2.0 */
#include "base/identity.h"

#include <assert.h>
#include <string.h>

/*
 *	0 "DVSkey 1"   8 key   12 purpose   14 zero   16 from   18 to   20 from_life   24 to_life   28 the cluster
 *
 * Numbers are big-endian, as everywhere in TLS.
 */
static const char magic[8] = "DVSkey 1";

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, (uint16_t)(value >> 16));
	put16(at + 2, (uint16_t)value);
}

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

void identity_encode(const struct identity *identity, uint8_t buf[IDENTITY_BYTES])
{
	assert(!identity->cluster[IDENTITY_CLUSTER_BYTES - 1]);
	memcpy(buf, magic, sizeof(magic));
	put32(buf + 8, identity->key);
	put16(buf + 12, identity->purpose);
	put16(buf + 14, 0);
	put16(buf + 16, identity->from);
	put16(buf + 18, identity->to);
	put32(buf + 20, identity->from_life);
	put32(buf + 24, identity->to_life);
	memcpy(buf + 28, identity->cluster, sizeof(identity->cluster));
}

int identity_decode(struct identity *identity, const uint8_t *buf, size_t len)
{
	if (len != IDENTITY_BYTES || memcmp(buf, magic, sizeof(magic)) != 0 || get16(buf + 14))
		return -1;
	*identity = (struct identity){
		.key = get32(buf + 8),
		.purpose = get16(buf + 12),
		.from = get16(buf + 16),
		.to = get16(buf + 18),
		.from_life = get32(buf + 20),
		.to_life = get32(buf + 24),
	};
	memcpy(identity->cluster, buf + 28, sizeof(identity->cluster));
	return identity->cluster[IDENTITY_CLUSTER_BYTES - 1] ? -1 : 0;
}
