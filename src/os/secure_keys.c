/* SPDX-License-Identifier: Apache-2.0 */
#include "os/secure_part.h"

#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "os/hkdf.h"
#include "os/socket.h"

/* A secret of DVS is of use for nothing else, even if the same key is. */
static const char salt[] = "dvs cluster key 1";

/* All of TLS that may be spoken. AES comes first; a machine without instructions for it says so by its order. */
#define SUITES "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"
#define GROUPS "X25519:P-256"

int secure_derive(struct secure_keys *keys, const struct identity *identity,
		  uint8_t secret[KEYRING_SECRET_BYTES])
{
	const struct keyring_key *found;
	struct keyring_key key = { .id = 0 };
	uint8_t info[IDENTITY_BYTES];
	int r;

	pthread_mutex_lock(&keys->lock);
	found = keyring_find(&keys->keyring, identity->key);
	if (found)
		key = *found;
	pthread_mutex_unlock(&keys->lock);
	if (!key.id)
		return -EIO;
	identity_encode(identity, info);
	r = os_hkdf((struct hkdf_input){ key.secret, sizeof(key.secret) },
		    (struct hkdf_input){ salt, sizeof(salt) - 1 },
		    (struct hkdf_input){ info, sizeof(info) }, secret, KEYRING_SECRET_BYTES);
	OPENSSL_cleanse(&key, sizeof(key));
	return r;
}

/* ---- the connections of the keys ---- */

void secure_keys_add(struct secure *secure, bool calls)
{
	struct secure_keys *keys = secure->keys;

	assert(!secure->link);
	assert(!secure->proven);
	pthread_mutex_lock(&keys->lock);
	if (calls)
		secure->identity.key = keys->keyring.key[0].id;
	secure->next = keys->all;
	secure->link = &keys->all;
	if (secure->next)
		secure->next->link = &secure->next;
	keys->all = secure;
	pthread_mutex_unlock(&keys->lock);
}

void secure_keys_remove(struct secure *secure)
{
	if (!secure->keys)
		return;
	/* Also to look: the neighbour in the list, which another thread removes, writes to its link. */
	pthread_mutex_lock(&secure->keys->lock);
	if (secure->link) {
		assert(*secure->link == secure);
		*secure->link = secure->next;
		if (secure->next)
			secure->next->link = secure->link;
		secure->link = NULL;
	}
	pthread_mutex_unlock(&secure->keys->lock);
}

bool secure_keys_shown(struct secure *secure, const struct identity *identity)
{
	bool ours;

	assert(!secure->proven);
	pthread_mutex_lock(&secure->keys->lock);
	ours = keyring_find(&secure->keys->keyring, identity->key);
	if (ours)
		secure->identity = *identity;
	pthread_mutex_unlock(&secure->keys->lock);
	return ours;
}

bool secure_keys_find(struct secure_keys *keys, uint32_t id, struct keyring_key *key)
{
	const struct keyring_key *found;

	pthread_mutex_lock(&keys->lock);
	assert(keys->keyring.count >= 1);
	found = id ? keyring_find(&keys->keyring, id) : &keys->keyring.key[0];
	if (found)
		*key = *found;
	pthread_mutex_unlock(&keys->lock);
	return found;
}

bool secure_is_outdated(const struct secure *secure)
{
	bool outdated;

	if (!secure->keys)
		return false;
	pthread_mutex_lock(&secure->keys->lock);
	outdated = secure->identity.key != secure->keys->keyring.key[0].id;
	pthread_mutex_unlock(&secure->keys->lock);
	return outdated;
}

/* The same key is there before and after: a number alone says nothing. */
static bool stays(const struct keyring *before, const struct keyring *after, uint32_t id)
{
	const struct keyring_key *old = keyring_find(before, id), *now = keyring_find(after, id);

	return old && now && !CRYPTO_memcmp(old->secret, now->secret, sizeof(old->secret));
}

unsigned secure_keys_change(struct secure_keys *keys, const struct keyring *keyring)
{
	unsigned ended = 0;

	assert(keyring->count >= 1);
	assert(keyring->count <= KEYRING_KEYS);
	pthread_mutex_lock(&keys->lock);
	for (struct secure *s = keys->all; s; s = s->next) {
		/* The called end of a greeting has been shown nothing yet: it will look among the new ones. */
		if (!s->identity.key || stays(&keys->keyring, keyring, s->identity.key))
			continue;
		os_shutdown(s->fd);
		ended++;
	}
	keys->keyring = *keyring;
	pthread_mutex_unlock(&keys->lock);
	return ended;
}

/* ---- keys ---- */

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
	pthread_mutex_init(&keys->lock, NULL);
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
	assert(!keys->all);
	pthread_mutex_destroy(&keys->lock);
	SSL_CTX_free(keys->ctx);
	BIO_meth_free(keys->method);
	OPENSSL_cleanse(keys, sizeof(*keys));
	free(keys);
	return NULL;
}
