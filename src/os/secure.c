/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Bytes of a connection. TLS never touches the descriptor: it takes what the socket has at one time, and puts its words
 * into a buffer that we send with one call, however many records these are.
 *
 *	secure_write() -> TLS -> out -> socket -> TLS -> secure_read()
 *
 * So TLS never waits for room, a read asks the socket once, and what is left inside is known (secure_has_more()).
 */

#include "os/secure.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "os/clock.h"
#include "os/loop.h"
#include "os/secure_part.h"
#include "os/socket.h"

#define CHUNK_BYTES  (64u * 1024u) /* encrypted at one time: then others may send */
#define RECORD_BYTES (16u * 1024u)
#define BULK_BYTES \
	(CHUNK_BYTES + 2048u) /* with the heads of its records, and some words of TLS's own */

static size_t count(const struct bytes *bytes)
{
	assert(bytes->start <= bytes->end);
	assert(bytes->end <= bytes->size);
	return bytes->end - bytes->start;
}

static int bytes_grow(struct bytes *bytes, size_t size)
{
	uint8_t *more = realloc(bytes->bytes, size);

	assert(size >= bytes->end);
	if (!more)
		return -ENOMEM;
	bytes->bytes = more;
	bytes->size = size;
	return 0;
}

int secure_grow(struct secure *secure)
{
	SSL_set_default_read_buffer_len(secure->ssl, BULK_BYTES);
	return bytes_grow(&secure->out, BULK_BYTES);
}

/* ---- what TLS sees ---- */

/*
 * TLS reads ahead, and asks for as much as it has room for. The descriptor is asked until it has had less than that;
 * after that it has nothing until somebody reads again.
 */
static int on_bio_read(BIO *bio, char *buf, int len)
{
	struct secure *secure = BIO_get_data(bio);
	size_t room = (size_t)len;
	ssize_t n;

	assert(len >= 0);
	BIO_clear_retry_flags(bio);
	if (!secure->proven && room > SECURE_GREETING_BYTES - secure->greeted)
		room = SECURE_GREETING_BYTES - secure->greeted;
	secure->wide |= room > 2 * RECORD_BYTES;
	if (secure->error)
		return -1;
	/* Nobody's handshake is that long. */
	n = secure->dry ? -EAGAIN : room ? os_read_some(secure->fd, buf, room) : -EMSGSIZE;
	secure->dry = n < (ssize_t)room;
	if (n == -EAGAIN)
		BIO_set_retry_read(bio);
	else if (n < 0)
		secure->error = (int)n;
	if (n < 0)
		return -1;
	if (!secure->proven)
		secure->greeted += (size_t)n;
	return (int)n;
}

static int on_bio_write(BIO *bio, const char *buf, int len)
{
	struct secure *secure = BIO_get_data(bio);
	struct bytes *out = &secure->out;

	assert(len >= 0);
	BIO_clear_retry_flags(bio);
	/* Only a peer that makes TLS speak all the time, and reads nothing, gets there. */
	if ((size_t)len > out->size - out->end) {
		secure->error = -ENOBUFS;
		return -1;
	}
	memcpy(out->bytes + out->end, buf, (size_t)len);
	out->end += (size_t)len;
	return len;
}

static long on_bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *secure_method(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "dvs");

	if (!method)
		return NULL;
	BIO_meth_set_read(method, on_bio_read);
	BIO_meth_set_write(method, on_bio_write);
	BIO_meth_set_ctrl(method, on_bio_ctrl);
	return method;
}

/* ---- making one ---- */

static int add_tls(struct secure *secure)
{
	BIO *bio = BIO_new(secure->keys->method);

	secure->ssl = SSL_new(secure->keys->ctx);
	if (!bio || !secure->ssl) {
		BIO_free(bio);
		return -ENOMEM;
	}
	BIO_set_data(bio, secure);
	BIO_set_init(bio, 1);
	SSL_set_bio(secure->ssl, bio, bio);
	SSL_set_app_data(secure->ssl, secure);
	return bytes_grow(&secure->out, SECURE_GREETING_BYTES);
}

static struct secure *secure_new(struct secure_keys *keys, int fd)
{
	struct secure *secure = calloc(1, sizeof(*secure));

	assert(fd >= 0);
	if (!secure) {
		os_close(fd);
		return NULL;
	}
	secure->fd = fd;
	secure->keys = secure_keys_share(keys);
	os_set_nonblock(fd, 1);
	return keys && add_tls(secure) ? secure_free(secure) : secure;
}

struct secure *secure_plain(int fd)
{
	return secure_new(NULL, fd);
}

struct secure *secure_call(struct secure_keys *keys, const struct identity *identity, int fd)
{
	struct secure *secure = secure_new(keys, fd);

	if (!secure || !keys)
		return secure;
	secure->identity = *identity;
	memcpy(secure->identity.cluster, keys->cluster, sizeof(keys->cluster));
	secure_keys_add(secure, true);
	/* Nobody is trusted for a certificate: there is no authority that could have made one. */
	SSL_set_verify(secure->ssl, SSL_VERIFY_PEER, NULL);
	SSL_set_connect_state(secure->ssl);
	return secure;
}

struct secure *secure_answer(struct secure_keys *keys, int node, int fd)
{
	struct secure *secure = secure_new(keys, fd);

	if (!secure || !keys)
		return secure;
	secure->node = node;
	secure_keys_add(secure, false);
	SSL_set_accept_state(secure->ssl);
	return secure;
}

struct secure *secure_free(struct secure *secure)
{
	if (!secure)
		return NULL;
	/* Before its descriptor may be that of another. */
	secure_keys_remove(secure);
	assert(!secure->link);
	SSL_free(secure->ssl);
	secure_keys_free(secure->keys);
	os_close(secure->fd);
	free(secure->out.bytes);
	free(secure);
	return NULL;
}

/* ---- bytes ---- */

/* After a call of TLS that did not succeed. */
static int failed(struct secure *secure, int r)
{
	int error = SSL_get_error(secure->ssl, r);

	ERR_clear_error();
	if (error == SSL_ERROR_WANT_READ && !secure->error)
		return -EAGAIN;
	if (!secure->error)
		secure->error = error == SSL_ERROR_ZERO_RETURN ? -ECONNRESET : -EBADMSG;
	return secure->error;
}

/* dry: the descriptor is not asked. */
static ssize_t read_tls(struct secure *secure, void *buf, size_t size, bool dry)
{
	size_t at = 0, n;
	int r = 1;

	assert(secure->proven);
	secure->dry = dry;
	ERR_clear_error();
	while (at < size) {
		r = SSL_read_ex(secure->ssl, (uint8_t *)buf + at, size - at, &n);
		if (r != 1)
			break;
		at += n;
	}
	secure->more = r == 1;
	if (r != 1)
		r = failed(secure, r);
	/* From now on the buffers are as large as they get: they are not given back and made anew for each record. */
	if (secure->wide && !secure->kept) {
		SSL_clear_mode(secure->ssl, SSL_MODE_RELEASE_BUFFERS);
		secure->kept = true;
	}
	/* TLS may have had to answer. */
	secure_flush(secure);
	return at ? (ssize_t)at : r;
}

ssize_t secure_read(struct secure *secure, void *buf, size_t size)
{
	assert(size > 0);
	return secure->ssl ? read_tls(secure, buf, size, false)
			   : os_read_some(secure->fd, buf, size);
}

ssize_t secure_read_rest(struct secure *secure, void *buf, size_t size)
{
	assert(size > 0);
	return secure->ssl ? read_tls(secure, buf, size, true) : -EAGAIN;
}

bool secure_has_more(const struct secure *secure)
{
	return secure->more;
}

int secure_flush(struct secure *secure)
{
	struct bytes *out = &secure->out;

	if (secure->error && secure->error != -EACCES)
		return secure->error;
	while (count(out)) {
		ssize_t n = os_write_some(secure->fd, out->bytes + out->start, count(out));

		if (n == -EAGAIN)
			return -EAGAIN;
		if (n < 0) {
			secure->error = (int)n;
			return (int)n;
		}
		out->start += (size_t)n;
	}
	out->start = out->end = 0;
	return 0;
}

ssize_t secure_write(struct secure *secure, const void *buf, size_t len)
{
	size_t n;
	int r;

	assert(len > 0);
	if (!secure->ssl)
		return os_write_some(secure->fd, buf, len);
	assert(secure->proven);
	r = secure_flush(secure);
	if (r)
		return r;
	ERR_clear_error();
	r = SSL_write_ex(secure->ssl, buf, len < CHUNK_BYTES ? len : CHUNK_BYTES, &n);
	if (r != 1)
		return failed(secure, r);
	r = secure_flush(secure);
	return r && r != -EAGAIN ? r : (ssize_t)n;
}

int secure_read_full(struct secure *secure, void *buf, size_t len, int timeout_ms)
{
	int64_t deadline_ns = os_deadline_ns(timeout_ms);
	uint8_t *at = buf;

	if (!secure->ssl)
		return os_read_full(secure->fd, buf, len, timeout_ms);
	while (len) {
		ssize_t n = secure_read(secure, at, len);
		int r;

		if (n > 0) {
			at += n;
			len -= (size_t)n;
			continue;
		}
		if (n != -EAGAIN)
			return (int)n;
		r = os_poll(secure->fd, OS_READ, os_left_ms(deadline_ns));
		if (r)
			return r;
	}
	return 0;
}

int secure_write_full(struct secure *secure, const void *buf, size_t len, int timeout_ms)
{
	int64_t deadline_ns = os_deadline_ns(timeout_ms);
	const uint8_t *at = buf;

	if (!secure->ssl)
		return os_write_full(secure->fd, buf, len, timeout_ms);
	while (len || count(&secure->out)) {
		ssize_t n = len ? secure_write(secure, at, len) : secure_flush(secure);
		int r;

		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
		if (n >= 0)
			continue;
		if (n != -EAGAIN)
			return (int)n;
		r = os_poll(secure->fd, OS_WRITE, os_left_ms(deadline_ns));
		if (r)
			return r;
	}
	return 0;
}

int secure_wait(struct secure *secure, int timeout_ms)
{
	return secure->more ? 0 : os_poll(secure->fd, OS_READ, timeout_ms);
}

bool secure_is_readable(struct secure *secure)
{
	size_t n;
	uint8_t byte;
	int r;

	if (!secure->ssl)
		return os_poll(secure->fd, OS_READ, 0) == 0;
	assert(secure->proven);
	secure->dry = false;
	ERR_clear_error();
	r = SSL_peek_ex(secure->ssl, &byte, 1, &n);
	secure->more = r == 1;
	return r == 1 || failed(secure, r) != -EAGAIN;
}

int secure_wake_at(const struct secure *secure, size_t missing)
{
	/* A reader that waits has read all but the beginning of one record. */
	size_t here = secure->ssl ? RECORD_BYTES : 0;

	assert(missing > 0);
	return missing > here ? (int)(missing - here) : 1;
}

int secure_fd(const struct secure *secure)
{
	return secure ? secure->fd : -1;
}
