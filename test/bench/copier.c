/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/copier.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bench/measure.h"

#define COPY   (1024 * 1024)
#define PART   (128 * 1024)
#define BLOCKS 4 /* of COPY: what is copied is not the same all the time */

struct copier {
	int fd;
	pid_t owner;	/* of the memory */
	uint8_t *there; /* in the owner */
	uint8_t part[PART];
	unsigned copies;
};

/* A process that has the memory and does nothing; it ends with the caller. */
static void own_memory(struct copier *copier)
{
	copier->there = mmap(NULL, BLOCKS * COPY, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (copier->there == MAP_FAILED)
		measure_fail("mmap");
	copier->owner = fork();
	if (copier->owner < 0)
		measure_fail("fork");
	if (copier->owner)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		memset(copier->there, 1, BLOCKS * COPY);
		pause();
	}
}

static void move(struct copier *copier, size_t offset, int into)
{
	struct iovec here = { copier->part, PART };
	struct iovec there = { copier->there + copier->copies % BLOCKS * COPY + offset, PART };
	ssize_t n = into ? process_vm_writev(copier->owner, &here, 1, &there, 1, 0)
			 : process_vm_readv(copier->owner, &here, 1, &there, 1, 0);

	if (n != PART)
		measure_fail("process_vm");
}

/* 0: the other end has closed. */
static int get(int fd, void *to, size_t bytes)
{
	while (bytes) {
		ssize_t n = recv(fd, to, bytes, MSG_DONTWAIT);

		if (n == 0 || (n < 0 && errno != EAGAIN))
			return 0;
		if (n < 0) {
			sched_yield();
			continue;
		}
		to = (char *)to + n;
		bytes -= (size_t)n;
	}
	return 1;
}

static void put(int fd, const void *from, size_t bytes)
{
	while (bytes) {
		ssize_t n = send(fd, from, bytes, 0);

		if (n <= 0)
			measure_fail("send");
		from = (const char *)from + n;
		bytes -= (size_t)n;
	}
}

int copier_serve(int port)
{
	static struct copier copier;
	char ask;

	own_memory(&copier);
	copier.fd = measure_accept(port);
	while (get(copier.fd, &ask, 1)) {
		for (size_t done = 0; done < COPY; done += PART) {
			move(&copier, done, 0);
			put(copier.fd, copier.part, PART);
		}
		copier.copies++;
	}
	return 0;
}

static void copy(void *ctx)
{
	struct copier *copier = ctx;

	put(copier->fd, "", 1);
	for (size_t done = 0; done < COPY; done += PART) {
		if (!get(copier->fd, copier->part, PART))
			measure_fail("recv");
		move(copier, done, 1);
	}
	copier->copies++;
}

int copier_call(const char *address, int port, int count)
{
	static struct copier copier;

	own_memory(&copier);
	copier.fd = measure_connect(address, port);
	measure(count, copy, &copier);
	return 0;
}
