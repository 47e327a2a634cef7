/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_BASE_IDENTITY_H
#define DVS_BASE_IDENTITY_H

/*
 * The identity that a connection between two nodes is made with: the key that proves it, what it is for, and both ends,
 * each in the life that the calling node knows. The secret of a connection is derived from the cluster's key and this
 * identity, byte for byte, so that the secret of one connection proves nothing about another one.
 */

#include <stddef.h>
#include <stdint.h>

#define IDENTITY_CLUSTER_BYTES 32
#define IDENTITY_BYTES	       (28u + IDENTITY_CLUSTER_BYTES)

struct identity {
	uint32_t key; /* struct keyring_key */
	uint16_t purpose;
	uint16_t from, to; /* nodes */
	uint32_t from_life, to_life;
	char cluster[IDENTITY_CLUSTER_BYTES]; /* filled up with zeros */
};

void identity_encode(const struct identity *identity, uint8_t buf[IDENTITY_BYTES]);
/* 0, or -1 for bytes that identity_encode() does not write. */
int identity_decode(struct identity *identity, const uint8_t *buf, size_t len);

#endif
