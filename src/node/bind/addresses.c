/* SPDX-License-Identifier: Apache-2.0 */
#include "node/bind/addresses.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/directory.h"
#include "dvk.h"
#include "node/state/order.h"
#include "os/clock.h"
#include "os/interface.h"
#include "os/lock.h"
#include "os/log.h"
#include "os/loop.h"
#include "os/threads.h"

#define MARKS_MAX	  (2 * SHM_DCS * DIRECTORY_SERVICES_MAX) /* each address, and a hole for it */
#define ANNOUNCE_NS	  (2 * OS_SECOND_NS)
#define ANNOUNCE_PAUSE_NS (300 * OS_MS_NS)

struct addresses_waiter {
	struct addresses_waiter *next;
	struct addresses *addresses;
	int dcid;
	addresses_done *done;
	void *ctx;
};

/* The addresses and holes that the kernel shall have. */
struct wanted {
	struct {
		struct address_net net;
		int dcid;
		bool hole;
	} item[SHM_DCS * DIRECTORY_SERVICES_MAX];
	int count;
	bool announces;
	struct refusal refusal[SHM_DCS];
};

/* Those that it has. */
struct present {
	struct os_interface_mark mark[MARKS_MAX];
	int count;
};

void addresses_init(struct addresses *addresses, pthread_mutex_t *lock, struct os_loop *loop,
		    const struct order *order)
{
	addresses->lock = lock;
	addresses->loop = loop;
	addresses->order = order;
	if (addresses->made)
		return;
	os_condition_init(&addresses->wake);
	os_condition_init(&addresses->idle);
	addresses->made = true;
}

bool addresses_serve(const struct addresses *addresses, int dcid)
{
	const struct order *order = addresses->order;

	assert(os_lock_protects());
	return order->directory.dc[dcid].services &&
	       directory_serves(&order->directory, dcid, order->self);
}

/* ---- the kernel ---- */

static const struct os_interface_mark *find_mark(const struct present *present,
						 struct address address, bool hole)
{
	for (int i = 0; i < present->count; i++)
		if (address_same(present->mark[i].address, address) &&
		    !present->mark[i].index == hole)
			return &present->mark[i];
	return NULL;
}

static bool is_wanted(const struct wanted *wanted, const struct os_interface_mark *mark)
{
	for (int i = 0; i < wanted->count; i++)
		if (address_same(wanted->item[i].net.address, mark->address))
			return wanted->item[i].hole == !mark->index;
	return false;
}

static int refuse(struct refusal *refusal, int node, const struct address_net *net, int dcid,
		  const struct os_interface *taken, int r)
{
	char text[ADDRESS_NET_TEXT];

	address_net_print(net, text);
	if (taken)
		return refusal_set(refusal, EDVSADDRINUSE,
				   "node %d cannot have %s, a service address of DC %d: its "
				   "interface %s has that address for itself; take it away there",
				   node, text, dcid, taken->name);
	if (r == -ENODEV)
		return refusal_set(refusal, EDVSADDRNOTAVAIL,
				   "node %d cannot have %s, a service address of DC %d: it has no "
				   "interface in that network; give one an address of it, or let "
				   "the endpoint stay elsewhere",
				   node, text, dcid);
	return refusal_set(refusal, EDVSADDRNOTAVAIL,
			   "node %d cannot have %s, a service address of DC %d: %s", node, text,
			   dcid, strerror(-r));
}

/* Where it could be: 0, or a refusal. */
static int find_place(int node, const struct address_net *net, int dcid,
		      struct os_interface *interface, struct refusal *refusal)
{
	int r = os_interface_with(net->address, interface);

	if (r == 0)
		return refuse(refusal, node, net, dcid, interface, 0);
	r = os_interface_find(net, interface);
	return r ? refuse(refusal, node, net, dcid, NULL, r) : 0;
}

/* The address is here, and then no hole any more: in between it drops nothing. */
static void give(struct wanted *wanted, const struct present *present, int i, int node)
{
	const struct address_net *net = &wanted->item[i].net;
	const struct os_interface_mark *mark = find_mark(present, net->address, false);
	struct os_interface interface = { .index = mark ? mark->index : 0 };
	struct refusal *refusal = &wanted->refusal[wanted->item[i].dcid];
	int r = mark ? 0 : find_place(node, net, wanted->item[i].dcid, &interface, refusal);

	if (r == 0) {
		r = os_interface_give(interface.index, net->address, ADDRESSES_LEASE_S);
		if (r)
			refuse(refusal, node, net, wanted->item[i].dcid, NULL, r);
	}
	if (find_mark(present, net->address, true))
		os_interface_fill(net->address);
	if (r)
		return;
	if (!mark)
		os_log(OS_LOG_INFO, "a service address of DC %d is here now", wanted->item[i].dcid);
	if (!mark || wanted->announces)
		os_interface_announce(interface.index, net->address);
	wanted->announces = wanted->announces || !mark;
}

/* The hole first: there is no moment at which the machine would answer, or pass packets on. */
static void dig(struct wanted *wanted, const struct present *present, int i, int node)
{
	const struct address_net *net = &wanted->item[i].net;
	const struct os_interface_mark *mark = find_mark(present, net->address, false);
	int r = find_mark(present, net->address, true) ? 0 : os_interface_dig(net->address);

	if (r == 0 && mark)
		r = os_interface_take(mark->index, net->address);
	if (r)
		refuse(&wanted->refusal[wanted->item[i].dcid], node, net, wanted->item[i].dcid,
		       NULL, r);
}

static void apply(struct wanted *wanted, int node)
{
	struct present present;

	present.count = os_interface_marked(present.mark, MARKS_MAX);
	if (present.count < 0) {
		if (wanted->count)
			os_log(OS_LOG_ERROR, "the kernel does not tell its addresses: %s",
			       strerror(-present.count));
		present.count = 0;
	}
	for (int i = 0; i < wanted->count; i++) {
		if (wanted->item[i].hole)
			dig(wanted, &present, i, node);
		else
			give(wanted, &present, i, node);
	}
	for (int i = 0; i < present.count; i++) {
		const struct os_interface_mark *mark = &present.mark[i];

		if (is_wanted(wanted, mark))
			continue;
		if (mark->index)
			os_interface_take(mark->index, mark->address);
		else
			os_interface_fill(mark->address);
	}
}

/* ---- settling ---- */

/* The containers that are served here, a bit for each, and the number of their addresses. */
static void look(const struct addresses *addresses, uint32_t *served, uint32_t *count)
{
	*served = *count = 0;
	for (int dcid = 0; dcid < SHM_DCS; dcid++) {
		if (!addresses_serve(addresses, dcid))
			continue;
		*served |= UINT32_C(1) << dcid;
		*count += addresses->order->directory.dc[dcid].services;
	}
}

static void want(struct addresses *addresses, struct wanted *wanted)
{
	const struct directory *dir = &addresses->order->directory;

	look(addresses, &addresses->seen, &addresses->count);
	wanted->count = 0;
	wanted->announces = os_now_ns() < addresses->announced_until_ns;
	memset(wanted->refusal, 0, sizeof(wanted->refusal));
	for (int dcid = 0; dcid < SHM_DCS && !addresses->over; dcid++) {
		bool silent = addresses->silent >> dcid & 1;

		if (!silent && !addresses_serve(addresses, dcid))
			continue;
		for (int i = 0; i < dir->dc[dcid].services; i++) {
			wanted->item[wanted->count].net = dir->dc[dcid].service[i];
			wanted->item[wanted->count].dcid = dcid;
			wanted->item[wanted->count++].hole = silent;
		}
	}
}

/* One at a time; each sees the directory as it is when its turn has come. Lock held, and given back meanwhile. */
static void settle(struct addresses *addresses)
{
	static struct wanted wanted; /* of the one whose turn it is */
	int node = addresses->order->self;
	bool announced;

	while (addresses->busy)
		os_condition_wait(&addresses->idle, addresses->lock, 0);
	addresses->busy = true;
	want(addresses, &wanted);
	announced = wanted.announces;
	os_lock_release(addresses->lock);
	apply(&wanted, node);
	os_lock_take(addresses->lock);
	memcpy(addresses->refusal, wanted.refusal, sizeof(addresses->refusal));
	if (wanted.announces && !announced) {
		addresses->announced_until_ns = os_now_ns() + ANNOUNCE_NS;
		os_condition_signal(&addresses->wake);
	}
	addresses->busy = false;
	os_condition_signal(&addresses->idle);
}

static int result_of(const struct addresses *addresses, int dcid, struct refusal *refusal)
{
	if (!addresses->refusal[dcid].error)
		return 0;
	*refusal = addresses->refusal[dcid];
	return refusal->error;
}

int addresses_settle(struct addresses *addresses, int dcid, struct refusal *refusal)
{
	int r;

	assert(!os_lock_is_held());
	os_lock_take(addresses->lock);
	settle(addresses);
	r = result_of(addresses, dcid, refusal);
	os_lock_release(addresses->lock);
	return r;
}

int addresses_silence(struct addresses *addresses, int dcid, bool silent, struct refusal *refusal)
{
	uint32_t bit = UINT32_C(1) << dcid;
	int r;

	assert(!os_lock_is_held());
	os_lock_take(addresses->lock);
	addresses->silent = silent ? addresses->silent | bit : addresses->silent & ~bit;
	settle(addresses);
	r = result_of(addresses, dcid, refusal);
	os_lock_release(addresses->lock);
	return r;
}

int addresses_check(struct addresses *addresses, int dcid, struct refusal *refusal)
{
	struct address_net net[DIRECTORY_SERVICES_MAX];
	const struct directory_dc *dc = &addresses->order->directory.dc[dcid];
	int node = addresses->order->self, count, r = 0;

	assert(!os_lock_is_held());
	os_lock_take(addresses->lock);
	count = dc->services;
	memcpy(net, dc->service, sizeof(net));
	os_lock_release(addresses->lock);
	for (int i = 0; i < count && r == 0; i++) {
		struct os_interface interface;

		r = find_place(node, &net[i], dcid, &interface, refusal);
	}
	return r;
}

/* ---- the thread ---- */

static void tell(void *ctx)
{
	struct addresses_waiter *waiter = ctx;
	struct addresses *addresses = waiter->addresses;
	const struct refusal none = REFUSAL_NONE;
	int dcid = waiter->dcid;

	assert(os_lock_protects());
	waiter->done(waiter->ctx,
		     addresses_serve(addresses, dcid) ? &addresses->refusal[dcid] : &none);
	free(waiter);
}

static void tell_all(struct addresses *addresses, struct addresses_waiter *waiter)
{
	while (waiter) {
		struct addresses_waiter *next = waiter->next;

		if (os_loop_post(addresses->loop, tell, waiter) < 0) {
			waiter->next = addresses->waiters; /* in the next turn */
			addresses->waiters = waiter;
		}
		waiter = next;
	}
}

static void complain(const struct addresses *addresses)
{
	for (int dcid = 0; dcid < SHM_DCS; dcid++)
		if (addresses->refusal[dcid].error)
			os_log(OS_LOG_WARN, "%s", addresses->refusal[dcid].reason);
}

/* 0: for ever. */
static int64_t next_turn_ns(const struct addresses *addresses)
{
	int64_t now = os_now_ns();

	if (!addresses->count && !addresses->silent && !addresses->waiters)
		return 0;
	return now + (now < addresses->announced_until_ns ? ANNOUNCE_PAUSE_NS
							  : ADDRESSES_RENEW_MS * OS_MS_NS);
}

static void *run(void *arg)
{
	struct addresses *addresses = arg;

	os_lock_take(addresses->lock);
	addresses->due = true; /* residues of an earlier life */
	while (!addresses->stops) {
		struct addresses_waiter *waiters = addresses->waiters;
		bool was_due = addresses->due;

		addresses->waiters = NULL;
		addresses->due = false;
		settle(addresses);
		if (was_due)
			complain(addresses);
		tell_all(addresses, waiters);
		if (!addresses->due && !addresses->stops)
			os_condition_wait(&addresses->wake, addresses->lock,
					  next_turn_ns(addresses));
	}
	os_lock_release(addresses->lock);
	return NULL;
}

int addresses_start(struct addresses *addresses)
{
	int r;

	assert(!os_lock_is_held());
	assert(!addresses->runs);
	addresses->stops = false;
	r = os_thread_start_joined(&addresses->thread, run, addresses);
	addresses->runs = r == 0;
	return r;
}

void addresses_stop(struct addresses *addresses)
{
	assert(!os_lock_is_held());
	if (!addresses->runs)
		return;
	os_lock_take(addresses->lock);
	addresses->stops = true;
	os_condition_signal(&addresses->wake);
	os_lock_release(addresses->lock);
	os_thread_join(addresses->thread);
	addresses->runs = false;
}

void addresses_end(struct addresses *addresses)
{
	struct refusal ignored = REFUSAL_NONE;

	os_lock_take(addresses->lock);
	addresses->over = true;
	os_lock_release(addresses->lock);
	addresses_settle(addresses, 0, &ignored);
}

void addresses_on_order(struct addresses *addresses)
{
	uint32_t seen, count;

	assert(os_lock_protects());
	look(addresses, &seen, &count);
	if (seen == addresses->seen && count == addresses->count)
		return;
	addresses->due = true;
	if (addresses->runs)
		os_condition_signal(&addresses->wake);
}

int addresses_await(struct addresses *addresses, int dcid, addresses_done *done, void *ctx)
{
	struct addresses_waiter *waiter = malloc(sizeof(*waiter));

	assert(os_lock_protects());
	if (!waiter)
		return -ENOMEM;
	*waiter = (struct addresses_waiter){ addresses->waiters, addresses, dcid, done, ctx };
	addresses->waiters = waiter;
	addresses->due = true;
	if (addresses->runs)
		os_condition_signal(&addresses->wake);
	return 0;
}
