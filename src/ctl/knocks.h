/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CTL_KNOCKS_H
#define DVS_CTL_KNOCKS_H

/*
 * The callers at the port of an invitation that have not proven its token yet. Many are heard at once, so that a caller
 * that says nothing, or many of them, are in no newcomer's way. They are bounded: each has KNOCKS_GREETING_MS, and one
 * caller more than KNOCKS_MOST takes the place of the oldest from its own address or network, or else of the oldest of
 * all.
 */

#include <stdint.h>

#include "base/refusal.h"
#include "os/secure.h"

#define KNOCKS_MOST	   64
#define KNOCKS_GREETING_MS 5000

struct knocks;

/* At this listening descriptor, which stays the caller's; the keys are shared. 0 or negative errno. */
int knocks_new(struct knocks **knocksp, int fd, struct secure_keys *keys);
struct knocks *knocks_free(struct knocks *knocks); /* the callers go; returns NULL */

/*
 * Waits for the next caller of which something is known. 0 and a connection, which has proven the token and belongs to
 * the receiver; or 0 and NULL: a caller was turned away, and the refusal says why. -ETIMEDOUT; -EINTR, see
 * os_self_wait(); or another negative errno.
 */
int knocks_next(struct knocks *knocks, int64_t deadline_ns, struct secure **securep,
		struct refusal *refusal);

#endif
