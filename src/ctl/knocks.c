/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/knocks.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "ctl/invitation.h"
#include "os/clock.h"
#include "os/pollset.h"
#include "os/self.h"
#include "os/socket.h"
#include "os/tcp.h"

struct knock {
	struct secure *secure;
	struct address address;
	int64_t deadline_ns;
};

struct knocks {
	int fd, set; /* the set stands for the port and for all callers */
	struct secure_keys *keys;
	unsigned count;
	struct knock caller[KNOCKS_MOST]; /* the oldest first */
};

int knocks_new(struct knocks **knocksp, int fd, struct secure_keys *keys)
{
	struct knocks *knocks = calloc(1, sizeof(*knocks));
	int r;

	*knocksp = NULL;
	if (!knocks)
		return -ENOMEM;
	knocks->fd = fd;
	knocks->keys = secure_keys_share(keys);
	knocks->set = r = os_pollset_new();
	if (r >= 0)
		r = os_pollset_add(knocks->set, fd, OS_READ);
	if (r < 0) {
		knocks_free(knocks);
		return r;
	}
	*knocksp = knocks;
	return 0;
}

/* The caller leaves the set. Its connection belongs to the receiver. */
static struct secure *take(struct knocks *knocks, unsigned at)
{
	struct secure *secure = knocks->caller[at].secure;

	assert(at < knocks->count);
	os_pollset_remove(knocks->set, secure_fd(secure));
	knocks->count--;
	for (unsigned i = at; i < knocks->count; i++)
		knocks->caller[i] = knocks->caller[i + 1];
	return secure;
}

struct knocks *knocks_free(struct knocks *knocks)
{
	if (!knocks)
		return NULL;
	while (knocks->count)
		secure_free(take(knocks, 0));
	os_close(knocks->set);
	secure_keys_free(knocks->keys);
	free(knocks);
	return NULL;
}

/*
 * The one that gives way to a caller from this address: of this address, of its network, or of any. A machine has as
 * many addresses of IPv6 as it wants, and none but its own network suffers by that.
 */
static unsigned oldest(const struct knocks *knocks, struct address address)
{
	struct address network = address_network(address);

	for (unsigned i = 0; i < knocks->count; i++)
		if (address_same(knocks->caller[i].address, address))
			return i;
	for (unsigned i = 0; i < knocks->count; i++)
		if (address_same(address_network(knocks->caller[i].address), network))
			return i;
	return 0;
}

/* A caller that may wait at the port. One that finds no memory is turned away without a word. */
static void hear(struct knocks *knocks)
{
	struct knock knock = { .deadline_ns = os_deadline_ns(KNOCKS_GREETING_MS) };
	struct os_tcp_caller who;
	int fd = os_tcp_accept(knocks->fd, &who);

	if (fd < 0)
		return;
	if (knocks->count == KNOCKS_MOST)
		secure_free(take(knocks, oldest(knocks, who.address)));
	knock.address = who.address;
	knock.secure = invitation_answer(knocks->keys, fd);
	if (!knock.secure)
		return;
	if (os_pollset_add(knocks->set, fd, OS_READ))
		secure_free(knock.secure);
	else
		knocks->caller[knocks->count++] = knock;
}

/* One caller that has proven the token, or was turned away. */
static bool look(struct knocks *knocks, struct secure **securep, struct refusal *refusal)
{
	for (unsigned i = 0; i < knocks->count; i++) {
		struct knock *knock = &knocks->caller[i];
		int r = invitation_greet(knock->secure, refusal);

		if (r > 0 && os_left_ms(knock->deadline_ns)) {
			os_pollset_change(knocks->set, secure_fd(knock->secure), r);
			continue;
		}
		if (r > 0)
			refusal_set(refusal, EDVSTIMEDOUT,
				    "a caller has not proven the token in time");
		*securep = take(knocks, i);
		if (r)
			*securep = secure_free(*securep);
		return true;
	}
	return false;
}

int knocks_next(struct knocks *knocks, int64_t deadline_ns, struct secure **securep,
		struct refusal *refusal)
{
	*securep = NULL;
	while (!look(knocks, securep, refusal)) {
		int64_t end = deadline_ns;
		int r;

		/* The oldest caller has the least time left. */
		if (knocks->count && knocks->caller[0].deadline_ns < end)
			end = knocks->caller[0].deadline_ns;
		r = os_self_wait(knocks->set, os_left_ms(end));
		if (!r)
			hear(knocks);
		else if (r != -ETIMEDOUT || !os_left_ms(deadline_ns))
			return r;
	}
	return 0;
}
