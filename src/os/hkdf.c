/* SPDX-License-Identifier: Apache-2.0 */
#include "os/hkdf.h"

#include <assert.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

static OSSL_PARAM octets(const char *name, struct hkdf_input input)
{
	/* OpenSSL reads them only, but its type says no const. */
	return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)input.bytes, input.len);
}

static int derive(EVP_KDF_CTX *ctx, struct hkdf_input key, struct hkdf_input salt,
		  struct hkdf_input info, uint8_t *out, size_t len)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[5], *p = params;

	*p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
	*p++ = octets(OSSL_KDF_PARAM_KEY, key);
	if (salt.len)
		*p++ = octets(OSSL_KDF_PARAM_SALT, salt);
	if (info.len)
		*p++ = octets(OSSL_KDF_PARAM_INFO, info);
	*p = OSSL_PARAM_construct_end();
	return EVP_KDF_derive(ctx, out, len, params) == 1 ? 0 : -EIO;
}

int os_hkdf(struct hkdf_input key, struct hkdf_input salt, struct hkdf_input info, uint8_t *out,
	    size_t len)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	int r = ctx ? derive(ctx, key, salt, info, out, len) : -EIO;

	assert(key.len);
	assert(len);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return r;
}
