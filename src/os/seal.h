/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_SEAL_H
#define DVS_OS_SEAL_H

#include <stddef.h>
#include <stdint.h>

/*
 * Sealed bytes (AES-256-GCM): only the holder of the secret can read them, and every change is found. A nonce is used
 * for one sealing with a secret, never for two.
 */
#define OS_SEAL_SECRET_BYTES 32
#define OS_SEAL_NONCE_BYTES  12
#define OS_SEAL_TAG_BYTES    16

struct os_seal;

/* The secret is copied. NULL: no memory. */
struct os_seal *os_seal_new(const uint8_t secret[OS_SEAL_SECRET_BYTES]);
struct os_seal *
os_seal_free(struct os_seal *seal); /* wipes the secret; NULL is allowed; returns NULL */

/* Bytes that are authenticated, and stay in the clear. */
struct os_seal_beside {
	const void *bytes;
	size_t len;
};

/* In place; tag receives what os_seal_open() wants to see. 0 or -EIO. */
int os_seal_close(struct os_seal *seal, const uint8_t nonce[OS_SEAL_NONCE_BYTES],
		  struct os_seal_beside beside, void *bytes, size_t len,
		  uint8_t tag[OS_SEAL_TAG_BYTES]);

/* In place. 0; -EBADMSG: they are not those that were sealed with this secret and nonce, and are good for nothing. */
int os_seal_open(struct os_seal *seal, const uint8_t nonce[OS_SEAL_NONCE_BYTES],
		 struct os_seal_beside beside, void *bytes, size_t len,
		 const uint8_t tag[OS_SEAL_TAG_BYTES]);

#endif
