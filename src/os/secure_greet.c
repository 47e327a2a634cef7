/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The handshake. The calling end shows its identity and a proof over its first words; the called end reads the identity
 * and computes the proof before it computes anything else, so that a stranger costs two hashes.
 */

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <string.h>

#include "os/clock.h"
#include "os/loop.h"
#include "os/secure_part.h"
#include "os/socket.h"

/* A session with the secret of this identity, as TLS wants it. NULL: no memory. */
static SSL_SESSION *session_of(SSL *ssl, const struct secure *secure)
{
	static const unsigned char suite[] = { 0x13, 0x01 }; /* for its hash: SHA-256 */
	const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, suite);
	SSL_SESSION *session = SSL_SESSION_new();
	uint8_t secret[KEYRING_SECRET_BYTES];
	bool done = cipher && session && !secure_derive(secure->keys, &secure->identity, secret) &&
		    SSL_SESSION_set1_master_key(session, secret, sizeof(secret)) == 1 &&
		    SSL_SESSION_set_cipher(session, cipher) == 1 &&
		    SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) == 1;

	OPENSSL_cleanse(secret, sizeof(secret));
	if (done)
		return session;
	SSL_SESSION_free(session);
	return NULL;
}

int secure_on_call(SSL *ssl, const EVP_MD *md, const unsigned char **id, size_t *id_len,
		   SSL_SESSION **session)
{
	struct secure *secure = SSL_get_app_data(ssl);
	static _Thread_local uint8_t shown[IDENTITY_BYTES]; /* TLS copies it when we return */

	(void)md;
	*session = session_of(ssl, secure);
	if (!*session)
		return 0;
	identity_encode(&secure->identity, shown);
	*id = shown;
	*id_len = sizeof(shown);
	return 1;
}

/* NULL, or why nobody with this identity is let in. */
static const char *check_identity(const struct secure *secure, const struct identity *identity)
{
	if (memcmp(identity->cluster, secure->keys->cluster, sizeof(identity->cluster)) != 0)
		return "it is of another cluster";
	if (identity->to != secure->node || identity->from == secure->node)
		return "it calls another node";
	return NULL;
}

int secure_on_answer(SSL *ssl, const unsigned char *id, size_t id_len, SSL_SESSION **session)
{
	struct secure *secure = SSL_get_app_data(ssl);
	struct identity identity;

	*session = NULL;
	if (identity_decode(&identity, id, id_len)) {
		secure->why = "it shows an identity that is none of ours";
		return 1;
	}
	secure->why = check_identity(secure, &identity);
	if (!secure->why && !secure_keys_shown(secure, &identity))
		secure->why = "its key is none of ours";
	if (secure->why)
		return 1;
	*session = session_of(ssl, secure);
	return *session != NULL;
}

static const char *reason_of(int reason)
{
	switch (reason) {
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_HTTP_REQUEST:
	case SSL_R_HTTPS_PROXY_REQUEST:
	case SSL_R_UNEXPECTED_MESSAGE:
	case SSL_R_BAD_RECORD_TYPE:
	case SSL_R_RECORD_LENGTH_MISMATCH:
	case SSL_R_PACKET_LENGTH_TOO_LONG:
		return "its first bytes are no TLS";
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_VERSION_TOO_LOW:
		return "it speaks an older TLS than 1.3";
	case SSL_R_BINDER_DOES_NOT_VERIFY:
		return "it does not know the key";
	case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
	case SSL_R_DIGEST_CHECK_FAILED:
		return "it repeats the words of another, or its bytes were damaged";
	case SSL_R_NO_SHARED_CIPHER:
	case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
	case SSL_R_MISSING_SIGALGS_EXTENSION:
	case SSL_R_NO_CERTIFICATE_SET:
		return "it shows no key";
	case SSL_R_TLSV1_ALERT_UNKNOWN_PSK_IDENTITY:
	case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
	case SSL_R_SSLV3_ALERT_ILLEGAL_PARAMETER:
	case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:
		return "it does not accept the key of this node";
	default:
		return "its handshake is none of ours";
	}
}

static int refused(struct secure *secure)
{
	if (!secure->why)
		secure->why = reason_of(ERR_GET_REASON(ERR_peek_error()));
	ERR_clear_error();
	/* The alert goes out if it can: the other side may be a node with a wrong key, and say so. */
	secure_flush(secure);
	secure->error = -EACCES;
	return -EACCES;
}

static int greeted(struct secure *secure)
{
	int r;

	/* Only who knew the secret resumes; a certificate would be none of ours. */
	if (!SSL_session_reused(secure->ssl)) {
		secure->why = "it shows no key";
		return refused(secure);
	}
	r = secure_grow(secure);
	secure->proven = !r;
	return r;
}

int secure_greet(struct secure *secure)
{
	int r;

	if (!secure->ssl)
		return 0;
	if (secure->error)
		return secure->error;
	if (secure->proven)
		return secure_flush(secure) == -EAGAIN ? OS_WRITE : 0;
	secure->dry = false;
	ERR_clear_error();
	r = SSL_do_handshake(secure->ssl);
	if (r == 1) {
		r = greeted(secure);
	} else if (SSL_get_error(secure->ssl, r) == SSL_ERROR_WANT_READ) {
		r = OS_READ;
	} else if (secure->error) {
		ERR_clear_error();
		return secure->error; /* of the descriptor */
	} else {
		return refused(secure);
	}
	if (r >= 0 && secure_flush(secure) == -EAGAIN)
		return OS_WRITE;
	return r;
}

int secure_greet_full(struct secure *secure, int timeout_ms)
{
	int64_t deadline_ns = os_deadline_ns(timeout_ms);
	int r = secure_greet(secure);

	while (r > 0) {
		int waited = os_poll(secure->fd, r, os_left_ms(deadline_ns));

		if (waited)
			return waited;
		r = secure_greet(secure);
	}
	return r;
}

const char *secure_why(const struct secure *secure)
{
	return secure->why ? secure->why : "it ended the connection";
}

const struct identity *secure_identity(const struct secure *secure)
{
	return secure->proven ? &secure->identity : NULL;
}
