/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_LIBDVK_RIG_TEST_H
#define DVS_LIBDVK_RIG_TEST_H

/*
 * The library in a made-up world, for tests of its files one by one: the pages are real, the peers, the daemon and
 * the kernel are the test. A sleep takes no time; the test's hook says what happens during it, and else it lasts to
 * its end. Each look at the clock takes a microsecond of the made-up time. One endpoint, RIG_SELF, is the program;
 * its peers are RIG_LOW and RIG_HIGH, on either side of it.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/test.h"
#include "core/line.h"
#include "core/notify.h"
#include "dvk.h"
#include "libdvk/binding.h"
#include "libdvk/channel.h"
#include "libdvk/control.h"
#include "libdvk/wait.h"
#include "os/clock.h"
#include "os/socket.h"
#include "wire/ctl.h"

#define RIG_DC	  2
#define RIG_SELF  20
#define RIG_LOW	  3   /* the program is on side 1 */
#define RIG_HIGH  100 /* the program is on side 0 */
#define RIG_NOONE 77  /* a slot in which nobody is bound */
#define RIG_NODE  4
#define RIG_PID	  1000
#define RIG_CALLS 64

/* One packet of the daemon. */
struct rig_packet {
	struct ctl_reply head;
	uint8_t payload[1200];
	size_t bytes; /* of the whole packet; 0: as the head says */
	int error;    /* negative errno in place of a packet */
	int fds[OS_FDS_MAX], fd_count;
};

struct rig_peer {
	int p_nr, life;
	int page_fd, bell_fd;
	struct channel_page *page;
	struct bell_page *bell;
};

struct rig {
	struct node_bell *node_bell;
	struct bell_page *bell;
	struct status_page *status;
	int page_fd[3]; /* of these */
	struct rig_peer low, high;

	/* the kernel */
	int64_t now_ns;
	/* Called in each sleep; says how that ends: RIG_TO_ITS_END, 0, or -EINTR. NULL: the first */
	int (*on_sleep)(void);
	void (*on_yield)(void);
	void (*on_wake)(void);
	unsigned sleeps, yields, wakes, calls_of_daemon;
	int64_t slept_ns;	    /* how long the last sleep was to be */
	_Atomic uint32_t *slept_on; /* by the last sleep */
	_Atomic uint32_t *woken;    /* by the last wake */
	int64_t yield_takes_ns;
	unsigned cpu;
	bool many_threads;
	int blocked;	    /* depth of blocked signals */
	int timers_blocked; /* sleeps with the timers' signals blocked */
	int copy_result, copy_pid;
	int descriptors; /* open at the beginning */

	/* the daemon */
	bool bound;		    /* the process, as HELLO tells */
	bool thread_bound;	    /* and the thread that is no main thread */
	int connect;		    /* 0, or the errno of each connection by name */
	int connect_path;	    /* and by path */
	int asked[RIG_CALLS];	    /* how often, by call */
	int refuse[RIG_CALLS];	    /* the answer to such a call; 0: the usual one */
	struct ctl_request request; /* the last one */
	uint8_t payload[1024];	    /* of it */
	/* Answers in place of the usual daemon, by rig_say(). */
	void (*daemon)(void);
	struct rig_packet packet[4];
	int packets, told;
};

extern struct rig rig;

#define RIG_TO_ITS_END 1

/* A fresh world, in which the program is bound as RIG_SELF, is a system process, and may do all. */
void rig_begin(void);
/* The same with no binding yet. */
void rig_begin_unbound(void);
/* Nothing is left: no signals blocked, no exchange under way, nobody inside a call, no descriptor. Failed checks. */
unsigned rig_end(void);

/* The daemon's next packet; fds are copied. */
struct rig_packet *rig_say(int error, int64_t value, const int *fds, int fd_count);

/* The peer opens a channel with us, as the daemon shows it. */
void rig_show(struct rig_peer *peer);
/* Their line and ours, seen from the peer. */
struct line *rig_line(const struct rig_peer *peer);
struct line *rig_our_line(const struct rig_peer *peer);
/* The peer posts a message of this type and rings. */
uint64_t rig_post(struct rig_peer *peer, enum line_op op, int type, uint64_t aux);
/* The peer takes what is in our line; false: nothing was. */
bool rig_take(struct rig_peer *peer, struct line_image *image);
/* The peer's life ends, as the daemon says it. */
void rig_kill(struct rig_peer *peer);
/* The daemon was rung for this slot. */
bool rig_daemon_was_rung(int p_nr);

/* Our binding, entered; the test leaves it. */
struct binding *rig_enter(void);

/* TEST() in a fresh world; failed checks of the rig count as the test's. */
#define RIG_TEST_IN(begin, function)                                                        \
	do {                                                                                \
		unsigned before_ = test_failures;                                           \
		begin();                                                                    \
		function();                                                                 \
		test_failures += rig_end();                                                 \
		printf("%s - %s\n", test_failures == before_ ? "ok" : "not ok", #function); \
		fflush(stdout);                                                             \
	} while (0)
#define RIG_TEST(function) RIG_TEST_IN(rig_begin, function)

#endif
