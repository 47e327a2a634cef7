/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_BASE_TEST_H
#define DVS_BASE_TEST_H

/*
 * A unit test is one program beside the module it tests:
 *
 *	static void test_empty(void)
 *	{
 *		CHECK(list_is_empty(&list));
 *	}
 *
 *	int main(void)
 *	{
 *		TEST(test_empty);
 *		return test_end();
 *	}
 *
 * A failed check is printed and counted, and the test goes on, so that one run shows all that is
 * wrong; CHECK_OR_RETURN ends the function it stands in where going on would make no sense. Exit
 * status: 0 passed, 1 failed, 77 skipped. Only test programs may include this header.
 */

#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/address.h"

static unsigned test_failures;
static unsigned test_skips;

#define TEST_LOOKS_UNUSED __attribute__((unused))

TEST_LOOKS_UNUSED static void test_fail(const char *file, int line, const char *text)
{
	test_failures++;
	printf("%s:%d: failed: %s\n", file, line, text);
	fflush(stdout);
}

TEST_LOOKS_UNUSED static void test_fail_eq(const char *file, int line, const char *text,
					   long long have, long long want)
{
	test_failures++;
	printf("%s:%d: failed: %s: have %lld (0x%llx), want %lld (0x%llx)\n", file, line, text,
	       have, (unsigned long long)have, want, (unsigned long long)want);
	fflush(stdout);
}

/*
 * Loopback addresses of IPv4 for this process alone, 0 to 3: the same test may run twice at one time in one
 * network, from two trees for example, and each has its ports to itself. Processes of two pid namespaces may have one
 * number: the namespace's own number spreads them (the odd factor sends neighbours far apart).
 */
TEST_LOOKS_UNUSED static struct address test_address_in(uint64_t pidns, uint32_t pid,
							unsigned number)
{
	const uint32_t place = (uint32_t)(pidns * UINT64_C(0x9e3779b1)) + pid;
	const uint32_t low = (place & 0x3fffff) << 2 | number;
	const uint8_t byte[] = { 127, (uint8_t)(low >> 16), (uint8_t)(low >> 8), (uint8_t)low };

	return address_v4(byte);
}

TEST_LOOKS_UNUSED static struct address test_address(unsigned number)
{
	struct stat pidns = { 0 };

	if (stat("/proc/self/ns/pid", &pidns))
		pidns.st_ino = 0; /* no /proc: one namespace is all that is known */
	return test_address_in(pidns.st_ino, (uint32_t)getpid(), number);
}

#define CHECK(cond)                                           \
	do {                                                  \
		if (!(cond))                                  \
			test_fail(__FILE__, __LINE__, #cond); \
	} while (0)

#define CHECK_OR_RETURN(cond)                                 \
	do {                                                  \
		if (!(cond)) {                                \
			test_fail(__FILE__, __LINE__, #cond); \
			return;                               \
		}                                             \
	} while (0)

/* Both sides are compared as 64-bit integers. */
#define CHECK_EQ(have, want)                                                                \
	do {                                                                                \
		long long have_ = (long long)(have), want_ = (long long)(want);             \
		if (have_ != want_)                                                         \
			test_fail_eq(__FILE__, __LINE__, #have " == " #want, have_, want_); \
	} while (0)

#define TEST(function)                                                                      \
	do {                                                                                \
		unsigned before_ = test_failures;                                           \
		function();                                                                 \
		printf("%s - %s\n", test_failures == before_ ? "ok" : "not ok", #function); \
		fflush(stdout);                                                             \
	} while (0)

/* Says why a test cannot run here. If nothing failed, the whole program then counts as skipped. */
TEST_LOOKS_UNUSED static void test_skip(const char *why)
{
	test_skips++;
	printf("skip: %s\n", why);
}

/* TEST() of a function that counts the threads of its children. */
#ifdef __SANITIZE_THREAD__
#define TEST_OF_THREADS(fn)                                                        \
	do {                                                                       \
		(void)(fn);                                                        \
		test_skip(#fn ": the sanitizer has threads and forks of its own"); \
	} while (0)
#else
#define TEST_OF_THREADS(fn) TEST(fn)
#endif

TEST_LOOKS_UNUSED static int test_end(void)
{
	if (test_failures)
		return 1;
	return test_skips ? 77 : 0;
}

#endif
