/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_PROXY_KEYS_FIXTURE_H
#define DVS_PROXY_KEYS_FIXTURE_H

/* For tests, which include base/test.h first: the keys of a cluster that has one key, made of one byte. */

#include <string.h>

#include "os/secure.h"
#include "wire/frame.h"

TEST_LOOKS_UNUSED static struct secure_keys *keys_of(uint32_t id, uint8_t byte)
{
	struct keyring ring = { .count = 1, .key[0].id = id };
	struct secure_keys *made = NULL;

	memset(ring.key[0].secret, byte, sizeof(ring.key[0].secret));
	CHECK_EQ(secure_keys_new(&made, &ring, FRAME_CLUSTER_DEFAULT), 0);
	return made;
}

#endif
