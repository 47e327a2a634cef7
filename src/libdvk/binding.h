/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_LIBDVK_BINDING_H
#define DVS_LIBDVK_BINDING_H

/*
 * The identity of the calling thread: the pages of its endpoint and its channels with others. A thread that is
 * bound itself acts as its endpoint, any other as the endpoint of the main thread.
 *
 * Everything here is ordinary memory of the process and moves with it. Nothing in it says where
 * anybody is: after a move the same addresses hold pages of the same role on the new node.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/attention.h"
#include "libdvk/assertion.h"
#include "wire/shm.h"

struct channel {
	struct channel_page *page;     /* NULL: not open */
	struct bell_page *bell;	       /* the peer's */
	const _Atomic uint32_t *ended; /* of the slot in our status page: which lives are over */
	int life;	     /* the peer's, as the daemon told; the page is not believed */
	uint32_t generation; /* of that */
	int p_nr;
	int own_side;
	bool may_send;	  /* opened for sending, so that the daemon has agreed to it */
	uint32_t rights;  /* of the status page, when it did */
	bool owes;	  /* we took a request of the peer and have not answered it */
	uint64_t request; /* its sequence */
	uint32_t lost;	  /* answers that are owed to earlier lives of the slot */
};

struct binding {
	_Atomic uint32_t busy; /* one call at a time */
	_Atomic bool attached; /* the pages below are there */
	struct status_page *status;
	struct bell_page *bell; /* own */
	struct node_bell *node_bell;
	int dcid, p_nr;
	int life;			/* the own one */
	int owed;			/* channels with owes set */
	int system_slots;		/* slots below are of system processes; 0: not asked yet */
	bool overdue;			/* the last sleep was a full one, and nobody rang */
	uint32_t distrust;		/* sleeps left that are short, because a ring was lost */
	unsigned last_served;		/* index of the sender that was last received from */
	unsigned served_in_row;		/* it alone, so often */
	unsigned watched;		/* 1 + index: as in the bell, see libdvk/call_receive.c */
	uint64_t turns;			/* handed out so far */
	uint64_t turn[SHM_SLOTS];	/* of a sender in `ready`: the lowest is served first */
	uint64_t news[SHM_NEWS_WORDS];	/* taken from the bell, not looked at yet */
	uint64_t notes[SHM_NEWS_WORDS]; /* seen to have a notification */
	uint64_t ready[SHM_NEWS_WORDS]; /* seen to have a message */
	struct attention beside, looking, yielding, far;
	struct attention_span copying; /* looks on for the end of a data copy */
	struct attention_costs costs;  /* of this machine, as last read: see look_learn() */
	/* Which process had the CPU, see libdvk/look.c. Times are monotonic. */
	int64_t got_cpu_ns;		   /* since when we run */
	int64_t ran_ns;			   /* before that, not counted as talk yet */
	uint32_t waits;			   /* begun meanwhile */
	unsigned asked_cpu;		   /* where we last asked who else runs, + 1; 0: never */
	int64_t asked_ns;		   /* when */
	uint64_t asked_talk;		   /* the count of talk there, then */
	struct channel channel[SHM_SLOTS]; /* by table index of the peer */
};

/* The caller's number for a request: 0 for the main thread. */
int binding_thread_id(void);

/* The caller's binding as far as it is known here; asks nobody. NULL if there is none. */
struct binding *binding_known(void);

/* That of the process (whole) or of the calling thread itself, if it is there. */
struct binding *binding_held(bool whole);

/* The same as binding_known(), but asks the daemon where nothing is known. EDVSNOTBIND, EDVSDVSINIT. */
int binding_current(struct binding **bindingp);

/*
 * Enters a call as its only user: EDVSPROCRUN if another thread, or the code that a signal
 * interrupted, is inside one. Waits while a migration by hand holds the process. call: DVK_ number
 * that must be allowed, or -1. Leave with binding_leave(), which passes the result on.
 */
int binding_enter(struct binding **bindingp, int call);
/*
 * The same for a call with a time-out, which a hold does not prolong: EDVSTIMEDOUT, or EDVSAGAIN where
 * the call must not wait. The time of the hold is taken off *timeout_ms.
 */
int binding_enter_timed(struct binding **bindingp, int call, long *timeout_ms);
long binding_leave(struct binding *binding, long result);

/*
 * Asks who the caller is and maps the pages, inside a control scope; *errnop as control_ask().
 * whole: as the process, not as the thread. The daemon's error, 0 also if it is not bound.
 */
int binding_hello(bool whole, int *errnop);

/* Whether the privileges allow this call (DVK_ number); -1 always. The binding is entered. */
bool binding_allows(const struct binding *binding, int call);

struct control;

/*
 * Takes the three descriptors of a successful answer (node bell, own bell, status) as the binding of
 * the calling thread, or of the process. Closes them in any case. Inside a control scope.
 */
int binding_attach(bool whole, struct control *control);
/* The binding is over: forgets its pages. The caller is its only user. */
void binding_detach(struct binding *binding);

/* The state that dvs ps shows of a caller that waits; binding_leave() takes it back. */
void binding_show(struct binding *binding, uint32_t flags, int getfrom, int sendto);
void binding_misc(struct binding *binding, uint32_t set, uint32_t clear);

/*
 * Rules that hold inside a call, between entering and leaving. It is for work that is not done with every
 * message.
 */
static inline void binding_entered_assert(const struct binding *binding)
{
	DVK_ASSERT(atomic_load_explicit(&binding->busy, memory_order_relaxed));
	DVK_ASSERT(binding->status && binding->bell);
	DVK_ASSERT(binding->owed >= 0 && binding->owed <= SHM_SLOTS);
}

/* p_nr has been checked. */
static inline struct channel *binding_channel(struct binding *binding, int p_nr)
{
	DVK_ASSERT(shm_index(p_nr) >= 0 && shm_index(p_nr) < SHM_SLOTS);
	return &binding->channel[shm_index(p_nr)];
}

#endif
