/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_SECURE_H
#define DVS_OS_SECURE_H

/*
 * One end of a connection whose other end has proven that it knows the cluster's key: TLS 1.3 with an external key
 * (PSK with an ephemeral Diffie-Hellman exchange, so that a key which becomes known later opens no recorded
 * conversation), without certificates, tickets, early data or compression. A connection without keys is the same
 * object and passes bytes on as they are.
 *
 *	secure_call() or secure_answer() --- secure_greet() until 0 --- read, write --- secure_free()
 *
 * The descriptor is non-blocking from the beginning. An end belongs to one thread at a time; another one may only call
 * os_shutdown() and the like on secure_fd().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/identity.h"
#include "base/keyring.h"

struct secure;
struct secure_keys;

/* The bytes that secure_greet() reads of a stranger at most, and thus keeps at most. */
#define SECURE_GREETING_BYTES 4096

/* The keys of a cluster, made ready; many threads may use them. 0 or negative errno. */
int secure_keys_new(struct secure_keys **keysp, const struct keyring *keyring, const char *cluster);
/*
 * Other keys from now on. A connection goes on under the secrets that it has as long as its key is among them; one
 * whose key is not is shut down, and its owner hears of its end. How many were.
 */
unsigned secure_keys_change(struct secure_keys *keys, const struct keyring *keyring);
struct secure_keys *secure_keys_share(struct secure_keys *keys); /* NULL: none, which is NULL */
struct secure_keys *secure_keys_free(struct secure_keys *keys);	 /* one share; returns NULL */
/* A copy of the key with this number, 0: of the primary one. False: it is none of them. The caller wipes it. */
bool secure_keys_find(struct secure_keys *keys, uint32_t id, struct keyring_key *key);

/*
 * All take the descriptor and share the keys; NULL: no memory, and the descriptor is closed. keys NULL: no proof is
 * asked for or given.
 */
struct secure *secure_plain(int fd);
/* The calling end, with this identity; its key and cluster are filled in. */
struct secure *secure_call(struct secure_keys *keys, const struct identity *identity, int fd);
/* The called end, which is this node. */
struct secure *secure_answer(struct secure_keys *keys, int node, int fd);
struct secure *secure_free(struct secure *secure); /* closes; returns NULL */

/*
 * Goes on with the handshake: 0 when both sides are proven; OS_READ or OS_WRITE (os/loop.h): waits for that;
 * -EACCES: one side does not believe the other, and secure_why() says why; else the connection broke.
 */
int secure_greet(struct secure *secure);
int secure_greet_full(struct secure *secure, int timeout_ms); /* never OS_READ or OS_WRITE */
const char *secure_why(const struct secure *secure);
/* The identity that was proven; NULL without keys. */
const struct identity *secure_identity(const struct secure *secure);
/* A connection that is made now has another key: this one should be made anew. */
bool secure_is_outdated(const struct secure *secure);

/* As many bytes as are there: > 0, -EAGAIN, -ECONNRESET at the end, or another negative errno. */
ssize_t secure_read(struct secure *secure, void *buf, size_t size);
/* The same without a look at the descriptor: of bytes that are here already. */
ssize_t secure_read_rest(struct secure *secure, void *buf, size_t size);
/* There may be more than was read, although the descriptor is silent. */
bool secure_has_more(const struct secure *secure);
/*
 * As many bytes as are taken: > 0, -EAGAIN or a negative errno. Some of them may stay here until there is room:
 * secure_flush() is then called when the descriptor can be written to.
 */
ssize_t secure_write(struct secure *secure, const void *buf, size_t len);
/* 0: nothing stays here. -EAGAIN, or a negative errno. */
int secure_flush(struct secure *secure);

/* Everything or an error, as os_read_full() and os_write_full(). */
int secure_read_full(struct secure *secure, void *buf, size_t len, int timeout_ms);
int secure_write_full(struct secure *secure, const void *buf, size_t len, int timeout_ms);
/* Waits until there may be something to read. 0, -ETIMEDOUT or negative errno. */
int secure_wait(struct secure *secure, int timeout_ms);
/* Whether a byte can be read now, or the end. */
bool secure_is_readable(struct secure *secure);
/*
 * A reader that was told -EAGAIN and waits for so many bytes may sleep until so many have arrived at the descriptor:
 * fewer than are missing, because some are here already.
 */
int secure_wake_at(const struct secure *secure, size_t missing);
int secure_fd(const struct secure *secure); /* -1 of NULL */

#endif
