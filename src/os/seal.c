/* SPDX-License-Identifier: Apache-2.0 */
#include "os/seal.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct os_seal {
	EVP_CIPHER_CTX *ctx;
	uint8_t secret[OS_SEAL_SECRET_BYTES];
};

struct os_seal *os_seal_new(const uint8_t secret[OS_SEAL_SECRET_BYTES])
{
	struct os_seal *seal = calloc(1, sizeof(*seal));

	if (!seal)
		return NULL;
	memcpy(seal->secret, secret, sizeof(seal->secret));
	seal->ctx = EVP_CIPHER_CTX_new();
	return seal->ctx ? seal : os_seal_free(seal);
}

struct os_seal *os_seal_free(struct os_seal *seal)
{
	if (!seal)
		return NULL;
	EVP_CIPHER_CTX_free(seal->ctx);
	OPENSSL_cleanse(seal, sizeof(*seal));
	free(seal);
	return NULL;
}

/* Both directions: the nonce, the bytes beside, the bytes themselves. */
static int pass(struct os_seal *seal, const uint8_t *nonce, struct os_seal_beside beside,
		void *bytes, size_t len, bool closing)
{
	EVP_CIPHER_CTX *ctx = seal->ctx;
	int done = 0;

	assert(len <= INT_MAX);
	assert(beside.len <= INT_MAX);
	return EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, seal->secret, nonce, closing) == 1 &&
			       EVP_CipherUpdate(ctx, NULL, &done, beside.bytes, (int)beside.len) ==
				       1 &&
			       (!len || EVP_CipherUpdate(ctx, bytes, &done, bytes, (int)len) == 1)
		       ? 0
		       : -EIO;
}

int os_seal_close(struct os_seal *seal, const uint8_t nonce[OS_SEAL_NONCE_BYTES],
		  struct os_seal_beside beside, void *bytes, size_t len,
		  uint8_t tag[OS_SEAL_TAG_BYTES])
{
	uint8_t rest[16];
	int done = 0;

	if (pass(seal, nonce, beside, bytes, len, true) < 0 ||
	    EVP_CipherFinal_ex(seal->ctx, rest, &done) != 1)
		return -EIO;
	assert(!done);
	return EVP_CIPHER_CTX_ctrl(seal->ctx, EVP_CTRL_AEAD_GET_TAG, OS_SEAL_TAG_BYTES, tag) == 1
		       ? 0
		       : -EIO;
}

int os_seal_open(struct os_seal *seal, const uint8_t nonce[OS_SEAL_NONCE_BYTES],
		 struct os_seal_beside beside, void *bytes, size_t len,
		 const uint8_t tag[OS_SEAL_TAG_BYTES])
{
	uint8_t expected[OS_SEAL_TAG_BYTES], rest[16];
	int done = 0;

	memcpy(expected, tag, sizeof(expected));
	if (pass(seal, nonce, beside, bytes, len, false) < 0 ||
	    EVP_CIPHER_CTX_ctrl(seal->ctx, EVP_CTRL_AEAD_SET_TAG, sizeof(expected), expected) !=
		    1 ||
	    EVP_CipherFinal_ex(seal->ctx, rest, &done) != 1)
		return -EBADMSG;
	return 0;
}
