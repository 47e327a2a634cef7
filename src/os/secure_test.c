/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Two ends in one process, over a pair of sockets, and ends that have no key, another one, or old words. After
 * a fault of any kind nothing that the other end says is read.
 */

#include "os/secure.h"

#include <dlfcn.h>
#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "os/clock.h"
#include "os/loop.h"
#include "os/socket.h"

#define CALLER 3
#define CALLED 5

static struct secure_keys *keys;
static struct secure *near, *far;
static uint8_t big[300 * 1024], back[sizeof(big)];

static const struct identity who = {
	.purpose = 1, .from = CALLER, .to = CALLED, .from_life = 7, .to_life = 9
};

static struct keyring ring_of(uint32_t id, uint8_t byte)
{
	struct keyring ring = { .count = 1, .key[0].id = id };

	memset(ring.key[0].secret, byte, sizeof(ring.key[0].secret));
	return ring;
}

static struct secure_keys *keys_of(const struct keyring *ring, const char *cluster)
{
	struct secure_keys *made = NULL;

	CHECK_EQ(secure_keys_new(&made, ring, cluster), 0);
	return made;
}

static void pair(struct secure_keys *callers, const struct identity *identity,
		 struct secure_keys *called)
{
	int fd[2];

	CHECK_EQ(os_unix_pair(OS_STREAM, fd), 0);
	near = secure_call(callers, identity, fd[0]);
	far = secure_answer(called, CALLED, fd[1]);
}

static void part(void)
{
	near = secure_free(near);
	far = secure_free(far);
}

/* As far as it goes; both results are final then. */
static void greet(int *near_r, int *far_r)
{
	*near_r = *far_r = 1;
	for (int i = 0; i < 8 && (*near_r > 0 || *far_r > 0); i++) {
		if (*near_r > 0)
			*near_r = secure_greet(near);
		if (*far_r > 0)
			*far_r = secure_greet(far);
	}
}

static void test_proven(void)
{
	const struct identity *seen;
	int a, b;
	char buf[8];

	pair(keys, &who, keys);
	CHECK(!secure_identity(far));
	greet(&a, &b);
	CHECK_EQ(a, 0);
	CHECK_EQ(b, 0);
	seen = secure_identity(far);
	CHECK_OR_RETURN(seen);
	CHECK_EQ(seen->from, CALLER);
	CHECK_EQ(seen->from_life, 7);
	CHECK_EQ(seen->to_life, 9);
	CHECK_EQ(seen->key, 1);
	CHECK_EQ(secure_read(far, buf, sizeof(buf)), -EAGAIN);
	CHECK(!secure_is_readable(far));
	CHECK_EQ(secure_write(near, "hello", 5), 5);
	CHECK_EQ(secure_flush(near), 0);
	CHECK(secure_is_readable(far));
	CHECK_EQ(secure_read(far, buf, 2), 2);
	CHECK(secure_has_more(far));
	CHECK_EQ(secure_wait(far, 0), 0);
	CHECK_EQ(secure_read(far, buf + 2, sizeof(buf) - 2), 3);
	CHECK(!memcmp(buf, "hello", 5));
	CHECK(!secure_has_more(far));
	CHECK_EQ(secure_wait(far, 0), -ETIMEDOUT);
	near = secure_free(near);
	CHECK(secure_is_readable(far));
	CHECK_EQ(secure_read(far, buf, sizeof(buf)), -ECONNRESET);
	part();
}

/* A reader's turn ends with the bytes that are here, however fast the other end sends. */
static void test_rest(void)
{
	char buf[8];
	int a, b;

	pair(keys, &who, keys);
	greet(&a, &b);
	CHECK_EQ(secure_write(near, "first", 5), 5);
	CHECK_EQ(secure_read(far, buf, 2), 2);
	CHECK_EQ(secure_write(near, "next", 4), 4);
	CHECK(secure_has_more(far));
	CHECK_EQ(secure_read_rest(far, buf, sizeof(buf)), 3);
	CHECK(!memcmp(buf, "rst", 3));
	CHECK(!secure_has_more(far));
	CHECK_EQ(secure_read_rest(far, buf, sizeof(buf)), -EAGAIN);
	CHECK_EQ(secure_wait(far, 0), 0); /* the descriptor tells of the next bytes */
	CHECK_EQ(secure_read(far, buf, sizeof(buf)), 4);
	part();
}

static void *send_big(void *ctx)
{
	(void)ctx;
	return secure_write_full(near, big, sizeof(big), 5000) ? big : NULL;
}

static void test_bulk(void)
{
	pthread_t thread;
	void *failed;
	int a, b;

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)(i * 2654435761u >> 13);
	for (int plain = 0; plain < 2; plain++) {
		pair(plain ? NULL : keys, &who, plain ? NULL : keys);
		greet(&a, &b);
		CHECK_EQ(a + b, 0);
		memset(back, 0, sizeof(back));
		CHECK_EQ(pthread_create(&thread, NULL, send_big, NULL), 0);
		/* In odd pieces, some of which end within a record. */
		for (size_t at = 0, n; at < sizeof(back); at += n) {
			n = at % 70001 + 1 < sizeof(back) - at ? at % 70001 + 1 : sizeof(back) - at;
			CHECK_EQ(secure_read_full(far, back + at, n, 5000), 0);
		}
		pthread_join(thread, &failed);
		CHECK(!failed);
		CHECK(!memcmp(big, back, sizeof(big)));
		part();
	}
}

/* A writer whose reader sleeps is told so, keeps what it took, and loses none of it. */
static void test_full(void)
{
	size_t sent = 0, got = 0;
	int a, b;

	pair(keys, &who, keys);
	greet(&a, &b);
	for (;;) {
		ssize_t n = secure_write(near, big, 10000);

		if (n < 0) {
			CHECK_EQ(n, -EAGAIN);
			break;
		}
		sent += (size_t)n;
	}
	CHECK_EQ(secure_flush(near), -EAGAIN);
	while (got < sent) {
		ssize_t n = secure_read(far, back, sizeof(back));

		if (n == -EAGAIN) {
			secure_flush(near);
			continue;
		}
		CHECK_OR_RETURN(n > 0);
		got += (size_t)n;
	}
	CHECK_EQ(got, sent);
	CHECK_EQ(secure_flush(near), 0);
	part();
}

static void test_two_keys(void)
{
	struct keyring first = ring_of(1, 0xa1), both = ring_of(2, 0xb2);
	struct secure_keys *some, *all;
	int a, b;

	both.key[1] = first.key[0];
	both.count = 2;
	some = keys_of(&first, "dvs");
	all = keys_of(&both, "dvs");
	pair(some, &who, all);
	greet(&a, &b);
	CHECK_EQ(a + b, 0);
	CHECK_EQ(secure_identity(far)->key, 1);
	part();
	/* And a node that has not been told of the new key does not take it. */
	pair(all, &who, some);
	greet(&a, &b);
	CHECK_EQ(b, -EACCES);
	CHECK(strstr(secure_why(far), "none of ours"));
	part();
	secure_keys_free(some);
	secure_keys_free(all);
}

/* Whether a word gets from one end to the other. */
static bool is_open(void)
{
	char buf[8];

	return secure_write_full(near, "word", 4, 1000) == 0 &&
	       secure_read_full(far, buf, 4, 1000) == 0 && !memcmp(buf, "word", 4);
}

static bool is_ended(void)
{
	char buf[8];

	return secure_read(far, buf, sizeof(buf)) == -ECONNRESET &&
	       secure_read(near, buf, sizeof(buf)) == -ECONNRESET;
}

/* A step of an exchange of keys ends nothing; a key that is gone ends what was made with it. */
static void test_keys_change(void)
{
	struct keyring ring = ring_of(1, 0xa1), fresh = ring_of(2, 0xb2);
	struct secure_keys *changing = keys_of(&ring, "dvs");
	int a, b;

	pair(changing, &who, changing);
	greet(&a, &b);
	CHECK_EQ(a + b, 0);
	for (int step = 1; step <= 2; step++) {
		CHECK(!secure_is_outdated(near));
		keyring_turn(&ring, &fresh.key[0]);
		CHECK_EQ(secure_keys_change(changing, &ring), 0);
		CHECK(is_open());
	}
	CHECK(secure_is_outdated(near));
	CHECK(secure_is_outdated(far));
	keyring_turn(&ring, &fresh.key[0]);
	CHECK_EQ(ring.key[0].id, 2);
	CHECK_EQ(secure_keys_change(changing, &ring), 2);
	CHECK(is_ended());
	part();
	pair(changing, &who, changing);
	greet(&a, &b);
	CHECK_EQ(secure_identity(far)->key, 2);
	CHECK(!secure_is_outdated(near));
	/* Another key with the same number is another key. */
	ring = ring_of(2, 0xb3);
	CHECK_EQ(secure_keys_change(changing, &ring), 2);
	CHECK(is_ended());
	part();
	/* In the middle of a greeting, when one side has shown what it knows. */
	pair(changing, &who, changing);
	CHECK_EQ(secure_greet(near), OS_READ);
	ring = ring_of(3, 0xc4);
	CHECK_EQ(secure_keys_change(changing, &ring), 1);
	greet(&a, &b);
	CHECK(a < 0);
	CHECK(b < 0);
	CHECK(!secure_identity(far));
	part();
	pair(NULL, &who, NULL);
	CHECK(!secure_is_outdated(near));
	part();
	secure_keys_free(changing);
}

static int exchanges;

/* TLS computes the secret of a Diffie-Hellman exchange by this function of its library: here it is counted first. */
int EVP_PKEY_derive(EVP_PKEY_CTX *ctx, unsigned char *key, size_t *len)
{
	static int (*next)(EVP_PKEY_CTX *, unsigned char *, size_t *);

	if (!next)
		next = (int (*)(EVP_PKEY_CTX *, unsigned char *, size_t *))dlsym(RTLD_NEXT,
										 "EVP_PKEY_derive");
	exchanges += key != NULL;
	return next(ctx, key, len);
}

static bool is_refused(struct secure_keys *callers, const struct identity *identity,
		       const char *words)
{
	bool as_it_should;
	int a, b;

	pair(callers, identity, keys);
	greet(&a, &b);
	as_it_should = a < 0 && b == -EACCES && strstr(secure_why(far), words) &&
		       !secure_identity(near) && !secure_identity(far);
	if (!as_it_should)
		printf("# near %d (%s), far %d (%s)\n", a, secure_why(near), b, secure_why(far));
	part();
	return as_it_should;
}

static void test_wrong_keys(void)
{
	struct keyring wrong = ring_of(1, 0x55), other = ring_of(4, 0xa1);
	struct secure_keys *liar = keys_of(&wrong, "dvs"), *stranger = keys_of(&other, "dvs"),
			   *neighbour;
	struct keyring right = ring_of(1, 0xa1);
	struct identity not_us = who, from_us = who;

	exchanges = 0;
	neighbour = keys_of(&right, "house");
	not_us.to = CALLED + 1;
	from_us.from = CALLED;
	CHECK(is_refused(liar, &who, "does not know the key"));
	CHECK(is_refused(stranger, &who, "its key is none of ours"));
	CHECK(is_refused(neighbour, &who, "another cluster"));
	CHECK(is_refused(keys, &not_us, "calls another node"));
	CHECK(is_refused(keys, &from_us, "calls another node"));
	CHECK_EQ(exchanges, 0); /* a stranger costs no more than hashes */
	secure_keys_free(liar);
	secure_keys_free(stranger);
	secure_keys_free(neighbour);
}

/* Bytes of a stranger, to a called end. Returns the result of its greeting. */
static int answer_to(const void *bytes, size_t len, const char *words)
{
	int fd[2], r = 1;

	CHECK_EQ(os_unix_pair(OS_STREAM, fd), 0);
	far = secure_answer(keys, CALLED, fd[1]);
	os_write_full(fd[0], bytes, len, 1000);
	for (int i = 0; i < 4 && r > 0; i++)
		r = secure_greet(far);
	if (words && !strstr(secure_why(far), words))
		r = 2000;
	if (r == 2000)
		printf("# %s\n", secure_why(far));
	far = secure_free(far);
	os_close(fd[0]);
	return r;
}

/* The first words of a right caller, as somebody on the way could have recorded them. */
static size_t record(uint8_t *buf, size_t size)
{
	ssize_t n;
	int fd[2];

	CHECK_EQ(os_unix_pair(OS_STREAM, fd), 0);
	near = secure_call(keys, &who, fd[0]);
	CHECK_EQ(secure_greet(near), OS_READ);
	n = os_read_some(fd[1], buf, size);
	near = secure_free(near);
	os_close(fd[1]);
	return n > 0 ? (size_t)n : 0;
}

/*
 * Each connection has a Diffie-Hellman exchange of its own, so that the key alone, known later, opens no record of it:
 * no other mode is offered, and both ends add a share that is another one each time.
 */
static void test_forward_secrecy(void)
{
	/* psk_key_exchange_modes with one mode, psk_dhe_ke; key_share of the called end, x25519. */
	static const uint8_t modes[] = { 0, 45, 0, 2, 1, 1 }, share[] = { 0, 51, 0, 36, 0, 29 };
	uint8_t hello[1024], other[1024], answer[4096];
	size_t len = record(hello, sizeof(hello));
	ssize_t n;
	int fd[2], shares = 0, a, b;

	CHECK(memmem(hello, len, modes, sizeof(modes)));
	CHECK_EQ(record(other, sizeof(other)), len);
	for (size_t i = 0; i + 36 <= len; i++) {
		if (memcmp(hello + i, "\0\35\0\40", 4) != 0) /* x25519, of 32 bytes */
			continue;
		CHECK(memcmp(hello + i + 4, other + i + 4, 32) != 0);
		shares++;
	}
	CHECK_EQ(shares, 1);
	CHECK_EQ(os_unix_pair(OS_STREAM, fd), 0);
	far = secure_answer(keys, CALLED, fd[1]);
	CHECK_EQ(os_write_full(fd[0], hello, len, 1000), 0);
	CHECK_EQ(secure_greet(far), OS_READ);
	n = os_read_some(fd[0], answer, sizeof(answer));
	CHECK(n > 0 && memmem(answer, (size_t)n, share, sizeof(share)));
	far = secure_free(far);
	os_close(fd[0]);
	exchanges = 0;
	pair(keys, &who, keys);
	greet(&a, &b);
	CHECK_EQ(a + b, 0);
	CHECK_EQ(exchanges, 2); /* one at each end */
	part();
}

static void test_noise(void)
{
	static const char http[] = "GET / HTTP/1.1\r\nHost: somewhere\r\n\r\n";
	/* A client hello of TLS 1.2: one cipher suite, no extensions. */
	static const uint8_t old[] = { 22, 3,  1,  0,  47, 1,  0,  0,	 43,   3,  3,	 1,  2,
				       3,  4,  5,  6,  7,  8,  9,  10,	 11,   12, 13,	 14, 15,
				       16, 17, 18, 19, 20, 21, 22, 23,	 24,   25, 26,	 27, 28,
				       29, 30, 31, 32, 0,  0,  4,  0xc0, 0x2f, 0,  0x2f, 1,  0 };
	uint8_t hello[1024], noise[SECURE_GREETING_BYTES + 100];
	size_t len = record(hello, sizeof(hello));

	CHECK_EQ(answer_to(http, sizeof(http) - 1, "no TLS"), -EACCES);
	CHECK_EQ(answer_to(old, sizeof(old), "older TLS"), -EACCES);
	memset(noise, 0xff, sizeof(noise));
	CHECK_EQ(answer_to(noise, sizeof(noise), NULL), -EACCES);
	CHECK_EQ(answer_to("", 0, NULL), OS_READ);
	/* Each beginning of right words waits for more; each flipped bit ends it. */
	for (size_t i = 0; i < len; i += 7)
		CHECK_EQ(answer_to(hello, i, NULL), OS_READ);
	for (size_t i = 0; i < len; i++) {
		int r;

		hello[i] ^= 0x10;
		r = answer_to(hello, len, NULL);
		/* A length that has grown waits for bytes that never come; nothing is ever believed. */
		CHECK(r == -EACCES || r == OS_READ || r == -EMSGSIZE);
		hello[i] ^= 0x10;
	}
	/* A record that never ends is none. */
	noise[0] = 22;
	noise[1] = 3;
	noise[2] = 1;
	noise[3] = 0x3f;
	noise[4] = 0xff;
	noise[5] = 1;
	noise[6] = 0;
	CHECK(answer_to(noise, sizeof(noise), NULL) < 0);
}

/* The recorded bytes of both directions of a whole conversation are said again, in the same order. */
static void test_replay(void)
{
	uint8_t hello[1024], rest[4096], answer[4096];
	size_t hello_len, rest_len;
	ssize_t n;
	int fd[2], a, b;

	CHECK_EQ(os_unix_pair(OS_STREAM, fd), 0);
	near = secure_call(keys, &who, fd[0]);
	CHECK_EQ(secure_greet(near), OS_READ);
	n = os_read_some(fd[1], hello, sizeof(hello));
	CHECK_OR_RETURN(n > 0);
	hello_len = (size_t)n;
	/* A man in the middle: the called end's words go to the caller, the caller's are written down. */
	{
		int to_far[2];

		CHECK_EQ(os_unix_pair(OS_STREAM, to_far), 0);
		far = secure_answer(keys, CALLED, to_far[1]);
		CHECK_EQ(os_write_full(to_far[0], hello, hello_len, 1000), 0);
		CHECK_EQ(secure_greet(far), OS_READ);
		n = os_read_some(to_far[0], answer, sizeof(answer));
		CHECK_OR_RETURN(n > 0);
		CHECK_EQ(os_write_full(fd[1], answer, (size_t)n, 1000), 0);
		CHECK_EQ(secure_greet(near), 0);
		CHECK_EQ(secure_write(near, "order", 5), 5);
		n = os_read_some(fd[1], rest, sizeof(rest));
		CHECK_OR_RETURN(n > 0);
		rest_len = (size_t)n;
		CHECK_EQ(os_write_full(to_far[0], rest, rest_len, 1000), 0);
		CHECK_EQ(secure_greet(far), 0);
		CHECK_EQ(secure_read(far, answer, sizeof(answer)), 5);
		os_close(to_far[0]);
		far = secure_free(far);
	}
	near = secure_free(near);
	os_close(fd[1]);
	/* Now all of it again, to an end that has just begun. */
	CHECK_EQ(os_unix_pair(OS_STREAM, fd), 0);
	far = secure_answer(keys, CALLED, fd[1]);
	CHECK_EQ(os_write_full(fd[0], hello, hello_len, 1000), 0);
	a = secure_greet(far);
	CHECK_EQ(a, OS_READ);
	CHECK(!secure_identity(far));
	CHECK_EQ(os_write_full(fd[0], rest, rest_len, 1000), 0);
	b = secure_greet(far);
	CHECK_EQ(b, -EACCES);
	CHECK(!secure_identity(far));
	CHECK(strstr(secure_why(far), "repeats"));
	far = secure_free(far);
	os_close(fd[0]);
}

/* Bytes of a conversation that were changed on the way are an error, not other bytes. */
static void test_damaged(void)
{
	uint8_t words[4096];
	int ours[2], theirs[2];
	ssize_t n;

	CHECK_EQ(os_unix_pair(OS_STREAM, ours), 0);
	CHECK_EQ(os_unix_pair(OS_STREAM, theirs), 0);
	near = secure_call(keys, &who, ours[0]);
	far = secure_answer(keys, CALLED, theirs[1]);
	CHECK_EQ(secure_greet(near), OS_READ);
	n = os_read_some(ours[1], words, sizeof(words));
	CHECK_EQ(os_write_full(theirs[0], words, (size_t)n, 1000), 0);
	CHECK_EQ(secure_greet(far), OS_READ);
	n = os_read_some(theirs[0], words, sizeof(words));
	CHECK_EQ(os_write_full(ours[1], words, (size_t)n, 1000), 0);
	CHECK_EQ(secure_greet(near), 0);
	CHECK_EQ(secure_write(near, "order", 5), 5);
	n = os_read_some(ours[1], words, sizeof(words));
	words[n - 3] ^= 1;
	CHECK_EQ(os_write_full(theirs[0], words, (size_t)n, 1000), 0);
	CHECK_EQ(secure_greet(far), 0);
	CHECK_EQ(secure_read(far, words, sizeof(words)), -EBADMSG);
	CHECK_EQ(secure_read(far, words, sizeof(words)), -EBADMSG);
	part();
	os_close(ours[1]);
	os_close(theirs[0]);
}

static void test_half_open(void)
{
	int64_t start_ns = os_now_ns(), took_ns;
	int fd[2];

	CHECK_EQ(os_unix_pair(OS_STREAM, fd), 0);
	near = secure_call(keys, &who, fd[0]);
	CHECK_EQ(secure_greet_full(near, 50), -ETIMEDOUT);
	took_ns = os_now_ns() - start_ns;
	CHECK(took_ns >= 50 * OS_MS_NS && took_ns < 2000 * OS_MS_NS);
	near = secure_free(near);
	os_close(fd[1]);
	/* And one that ends in the middle. */
	CHECK_EQ(os_unix_pair(OS_STREAM, fd), 0);
	far = secure_answer(keys, CALLED, fd[1]);
	os_write_full(fd[0], "\x16\x03\x01", 3, 1000);
	os_close(fd[0]);
	CHECK_EQ(secure_greet(far), OS_READ);
	CHECK_EQ(secure_greet(far), -ECONNRESET);
	far = secure_free(far);
}

/* An end without keys and one with them do not understand each other, whichever calls. */
static void test_plain_and_secure(void)
{
	char byte;
	int a, b;

	pair(NULL, &who, keys);
	CHECK_EQ(secure_greet(near), 0);
	CHECK_EQ(secure_write(near, "\1\0\1\0\100\0\0\0", 8), 8);
	CHECK_EQ(secure_greet(far), -EACCES);
	part();
	pair(keys, &who, NULL);
	greet(&a, &b);
	CHECK_EQ(b, 0);
	CHECK_EQ(secure_read(far, &byte, 1), 1);
	CHECK_EQ(byte, 22);
	CHECK_EQ(secure_write(far, "\1\0\1\0\100\0\0\0", 8), 8);
	CHECK_EQ(secure_greet(near), -EACCES);
	part();
}

int main(void)
{
	struct keyring ring = ring_of(1, 0xa1);

	keys = keys_of(&ring, "dvs");
	TEST(test_proven);
	TEST(test_rest);
	TEST(test_bulk);
	TEST(test_full);
	TEST(test_two_keys);
	TEST(test_keys_change);
	TEST(test_wrong_keys);
	TEST(test_forward_secrecy);
	TEST(test_noise);
	TEST(test_replay);
	TEST(test_damaged);
	TEST(test_half_open);
	TEST(test_plain_and_secure);
	keys = secure_keys_free(keys);
	return test_end();
}
