/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_WATCH_H
#define DVS_NODE_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h> /* pthread_t, pthread_mutex_t */

struct copies;
struct exchange;
struct proxy;

/* The bell thread, and the parts that it looks at. The first four are given. */
struct watch {
	pthread_mutex_t *lock; /* the node's */
	struct exchange *exchange;
	struct proxy *proxy;
	struct copies *copies;
	pthread_t thread;
	_Atomic bool stop;
};

/* Looks at the node bell from now on. Lock not held. 0 or negative errno. */
int watch_start(struct watch *watch);
/* And no longer, until it is started again: the thread has ended. Lock not held. */
void watch_stop(struct watch *watch);

/* How long it sleeps, and when it looks at all channels. Pure; all zero at first. */
struct watch_rule {
	int64_t distrust_until_ns;
	int64_t swept_ns; /* all channels were looked at */
	unsigned empty;	  /* rings in a row that brought nothing */
	bool overdue;	  /* all channels are to be looked at */
};

int64_t watch_nap_ns(const struct watch_rule *rule, int64_t now_ns);
/* The channels that rang were looked at; and then, because that was overdue, all. */
void watch_looked(struct watch_rule *rule, bool brought);
void watch_swept(struct watch_rule *rule, bool brought, int64_t now_ns);
/* Until a ring, or to the end of the nap. */
void watch_slept(struct watch_rule *rule, bool to_the_end);
/* 0: none. */
int64_t watch_pause_ns(const struct watch_rule *rule);
void watch_paused(struct watch_rule *rule, int64_t now_ns);

#endif
