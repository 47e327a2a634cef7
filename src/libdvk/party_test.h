/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_LIBDVK_PARTY_TEST_H
#define DVS_LIBDVK_PARTY_TEST_H

/*
 * Shared by the tests of the calls: processes that a fake node serves, and how they tell each other how far
 * they are. A party fails by its exit status; one that hangs is ended and counts as failed.
 */

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/test.h"
#include "dvk.h"
#include "libdvk/fake_node_test.h"

#define SERVER	   10
#define CLIENT	   20 /* of the greater side */
#define LOW_CLIENT 5

static struct fake_node node;
static _Atomic int *shared; /* seen by all parties */

static void pause_ms(int ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

TEST_LOOKS_UNUSED static long now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* Waits for another party to have said so. */
TEST_LOOKS_UNUSED static void await(int i, int value)
{
	for (int k = 0; k < 5000 && atomic_load(&shared[i]) < value; k++)
		pause_ms(1);
	CHECK(atomic_load(&shared[i]) >= value);
}

TEST_LOOKS_UNUSED static void say(int i, int value)
{
	atomic_store(&shared[i], value);
}

static void join(int endpoint)
{
	test_failures = 0; /* of the tests before, in the parent */
	CHECK(dvk_open() >= 0);
	CHECK_EQ(dvk_bind(0, endpoint), endpoint);
}

/* Forks up to three, serves them. */
static void play(int (*a)(void), int (*b)(void), int (*c)(void))
{
	memset((void *)shared, 0, 4096);
	fake_node_fork(&node, a);
	if (b)
		fake_node_fork(&node, b);
	if (c)
		fake_node_fork(&node, c);
	CHECK_EQ(fake_node_serve(&node), 0);
}

/* False, and the test is skipped, where it cannot run. */
static bool stage_open(void)
{
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!fake_node_start(&node))
		return true;
	test_skip("no network namespace of one's own here");
	return false;
}

#endif
