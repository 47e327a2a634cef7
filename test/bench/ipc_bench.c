/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Round trips of one message of 48 bytes, ours and those of the kernel, each measured alike: batches,
 * of which the median counts.
 *
 *	ipc_bench serve ENDPOINT CPU			answers until a message of type 0 comes
 *	ipc_bench call ENDPOINT SERVER COUNT CPU	calls it; STOP as COUNT 0 ends it
 *	ipc_bench copied ENDPOINT SERVER		has its memory copied by it: dvk_vcopy, and by pid
 *	ipc_bench pipe|unix|mq COUNT CPU CPU		two processes of this program
 *	ipc_bench tcp-serve PORT CPU | tcp-call ADDRESS PORT COUNT CPU
 *	ipc_bench spin COUNT				bare cache-line ping-pong on two CPUs
 *
 * CPU: number, or -1 for any. The last line of output is the median in microseconds.
 */

#include <arpa/inet.h>
#include <mqueue.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dvk.h"

#define BATCHES 21
#define COPIES	420

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int number(const char *text)
{
	return (int)strtol(text, NULL, 10);
}

static void use_cpu(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		fail("sched_setaffinity");
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

/* Runs count round trips in batches, after one batch that does not count. */
static double median(int count, void (*trip)(void *ctx), void *ctx)
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
	return batch[BATCHES / 2];
}

static void measure(int count, void (*trip)(void *ctx), void *ctx)
{
	printf("%.3f\n", median(count, trip, ctx));
}

/* ---- ours ---- */

static void join(int endpoint)
{
	if (dvk_open() < 0)
		fail("dvk_open");
	if (dvk_getep(getpid()) < EDVSERRCODE && dvk_bind(0, endpoint) < EDVSERRCODE)
		fail("dvk_bind");
}

struct copy {
	int from, pid;
	char *address;
};

static char block[MAXCOPYLEN];

static void copy_trip(void *ctx)
{
	struct copy *copy = ctx;

	if (dvk_vcopy(copy->from, copy->address, SELF, block, MAXCOPYLEN))
		fail("dvk_vcopy");
}

static void by_pid_trip(void *ctx)
{
	struct copy *copy = ctx;
	struct iovec here = { block, MAXCOPYLEN }, there = { copy->address, MAXCOPYLEN };

	if (process_vm_readv(copy->pid, &here, 1, &there, 1, 0) != MAXCOPYLEN)
		fail("process_vm_readv");
}

enum request {
	REQUEST_END,
	REQUEST_ECHO,
	REQUEST_COPY
};

/* Answers with the nanoseconds that a copy takes, ours and the kernel's. */
static void serve_copies(message *m)
{
	struct copy copy = { m->m_source, m->m1_i1, m->m1_p1 };

	m->m1_i1 = (int)(1000 * median(COPIES, copy_trip, &copy));
	m->m1_i2 = (int)(1000 * median(COPIES, by_pid_trip, &copy));
}

static int serve(int endpoint, int cpu)
{
	message m;
	long r;

	use_cpu(cpu);
	join(endpoint);
	do {
		r = dvk_receive(ANY, &m);
		if (!r && m.m_type == REQUEST_COPY)
			serve_copies(&m);
		if (!r)
			r = dvk_send(m.m_source, &m);
	} while (!r && m.m_type != REQUEST_END);
	return r != 0;
}

struct call {
	int server;
	message m;
};

static void call_trip(void *ctx)
{
	struct call *call = ctx;
	long r = dvk_sendrec(call->server, &call->m);

	if (r) {
		fprintf(stderr, "dvk_sendrec: %ld\n", r);
		exit(1);
	}
}

static int call(int endpoint, int server, int count, int cpu)
{
	struct call call = { .server = server };

	use_cpu(cpu);
	join(endpoint);
	if (dvk_wait4bindep_T(server, 5000) < EDVSERRCODE)
		fail("no server");
	call.m.m_type = REQUEST_ECHO;
	if (count)
		measure(count, call_trip, &call);
	call.m.m_type = REQUEST_END;
	if (!count)
		call_trip(&call);
	return 0;
}

static int copied(int endpoint, int server)
{
	struct call call = { .server = server };

	join(endpoint);
	if (dvk_wait4bindep_T(server, 5000) < EDVSERRCODE)
		fail("no server");
	memset(block, 1, sizeof(block));
	call.m.m_type = REQUEST_COPY;
	call.m.m1_i1 = getpid();
	call.m.m1_p1 = block;
	call_trip(&call);
	printf("%.3f %.3f\n", call.m.m1_i1 / 1e3, call.m.m1_i2 / 1e3);
	return 0;
}

/* ---- descriptors: pipes, sockets ---- */

struct ends {
	int in, out;
};

static void fd_trip(void *ctx)
{
	struct ends *ends = ctx;
	char bytes[sizeof(message)] = { 1 };

	if (write(ends->out, bytes, sizeof(bytes)) != sizeof(bytes) ||
	    recv(ends->in, bytes, sizeof(bytes), MSG_WAITALL) != sizeof(bytes))
		fail("round trip");
}

static void pipe_trip(void *ctx)
{
	struct ends *ends = ctx;
	char bytes[sizeof(message)] = { 1 };

	if (write(ends->out, bytes, sizeof(bytes)) != sizeof(bytes) ||
	    read(ends->in, bytes, sizeof(bytes)) != sizeof(bytes))
		fail("round trip");
}

static void fd_echo(const struct ends *ends)
{
	char bytes[sizeof(message)];

	while (read(ends->in, bytes, sizeof(bytes)) == sizeof(bytes)) {
		if (write(ends->out, bytes, sizeof(bytes)) != sizeof(bytes))
			return;
	}
}

static int over_ends(struct ends near, struct ends far, int count, const int cpu[2],
		     void (*trip)(void *))
{
	pid_t child = fork();

	if (child == 0) {
		close(near.out);
		close(near.in);
		use_cpu(cpu[1]);
		fd_echo(&far);
		_exit(0);
	}
	close(far.in);
	close(far.out);
	use_cpu(cpu[0]);
	measure(count, trip, &near);
	close(near.out);
	close(near.in);
	waitpid(child, NULL, 0);
	return 0;
}

static int over_pipe(int count, const int cpu[2])
{
	int there[2], back[2];

	if (pipe(there) < 0 || pipe(back) < 0)
		fail("pipe");
	return over_ends((struct ends){ back[0], there[1] }, (struct ends){ there[0], back[1] },
			 count, cpu, pipe_trip);
}

static int over_unix(int count, const int cpu[2])
{
	int end[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, end) < 0)
		fail("socketpair");
	return over_ends((struct ends){ end[0], end[0] }, (struct ends){ end[1], end[1] }, count,
			 cpu, fd_trip);
}

/* ---- POSIX queues ---- */

struct queues {
	mqd_t in, out;
};

static void mq_trip(void *ctx)
{
	struct queues *queues = ctx;
	char bytes[sizeof(message)] = { 1 };

	if (mq_send(queues->out, bytes, sizeof(bytes), 0) < 0 ||
	    mq_receive(queues->in, bytes, sizeof(bytes), NULL) < 0)
		fail("round trip");
}

static mqd_t queue(const char *side)
{
	struct mq_attr attr = { .mq_maxmsg = 4, .mq_msgsize = sizeof(message) };
	char name[64];
	mqd_t mq;

	snprintf(name, sizeof(name), "/ipc_bench.%d.%s", (int)getpid(), side);
	mq = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
	if (mq < 0)
		fail("mq_open");
	mq_unlink(name);
	return mq;
}

static int over_mq(int count, const int cpu[2])
{
	struct queues near = { queue("back"), queue("there") };
	char bytes[sizeof(message)] = { 1 };
	pid_t child = fork();

	if (child == 0) {
		use_cpu(cpu[1]);
		do {
			mq_receive(near.out, bytes, sizeof(bytes), NULL);
			mq_send(near.in, bytes, sizeof(bytes), 0);
		} while (bytes[0]);
		_exit(0);
	}
	use_cpu(cpu[0]);
	measure(count, mq_trip, &near);
	memset(bytes, 0, sizeof(bytes));
	mq_send(near.out, bytes, sizeof(bytes), 0);
	waitpid(child, NULL, 0);
	return 0;
}

/* ---- TCP ---- */

static void no_delay(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static int tcp_serve(int port, int cpu)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0), peer;

	use_cpu(cpu);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 1) < 0)
		fail("listen");
	printf("ready\n");
	fflush(stdout);
	peer = accept(fd, NULL, NULL);
	no_delay(peer);
	fd_echo(&(struct ends){ peer, peer });
	return 0;
}

static int tcp_call(const char *address, int port, int count, int cpu)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct ends ends = { fd, fd };

	use_cpu(cpu);
	if (inet_pton(AF_INET, address, &addr.sin_addr) != 1 ||
	    connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		fail("connect");
	no_delay(fd);
	measure(count, fd_trip, &ends);
	close(fd);
	return 0;
}

/* ---- a cache line ---- */

struct ping {
	_Alignas(64) _Atomic uint64_t there;
	_Alignas(64) _Atomic uint64_t back;
};

static void spin_trip(void *ctx)
{
	struct ping *ping = ctx;
	uint64_t next = atomic_load_explicit(&ping->there, memory_order_relaxed) + 1;

	atomic_store_explicit(&ping->there, next, memory_order_release);
	while (atomic_load_explicit(&ping->back, memory_order_acquire) != next)
		__builtin_ia32_pause();
}

static int over_memory(int count)
{
	struct ping *ping =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child = fork();
	uint64_t seen = 0;

	if (child == 0) {
		use_cpu(1);
		while (seen != UINT64_MAX) {
			uint64_t word = atomic_load_explicit(&ping->there, memory_order_acquire);

			if (word != seen)
				atomic_store_explicit(&ping->back, word, memory_order_release);
			else
				__builtin_ia32_pause();
			seen = word;
		}
		_exit(0);
	}
	use_cpu(0);
	measure(count, spin_trip, ping);
	atomic_store(&ping->there, UINT64_MAX);
	waitpid(child, NULL, 0);
	return 0;
}

static int is(const char *verb, const char *name, int have, int need)
{
	return !strcmp(verb, name) && have == need;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	int arg[6] = { 0 };

	for (int i = 2; i < argc && i < 8; i++)
		arg[i - 2] = number(argv[i]);
	if (is(verb, "serve", argc, 4))
		return serve(arg[0], arg[1]);
	if (is(verb, "call", argc, 6))
		return call(arg[0], arg[1], arg[2], arg[3]);
	if (is(verb, "copied", argc, 4))
		return copied(arg[0], arg[1]);
	if (is(verb, "pipe", argc, 5))
		return over_pipe(arg[0], &arg[1]);
	if (is(verb, "unix", argc, 5))
		return over_unix(arg[0], &arg[1]);
	if (is(verb, "mq", argc, 5))
		return over_mq(arg[0], &arg[1]);
	if (is(verb, "tcp-serve", argc, 4))
		return tcp_serve(arg[0], arg[1]);
	if (is(verb, "tcp-call", argc, 6))
		return tcp_call(argv[2], arg[1], arg[2], arg[3]);
	if (is(verb, "spin", argc, 3))
		return over_memory(arg[0]);
	fprintf(stderr,
		"usage: ipc_bench serve|call|copied|pipe|unix|mq|tcp-serve|tcp-call|spin ...\n");
	return 2;
}
