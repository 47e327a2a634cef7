/* SPDX-License-Identifier: Apache-2.0 */
#include "libdvk/rig_test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "os/futex.h"
#include "os/memfd.h"
#include "os/thread.h"

#define STEPS_MAX 5000000 /* looks at the clock in one test; more is no end */
#define NR_SYSTEM 64

struct rig rig;
static unsigned steps;

/* ---- the kernel ---- */

int __wrap_clock_gettime(clockid_t clock, struct timespec *time);

int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
	(void)clock;
	rig.now_ns += OS_US_NS;
	if (++steps > STEPS_MAX) {
		printf("a call does not come to its end\n");
		fflush(stdout);
		_exit(1);
	}
	*time = os_timespec(rig.now_ns);
	return 0;
}

int os_futex_wait(_Atomic uint32_t *word, uint32_t expected, int64_t deadline_ns)
{
	int r = RIG_TO_ITS_END;

	CHECK(deadline_ns >= 0); /* no sleep is without a bound */
	rig.sleeps++;
	rig.slept_ns = deadline_ns - rig.now_ns;
	rig.slept_on = word;
	if (rig.on_sleep)
		r = rig.on_sleep();
	if (r != RIG_TO_ITS_END || *word != expected)
		return r == RIG_TO_ITS_END ? 0 : r;
	if (deadline_ns > rig.now_ns)
		rig.now_ns = deadline_ns;
	return -ETIMEDOUT;
}

int os_futex_wake(_Atomic uint32_t *word, int count)
{
	CHECK_EQ(count, 1);
	rig.wakes++;
	rig.woken = word;
	if (rig.on_wake)
		rig.on_wake();
	return 1;
}

static _Thread_local int thread_id;

int os_thread_id(void)
{
	static _Atomic int next = RIG_PID;

	if (!thread_id)
		thread_id = atomic_fetch_add(&next, 1);
	return thread_id;
}

int os_process_id(void)
{
	return RIG_PID;
}

void os_signals_block(sigset_t *kept)
{
	memset(kept, 0, sizeof(*kept));
	rig.blocked++;
}

void os_signals_block_timers(sigset_t *kept)
{
	os_signals_block(kept);
	rig.timers_blocked++;
}

void os_signals_restore(const sigset_t *kept)
{
	(void)kept;
	rig.blocked--;
}

int os_thread_hold_cancel(void)
{
	return 0;
}

void os_thread_restore_cancel(int kept)
{
	(void)kept;
}

unsigned os_thread_cpu(void)
{
	return rig.cpu;
}

bool os_thread_is_only(void)
{
	return !rig.many_threads;
}

void os_thread_yield(void)
{
	rig.yields++;
	rig.now_ns += rig.yield_takes_ns;
	if (rig.on_yield)
		rig.on_yield();
}

int os_thread_sleep_with(int64_t ns, const sigset_t *mask)
{
	int r = RIG_TO_ITS_END;

	(void)mask;
	rig.sleeps++;
	rig.slept_ns = ns;
	if (rig.on_sleep)
		r = rig.on_sleep();
	rig.now_ns += ns;
	return r < 0 ? r : 0;
}

int os_process_copy(int pid, void *here, uint64_t there, size_t bytes, bool into)
{
	(void)here;
	(void)there;
	(void)bytes;
	(void)into;
	rig.copy_pid = pid;
	return rig.copy_result;
}

/* ---- the way to the daemon ---- */

int os_close(int fd)
{
	if (fd >= 0)
		close(fd);
	return -1;
}

int os_unix_connect_trusted(const char *name, enum os_socket_kind kind, int timeout_ms)
{
	int error = name[0] == '@' ? rig.connect : rig.connect_path;

	CHECK_EQ(kind, OS_PACKET);
	CHECK(timeout_ms > 0);
	CHECK(rig.blocked > 0); /* no handler runs while the daemon is asked */
	return error ? error : open("/dev/null", O_RDWR | O_CLOEXEC);
}

int os_thread_wait_readable(int fd, int timeout_ms)
{
	CHECK(fd >= 0 && timeout_ms > 0);
	return 0;
}

/* Those that the library has not read are as lost as with a real socket. */
static void drop_packets(void)
{
	while (rig.told < rig.packets) {
		struct rig_packet *packet = &rig.packet[rig.told++];

		for (int i = 0; i < packet->fd_count; i++)
			close(packet->fds[i]);
	}
	rig.packets = rig.told = 0;
}

static int open_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 100; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

struct rig_packet *rig_say(int error, int64_t value, const int *fds, int fd_count)
{
	struct rig_packet *packet = &rig.packet[rig.packets++];

	*packet = (struct rig_packet){ .head = { .magic = CTL_MAGIC,
						 .packet = CTL_END,
						 .error = error,
						 .value = value,
						 .fds = (uint16_t)fd_count } };
	for (int i = 0; i < fd_count; i++)
		packet->fds[packet->fd_count++] = dup(fds[i]);
	return packet;
}

static void answer_channel(void)
{
	struct rig_peer *peer = rig.request.endpoint == RIG_LOW ? &rig.low : &rig.high;

	if (rig.request.endpoint != peer->p_nr)
		rig_say(EDVSDSTDIED, 0, NULL, 0);
	else
		rig_say(0, peer->life, (int[]){ peer->page_fd, peer->bell_fd }, 2);
}

static void answer(void)
{
	dc_usr_t dc = { .dc_nr_procs = 221, .dc_nr_tasks = SHM_TASKS, .dc_nr_sysprocs = NR_SYSTEM };
	struct rig_packet *packet;

	switch (rig.request.call) {
	case CTL_HELLO:
		rig_say(0, RIG_NODE, rig.page_fd,
			(rig.request.tid ? rig.thread_bound : rig.bound) ? 3 : 1);
		break;
	case CTL_BIND:
		rig_say(0, rig.request.endpoint, rig.page_fd, 3);
		break;
	case CTL_CHANNEL:
		answer_channel();
		break;
	case CTL_DCINFO:
		packet = rig_say(0, 0, NULL, 0);
		packet->head.payload_bytes = sizeof(dc);
		memcpy(packet->payload, &dc, sizeof(dc));
		break;
	default:
		rig_say(0, 0, NULL, 0);
	}
}

int os_packet_sendv(int fd, const struct iovec *parts, int part_count, const int *fds, int fd_count)
{
	int call;

	CHECK(fd >= 0 && !fds && !fd_count);
	CHECK_EQ(parts[0].iov_len, sizeof(rig.request));
	memcpy(&rig.request, parts[0].iov_base, sizeof(rig.request));
	CHECK_EQ(rig.request.magic, CTL_MAGIC);
	CHECK_EQ(rig.request.version, CTL_VERSION);
	CHECK_EQ(rig.request.payload_bytes, part_count > 1 ? parts[1].iov_len : 0);
	if (part_count > 1)
		memcpy(rig.payload, parts[1].iov_base, parts[1].iov_len);
	call = rig.request.call;
	rig.asked[call]++;
	rig.calls_of_daemon++;
	drop_packets();
	if (rig.refuse[call])
		rig_say(rig.refuse[call], 0, NULL, 0);
	else if (rig.daemon)
		rig.daemon();
	else
		answer();
	return 0;
}

ssize_t os_packet_recv_fewer(int fd, void *buf, size_t size, int fds[OS_FDS_MAX], int *fd_count)
{
	struct rig_packet *packet = &rig.packet[rig.told];
	size_t bytes = packet->bytes;

	CHECK(fd >= 0);
	if (rig.told == rig.packets)
		return 0; /* closed */
	rig.told++;
	if (packet->error)
		return packet->error;
	if (!bytes)
		bytes = sizeof(packet->head) + packet->head.payload_bytes;
	CHECK(bytes <= size);
	memcpy(buf, packet, bytes);
	*fd_count = packet->fd_count;
	memcpy(fds, packet->fds, sizeof(packet->fds));
	return (ssize_t)bytes;
}

/* ---- pages ---- */

static void *page_new(int *fdp)
{
	void *page;

	if (*fdp > 0)
		close(*fdp);
	*fdp = os_memfd_new("rig", SHM_PAGE_BYTES);
	if (*fdp < 0 || os_memfd_map(*fdp, SHM_PAGE_BYTES, OS_MAP_NOFORK, &page))
		abort();
	return page;
}

static void peer_new(struct rig_peer *peer, int p_nr)
{
	if (peer->page) {
		os_memfd_unmap(peer->page, SHM_PAGE_BYTES);
		os_memfd_unmap(peer->bell, SHM_PAGE_BYTES);
	}
	peer->p_nr = peer->life = p_nr;
	peer->page = page_new(&peer->page_fd);
	peer->bell = page_new(&peer->bell_fd);
	peer->page->node[0] = peer->page->node[1] = RIG_NODE;
}

void rig_begin_unbound(void)
{
	struct binding *known = binding_known();
	struct rig old = rig;

	if (known)
		binding_detach(known);
	if (old.status) {
		os_memfd_unmap(old.node_bell, SHM_PAGE_BYTES);
		os_memfd_unmap(old.bell, SHM_PAGE_BYTES);
		os_memfd_unmap(old.status, SHM_PAGE_BYTES);
	}
	memset(&rig, 0, sizeof(rig));
	memcpy(rig.page_fd, old.page_fd, sizeof(rig.page_fd));
	rig.low = old.low;
	rig.high = old.high;
	rig.now_ns = OS_SECOND_NS;
	rig.connect_path = -ENOENT;
	steps = 0;
	rig.node_bell = page_new(&rig.page_fd[0]);
	rig.bell = page_new(&rig.page_fd[1]);
	rig.status = page_new(&rig.page_fd[2]);
	rig.status->magic = SHM_MAGIC_STATUS;
	rig.status->version = SHM_VERSION;
	rig.status->dcid = RIG_DC;
	rig.status->p_nr = rig.status->endpoint = RIG_SELF;
	rig.status->nodeid = RIG_NODE;
	rig.status->sysproc = 1;
	rig.status->calls_allowed = UINT64_MAX;
	peer_new(&rig.low, RIG_LOW);
	peer_new(&rig.high, RIG_HIGH);
	rig.descriptors = open_descriptors();
}

void rig_begin(void)
{
	struct binding *binding;

	rig_begin_unbound();
	rig.bound = true;
	CHECK_EQ(binding_current(&binding), 0);
	/* The lessons of earlier tests. */
	binding->overdue = false;
	binding->distrust = 0;
	binding->watched = binding->last_served = binding->served_in_row = 0;
	memset(&binding->beside, 0, sizeof(binding->beside));
	memset(&binding->looking, 0, sizeof(binding->looking));
	memset(&binding->yielding, 0, sizeof(binding->yielding));
	memset(&binding->far, 0, sizeof(binding->far));
	memset(&binding->copying, 0, sizeof(binding->copying));
	binding->waits = 0;
	binding->ran_ns = 0;
	binding->got_cpu_ns = rig.now_ns;
	binding->asked_cpu = 0;
	rig.calls_of_daemon = 0;
	memset(rig.asked, 0, sizeof(rig.asked));
}

unsigned rig_end(void)
{
	struct binding *known = binding_known();
	unsigned failures;

	CHECK_EQ(rig.blocked, 0);
	CHECK_EQ(rig.status->in_control, 0);
	CHECK(!known || !known->busy);
	CHECK(!known || !known->bell->sleeping);
	drop_packets();
	CHECK_EQ(open_descriptors(), rig.descriptors);
	failures = test_failures;
	test_failures = 0;
	return failures;
}

/* ---- the peers ---- */

void rig_show(struct rig_peer *peer)
{
	unsigned index = (unsigned)shm_index(peer->p_nr);

	rig.status->peers[index / 64] |= UINT64_C(1) << index % 64;
}

struct line *rig_line(const struct rig_peer *peer)
{
	return &peer->page->line[shm_side(peer->p_nr, RIG_SELF)];
}

struct line *rig_our_line(const struct rig_peer *peer)
{
	return &peer->page->line[shm_side(RIG_SELF, peer->p_nr)];
}

static void ring(const struct rig_peer *peer)
{
	unsigned index = (unsigned)shm_index(peer->p_nr);

	rig.bell->news[index / 64] |= UINT64_C(1) << index % 64;
	rig.bell->seq++;
}

uint64_t rig_post(struct rig_peer *peer, enum line_op op, int type, uint64_t aux)
{
	message m = { .m_type = type };
	uint64_t seq = line_post(rig_line(peer), op, &m, aux);

	rig_show(peer);
	ring(peer);
	return seq;
}

bool rig_take(struct rig_peer *peer, struct line_image *image)
{
	return line_take(rig_our_line(peer), image);
}

void rig_kill(struct rig_peer *peer)
{
	rig.status->ended[shm_index(peer->p_nr)] = (uint32_t)_ENDPOINT_G(peer->life) + 1;
	line_end(&peer->page->line[0], EDVSDSTDIED, EDVSSRCDIED);
	line_end(&peer->page->line[1], EDVSDSTDIED, EDVSSRCDIED);
	peer->page->dead |= 1u << shm_side(peer->p_nr, RIG_SELF);
	ring(peer);
}

bool rig_daemon_was_rung(int p_nr)
{
	unsigned bit = RIG_DC * SHM_SLOTS + (unsigned)shm_index(p_nr);

	return rig.node_bell->news[bit / 64] >> bit % 64 & 1;
}

struct binding *rig_enter(void)
{
	struct binding *binding = NULL;

	CHECK_EQ(binding_enter(&binding, -1), 0);
	return binding;
}
