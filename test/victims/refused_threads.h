/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <pthread.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "victims/refused.h"

/* The kinds of `refused` that only one thread has, and not the main one. */

/* What only one thread has, and not the main one. */
static int (*peculiar)(void);

static void *be_peculiar(void *state)
{
	*(volatile int *)state = peculiar() == 0 ? 1 : -1;
	for (;;)
		pause();
	return NULL;
}

static void in_thread(int (*set_up)(void))
{
	static volatile int state;
	pthread_t thread;

	peculiar = set_up;
	NEED(pthread_create(&thread, NULL, be_peculiar, (void *)&state) == 0);
	while (!state)
		victim_nap();
	NEED(state > 0);
}

static int own_network(void)
{
	return unshare(CLONE_NEWNET);
}

static void thread_network(void)
{
	in_thread(own_network);
}

static int own_policy(void)
{
	unsigned long nodes = 1;

	return (int)syscall(SYS_set_mempolicy, 3, &nodes, 64);
}

static void thread_policy(void)
{
	in_thread(own_policy);
}

static int own_personality(void)
{
	return personality(ADDR_NO_RANDOMIZE) < 0;
}

static void thread_personality(void)
{
	in_thread(own_personality);
}

static void thread_landlock(void)
{
	in_thread(restricted);
}

static int own_key(void)
{
	return syscall(SYS_add_key, "user", "dvs-victim", "secret", 6, -1) < 0;
}

static void thread_key(void)
{
	in_thread(own_key);
}

#define THREADS 4200 /* more than a state may have */

static void *be_one_of_many(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static void too_many_threads(void)
{
	pthread_attr_t small;
	pthread_t thread;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 16384);
	for (int i = 0; i < THREADS; i++)
		NEED(pthread_create(&thread, &small, be_one_of_many, NULL) == 0);
}

static const struct kind thread_kinds[] = {
	{ "thread_network", "net namespace", thread_network },
	{ "thread_memory_policy", "NUMA", thread_policy },
	{ "thread_personality", "personality", thread_personality },
	{ "thread_landlock", "restricted by Landlock", thread_landlock },
	{ "thread_key", "thread keyring", thread_key },
	{ "too_many_threads", "threads", too_many_threads },
	{ NULL, NULL, NULL },
};
