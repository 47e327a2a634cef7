/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Corosync alone, with messages as large as a command of the group: what the engine `corosync` stands on. Runs in the
 * network of a lab's node.
 *
 *	multicast trip COUNT		microseconds until a message is back at its sender: the median batch
 *	multicast flood MEMBERS MS	with as many others: messages per second that the group puts in order
 *	multicast watch			`left NODE US` for each machine that goes, at that time of the machine's clock
 */

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <corosync/cpg.h>

#include "bench/measure.h"

#define BYTES	 192 /* the head of a message of the council, and a command */
#define NAME	 "dvs-bench"
#define BURST	 64
#define START_MS 10000

static cpg_handle_t cpg;
static unsigned long heard, own;
static unsigned self, members;

static int64_t now_us(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static void fail(const char *what, cs_error_t error)
{
	fprintf(stderr, "multicast: %s: %d\n", what, (int)error);
	exit(1);
}

static void on_message(cpg_handle_t handle, const struct cpg_name *name, uint32_t node,
		       uint32_t pid, void *message, size_t len)
{
	(void)handle;
	(void)name;
	(void)pid;
	(void)message;
	heard += len == BYTES;
	own += node == self;
}

static void on_members(cpg_handle_t handle, const struct cpg_name *name,
		       const struct cpg_address *all, size_t count, const struct cpg_address *left,
		       size_t left_count, const struct cpg_address *joined, size_t joined_count)
{
	(void)handle;
	(void)name;
	(void)all;
	(void)joined;
	(void)joined_count;
	members = (unsigned)count;
	for (size_t i = 0; i < left_count; i++)
		if (left[i].reason == CPG_REASON_NODEDOWN)
			printf("left %u %lld\n", left[i].nodeid - 1, (long long)now_us());
	fflush(stdout);
}

static void join(void)
{
	cpg_callbacks_t calls = { .cpg_deliver_fn = on_message, .cpg_confchg_fn = on_members };
	struct cpg_name name = { .length = strlen(NAME), .value = NAME };
	cs_error_t error = cpg_initialize(&cpg, &calls);

	if (error == CS_OK)
		error = cpg_local_get(cpg, &self);
	if (error == CS_OK)
		error = cpg_join(cpg, &name);
	if (error != CS_OK)
		fail("no Corosync", error);
}

/* Hears what is there, after waiting for it so long. */
static void hear(int wait_ms)
{
	struct pollfd p = { .events = POLLIN };
	cs_error_t error;

	if (cpg_fd_get(cpg, &p.fd) != CS_OK || poll(&p, 1, wait_ms) < 0)
		measure_fail("poll");
	error = cpg_dispatch(cpg, CS_DISPATCH_ALL);
	if (error != CS_OK && error != CS_ERR_TRY_AGAIN)
		fail("cpg_dispatch", error);
}

/* False: Corosync takes none now. */
static bool say(void)
{
	static char bytes[BYTES];
	struct iovec part = { bytes, sizeof(bytes) };
	cpg_flow_control_state_t full = CPG_FLOW_CONTROL_DISABLED;
	cs_error_t error = cpg_flow_control_state_get(cpg, &full);

	if (error == CS_OK && full == CPG_FLOW_CONTROL_ENABLED)
		return false;
	if (error == CS_OK)
		error = cpg_mcast_joined(cpg, CPG_TYPE_AGREED, &part, 1);
	if (error != CS_OK && error != CS_ERR_TRY_AGAIN)
		fail("cpg_mcast_joined", error);
	return error == CS_OK;
}

static void trip(void *ctx)
{
	unsigned long before = own;

	(void)ctx;
	while (!say())
		hear(1);
	while (own == before)
		hear(-1);
}

static int flood(unsigned wanted, int ms)
{
	int64_t limit = now_us() + START_MS * 1000, begin, end;
	unsigned long before;

	while (members < wanted && now_us() < limit)
		hear(10);
	if (members < wanted)
		fail("the others are not there", CS_ERR_TIMEOUT);
	begin = now_us();
	before = heard;
	while ((end = now_us()) < begin + ms * 1000) {
		for (int i = 0; i < BURST && say(); i++)
			continue;
		hear(1);
	}
	printf("%.1f\n", (double)(heard - before) * 1e6 / (double)(end - begin));
	fflush(stdout);
	/* The others may still measure. */
	for (limit = end + 300000; now_us() < limit;)
		hear(10);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "trip")) {
		join();
		while (!members)
			hear(10);
		measure((int)strtol(argv[2], NULL, 10), trip, NULL);
		return 0;
	}
	if (argc == 4 && !strcmp(argv[1], "flood")) {
		join();
		return flood((unsigned)strtoul(argv[2], NULL, 10), (int)strtol(argv[3], NULL, 10));
	}
	if (argc == 2 && !strcmp(argv[1], "watch")) {
		join();
		printf("ready\n");
		fflush(stdout);
		for (;;)
			hear(-1);
	}
	fprintf(stderr, "usage: multicast trip COUNT | flood MEMBERS MS | watch\n");
	return 2;
}
