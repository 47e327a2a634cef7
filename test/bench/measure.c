/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/measure.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#define BATCHES 21

void measure_fail(const char *what)
{
	perror(what);
	exit(1);
}

void measure_on(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		measure_fail("sched_setaffinity");
}

static double now_us(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void measure(int count, void (*trip)(void *ctx), void *ctx)
{
	double batch[BATCHES];
	int size = count / BATCHES > 0 ? count / BATCHES : 1;

	for (int i = 0; i < size; i++)
		trip(ctx);
	for (int b = 0; b < BATCHES; b++) {
		double begin = now_us();

		for (int i = 0; i < size; i++)
			trip(ctx);
		batch[b] = (now_us() - begin) / size;
	}
	qsort(batch, BATCHES, sizeof(batch[0]), by_value);
	printf("%.3f\n", batch[BATCHES / 2]);
}

static int tcp_new(void)
{
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		measure_fail("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

int measure_accept(int port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int one = 1, fd = tcp_new(), peer;

	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 1) < 0)
		measure_fail("listen");
	printf("ready\n");
	fflush(stdout);
	peer = accept(fd, NULL, NULL);
	if (peer < 0)
		measure_fail("accept");
	setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return peer;
}

int measure_connect(const char *address, int port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = tcp_new();

	if (inet_pton(AF_INET, address, &addr.sin_addr) != 1 ||
	    connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		measure_fail("connect");
	return fd;
}
