/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_SECURE_PART_H
#define DVS_OS_SECURE_PART_H

/* Shared by secure.c (bytes), secure_greet.c (the handshake) and secure_keys.c (keys); nobody else includes this. */

#include <openssl/ssl.h>
#include <stdatomic.h>
#include <sys/types.h> /* pthread_mutex_t */

#include "os/secure.h"

struct secure_keys {
	atomic_uint shares;
	char cluster[IDENTITY_CLUSTER_BYTES];
	SSL_CTX *ctx;
	BIO_METHOD *method;   /* bytes between TLS and our buffers */
	pthread_mutex_t lock; /* of the fields below, and of their parts in the connections */
	struct keyring keyring;
	struct secure *all; /* connections */
};

struct bytes {
	uint8_t *bytes;
	size_t size;
	size_t start, end; /* the bytes between them are there */
};

struct secure {
	int fd;
	struct secure_keys *keys;
	struct secure *next, **link; /* among those of the keys */
	SSL *ssl;		     /* NULL: bytes pass as they are */
	bool proven;
	int node;		  /* the called end's */
	struct identity identity; /* its key changes with the lock of the keys alone */
	const char *why;	  /* a sentence, for a person */
	size_t greeted;		  /* bytes read before all was proven */
	struct bytes out;
	bool dry;	 /* the descriptor had no more when it was read last */
	bool wide, kept; /* TLS has its large buffer for reading, and keeps it */
	bool more;	 /* a read ended because its room was filled */
	int error;	 /* sticky */
};

/* A connection that the keys know of from now on; the one of the calling end with their primary key. */
void secure_keys_add(struct secure *secure, bool calls);
void secure_keys_remove(struct secure *secure);
/* The called end has been shown this identity. False: its key is none of ours. */
bool secure_keys_shown(struct secure *secure, const struct identity *identity);
/* The secret of a connection with this identity. 0 or -EIO. */
int secure_derive(struct secure_keys *keys, const struct identity *identity,
		  uint8_t secret[KEYRING_SECRET_BYTES]);
/* Callbacks of TLS for the two ends. */
int secure_on_call(SSL *ssl, const EVP_MD *md, const unsigned char **id, size_t *id_len,
		   SSL_SESSION **session);
int secure_on_answer(SSL *ssl, const unsigned char *id, size_t id_len, SSL_SESSION **session);
/* More room, for bulk, once the other side is proven. */
int secure_grow(struct secure *secure);
BIO_METHOD *secure_method(void);

#endif
