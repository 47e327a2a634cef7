/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The calls of the library while the other parties write whatever they like into the pages that it
 * shares with them. There is no other party: the input holds what they write, and it is written
 * where they would come to it, when the call goes to sleep. Time is made up, so that no call takes any:
 * a sleep lasts to its end unless something is written. Every call has a time-out and must come back.
 *
 * fuzz with: src/libdvk/binding.c src/libdvk/call_notify.c src/libdvk/call_receive.c src/libdvk/call_send.c
 * fuzz with: src/libdvk/call_sendrec.c src/libdvk/channel.c src/libdvk/control.c src/libdvk/look.c
 * fuzz with: src/libdvk/call_info.c src/libdvk/post.c src/libdvk/wait.c
 * fuzz with: src/os/fatal.c src/os/lock.c src/os/memfd.c src/os/socket.c src/os/thread.c
 * fuzz flags: -Dclock_gettime=made_up_time
 */

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dvk.h"
#include "libdvk/binding.h"
#include "libdvk/control.h"
#include "os/futex.h"
#include "os/memfd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int local_nodeid = -1; /* the name is call_bind.c's, which is not linked */

#define SELF_NR	  20
#define LOW_NR	  3
#define HIGH_NR	  100
#define CALLS_MAX 16
#define STEPS_MAX 2000000 /* looks at the clock in one input; more is no end */

static struct input {
	const uint8_t *data;
	size_t size;
} input;

static struct node_bell *node_bell;
static struct bell_page *bell[3]; /* own, of the peers */
static struct channel_page *channel[2];
static struct status_page *status;
static int channel_fd[2], bell_fd[2]; /* of the peers */
static int64_t now_ns;
static unsigned steps;

int made_up_time(clockid_t clock, struct timespec *time)
{
	(void)clock;
	now_ns += 1000;
	if (++steps > STEPS_MAX)
		abort();
	time->tv_sec = now_ns / 1000000000;
	time->tv_nsec = now_ns % 1000000000;
	return 0;
}

static unsigned take(void)
{
	if (!input.size)
		return 0;
	input.size--;
	return *input.data++;
}

/* Mostly where something stands that is looked at. */
static void scribble(void)
{
	static const uint16_t places[] = {
		offsetof(struct channel_page, line[0]),
		offsetof(struct channel_page, line[1]),
		offsetof(struct channel_page, line[0].aux),
		offsetof(struct channel_page, line[1].aux),
		offsetof(struct channel_page, notify[0]),
		offsetof(struct channel_page, notify[1]),
		offsetof(struct channel_page, dead),
		offsetof(struct channel_page, withdraw),
		offsetof(struct bell_page, seq),
		offsetof(struct bell_page, news),
	};
	uint8_t *pages[] = { (uint8_t *)channel[0], (uint8_t *)channel[1], (uint8_t *)bell[0],
			     (uint8_t *)bell[1],    (uint8_t *)bell[2],	   (uint8_t *)node_bell };
	unsigned which = take();
	size_t at = which & 0x80 ? take() * 15u : places[take() % (sizeof(places) / 2)];
	size_t bytes = 1 + take() % 16;

	if (bytes > input.size)
		bytes = input.size;
	memcpy(pages[which % 6] + at, input.data, bytes);
	input.data += bytes;
	input.size -= bytes;
}

int os_futex_wait(_Atomic uint32_t *word, uint32_t expected, int64_t deadline_ns)
{
	unsigned what = take();

	if (deadline_ns < 0)
		abort(); /* no sleep is without a bound */
	if (what & 1)
		scribble();
	if (*word != expected)
		return 0;
	if (what & 2)
		return 0;
	if (what & 4)
		return -EINTR;
	now_ns = deadline_ns > now_ns ? deadline_ns : now_ns;
	return -ETIMEDOUT;
}

int os_futex_wake(_Atomic uint32_t *word, int count)
{
	(void)word;
	(void)count;
	return 0;
}

/* A page and our own view of it; the library maps the descriptor for itself. */
static int page_new(void **pagep)
{
	int fd = os_memfd_new("fuzz", SHM_PAGE_BYTES);

	if (fd < 0 || os_memfd_map(fd, SHM_PAGE_BYTES, OS_MAP_NOFORK, pagep))
		abort();
	return fd;
}

/* Once: the pages, and a binding that has them as if the daemon had given them. */
static void set_up(void)
{
	struct control control = { .fd_count = 3 };
	void *page;

	/* A network of its own, in which no daemon is there to be asked. */
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
		errno = 0;
	control.fds[0] = page_new(&page);
	node_bell = page;
	control.fds[1] = page_new(&page);
	bell[0] = page;
	control.fds[2] = page_new(&page);
	status = page;
	status->magic = SHM_MAGIC_STATUS;
	status->version = SHM_VERSION;
	status->p_nr = SELF_NR;
	status->endpoint = SELF_NR;
	if (binding_attach(true, &control))
		abort();
	for (int i = 0; i < 2; i++) {
		channel_fd[i] = page_new(&page);
		channel[i] = page;
		bell_fd[i] = page_new(&page);
		bell[1 + i] = page;
	}
}

static void open_channel(struct binding *binding, int i, int p_nr)
{
	struct channel *with = binding_channel(binding, p_nr);
	void *page = with->page, *its_bell = with->bell;

	memset(channel[i], 0, SHM_PAGE_BYTES);
	memset(bell[1 + i], 0, SHM_PAGE_BYTES);
	/* One that was found dead has been closed. */
	if (!page && (os_memfd_map(channel_fd[i], SHM_PAGE_BYTES, OS_MAP_NOFORK, &page) ||
		      os_memfd_map(bell_fd[i], SHM_PAGE_BYTES, OS_MAP_NOFORK, &its_bell)))
		abort();
	*with = (struct channel){ .page = page,
				  .bell = its_bell,
				  .ended = &status->ended[shm_index(p_nr)],
				  .life = p_nr,
				  .own_side = shm_side(SELF_NR, p_nr),
				  .may_send = true };
}

static void begin(void)
{
	struct binding *binding;

	if (!status)
		set_up();
	now_ns = 1000000000;
	steps = 0;
	memset(node_bell, 0, SHM_PAGE_BYTES);
	memset(bell[0], 0, SHM_PAGE_BYTES);
	binding = binding_known();
	open_channel(binding, 0, LOW_NR);
	open_channel(binding, 1, HIGH_NR);
	status->sysproc = 1;
	status->calls_allowed = UINT64_MAX;
	status->peers[shm_index(LOW_NR) / 64] |= UINT64_C(1) << shm_index(LOW_NR) % 64;
	status->peers[shm_index(HIGH_NR) / 64] |= UINT64_C(1) << shm_index(HIGH_NR) % 64;
	binding->system_slots = SELF_NR + 1;
	binding->owed = 0;
	binding->overdue = false;
	binding->distrust = 0;
	memset(binding->news, 0, sizeof(binding->news));
	memset(binding->notes, 0, sizeof(binding->notes));
	memset(binding->ready, 0, sizeof(binding->ready));
}

static void call(void)
{
	unsigned what = take();
	long timeout = what & 0x80 ? 1 + take() % 64 : TIMEOUT_NOWAIT;
	int peer = what & 0x40 ? LOW_NR : HIGH_NR;
	message m = { .m_type = 1 };

	switch (what % 6) {
	case 0:
		dvk_send_T(peer, &m, timeout);
		break;
	case 1:
		dvk_receive_T(what & 0x20 ? ANY : peer, &m, timeout);
		break;
	case 2:
		dvk_sendrec_T(peer, &m, timeout);
		break;
	case 3:
		dvk_reply_T(peer, &m, timeout);
		break;
	case 4:
		dvk_notify(peer);
		break;
	default:
		dvk_rcvrqst_T(&m, timeout);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input = (struct input){ data, size };
	begin();
	for (int i = 0; i < CALLS_MAX && input.size; i++) {
		if (take() & 1)
			scribble();
		call();
	}
	return 0;
}
