/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_HKDF_H
#define DVS_OS_HKDF_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that are known to somebody else. */
struct hkdf_input {
	const void *bytes;
	size_t len;
};

/*
 * HKDF-SHA-256 (RFC 5869): `len` bytes that nobody can compute without the key, and that say nothing about those of
 * another `info`. 0 or -EIO.
 */
int os_hkdf(struct hkdf_input key, struct hkdf_input salt, struct hkdf_input info, uint8_t *out,
	    size_t len);

#endif
