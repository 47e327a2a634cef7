/* SPDX-License-Identifier: Apache-2.0 */
#include "os/secure_part.h"

#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "os/hkdf.h"

/* A secret of DVS is of use for nothing else, even if the same key is. */
static const char salt[] = "dvs cluster key 1";

/* All of TLS that may be spoken. AES comes first; a machine without instructions for it says so by its order. */
#define SUITES "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"
#define GROUPS "X25519:P-256"

int secure_derive(const struct secure_keys *keys, const struct identity *identity,
		  uint8_t secret[KEYRING_SECRET_BYTES])
{
	const struct keyring_key *key = keyring_find(&keys->keyring, identity->key);
	uint8_t info[IDENTITY_BYTES];

	if (!key)
		return -EIO;
	identity_encode(identity, info);
	return os_hkdf((struct hkdf_input){ key->secret, sizeof(key->secret) },
		       (struct hkdf_input){ salt, sizeof(salt) - 1 },
		       (struct hkdf_input){ info, sizeof(info) }, secret, KEYRING_SECRET_BYTES);
}

static int set_up(SSL_CTX *ctx)
{
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
					 SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_PRIORITIZE_CHACHA);
	/* No middle box is to be deceived: these are nodes of one cluster. */
	SSL_CTX_clear_options(ctx, SSL_OP_ENABLE_MIDDLEBOX_COMPAT | SSL_OP_ALLOW_NO_DHE_KEX);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_psk_use_session_callback(ctx, secure_on_call);
	SSL_CTX_set_psk_find_session_callback(ctx, secure_on_answer);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
			       SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
			       SSL_CTX_set_ciphersuites(ctx, SUITES) == 1 &&
			       SSL_CTX_set1_groups_list(ctx, GROUPS) == 1 &&
			       SSL_CTX_set_num_tickets(ctx, 0) == 1 &&
			       SSL_CTX_set_max_early_data(ctx, 0) == 1
		       ? 0
		       : -EIO;
}

int secure_keys_new(struct secure_keys **keysp, const struct keyring *keyring, const char *cluster)
{
	struct secure_keys *keys;
	int r;

	assert(keyring->count >= 1);
	assert(strlen(cluster) < sizeof(keys->cluster));
	/* No file of the machine says how nodes talk, and threads of the daemon go on while it ends. */
	if (!OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL))
		return -EIO;
	keys = calloc(1, sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	keys->shares = 1;
	keys->keyring = *keyring;
	memcpy(keys->cluster, cluster, strlen(cluster));
	keys->method = secure_method();
	keys->ctx = SSL_CTX_new(TLS_method());
	r = keys->ctx && keys->method ? set_up(keys->ctx) : -ENOMEM;
	if (r) {
		secure_keys_free(keys);
		return r;
	}
	*keysp = keys;
	return 0;
}

struct secure_keys *secure_keys_share(struct secure_keys *keys)
{
	if (keys)
		atomic_fetch_add(&keys->shares, 1);
	return keys;
}

struct secure_keys *secure_keys_free(struct secure_keys *keys)
{
	if (!keys || atomic_fetch_sub(&keys->shares, 1) != 1)
		return NULL;
	SSL_CTX_free(keys->ctx);
	BIO_meth_free(keys->method);
	OPENSSL_cleanse(keys, sizeof(*keys));
	free(keys);
	return NULL;
}
