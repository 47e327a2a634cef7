/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/relay.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/measure.h"
#include "dvk.h"

/* A message in each direction; a count says that a new one is there. */
struct page {
	_Alignas(64) _Atomic uint32_t out; /* written by the client or server */
	message outgoing;
	_Alignas(64) _Atomic uint32_t in; /* written by the relay */
	message incoming;
};

static struct page *page_new(void)
{
	struct page *page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		measure_fail("mmap");
	return page;
}

static void put(struct page *page, int type)
{
	page->outgoing.m_type = type;
	atomic_store_explicit(&page->out, page->out + 1, memory_order_release);
}

/* The next message in; what has come before is `seen`. */
static int get(struct page *page, uint32_t *seen)
{
	while (atomic_load_explicit(&page->in, memory_order_acquire) == *seen)
		sched_yield();
	++*seen;
	return page->incoming.m_type;
}

/* Until the other end closes. */
static void relay(struct page *page, int fd)
{
	uint32_t sent = 0;
	size_t have = 0;

	for (;;) {
		char *room = (char *)&page->incoming;
		ssize_t n = recv(fd, room + have, sizeof(message) - have, MSG_DONTWAIT);

		if (n == 0 || (n < 0 && errno != EAGAIN))
			return;
		have += n > 0 ? (size_t)n : 0;
		if (have == sizeof(message)) {
			have = 0;
			atomic_fetch_add_explicit(&page->in, 1, memory_order_release);
		}
		if (atomic_load_explicit(&page->out, memory_order_acquire) != sent) {
			sent++;
			if (send(fd, &page->outgoing, sizeof(message), 0) != sizeof(message))
				return;
		}
		sched_yield();
	}
}

/* A relay of its own for the caller; it ends with the connection, or with the caller. */
static void relay_start(struct page *page, int fd)
{
	pid_t pid = fork();

	if (pid < 0)
		measure_fail("fork");
	if (pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid(); /* as a daemon does: the scheduler shares the CPU between sessions (autogroups) */
	relay(page, fd);
	_exit(0);
}

int relay_serve(int port, int cpu)
{
	struct page *page = page_new();
	uint32_t seen = 0;

	relay_start(page, measure_accept(port));
	measure_on(cpu);
	while (get(page, &seen))
		put(page, 1);
	return 0;
}

struct relay_call {
	struct page *page;
	uint32_t seen;
};

static void relay_trip(void *ctx)
{
	struct relay_call *call = ctx;

	put(call->page, 1);
	get(call->page, &call->seen);
}

int relay_call(const char *address, int port, int count, int cpu)
{
	struct relay_call call = { .page = page_new() };

	relay_start(call.page, measure_connect(address, port));
	measure_on(cpu);
	measure(count, relay_trip, &call);
	put(call.page, 0);
	usleep(10000); /* for the relay to send it */
	return 0;
}
