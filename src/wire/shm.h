/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_WIRE_SHM_H
#define DVS_WIRE_SHM_H

/*
 * The pages that programs and the node daemon share. All are memfds made by the daemon and mapped
 * MAP_SHARED. A process that is given a page may write anything into it at any time, so every reader
 * reads once, checks, then uses, and nothing read from a page is trusted as an index or a length.
 *
 *    process A                 node N's daemon                  process B
 *   +----------+   channel page A|B (when both run here)       +----------+
 *   | status A |<----------------------------------------------| status B |
 *   | bell A <---- rung by B, by the daemon                    |          |
 *   |          |   rung by A ------------------------------------> bell B |
 *   +----------+                                               +----------+
 *        |   news for an end that the daemon holds                  |
 *        +------------------> node bell <---------------------------+
 *
 * channel page   one per pair of endpoints and node; a line and a notify word for each direction
 * bell page      one per endpoint and node; its far end's holder sleeps on it
 * node bell      one per node; the daemon sleeps on it
 * status page    one per bound task, seen by it and the daemon only; it asks there for data copies
 *
 * Sides of a channel: side 0 is the endpoint with the smaller slot. line[s] and notify[s] are
 * written by side s and taken by side 1-s. A slot's table index is p_nr + SHM_TASKS.
 */

#include <stdint.h>

#include "dvk.h"

#define SHM_VERSION	    11
#define SHM_PAGE_BYTES	    4096u
#define SHM_TASKS	    35	/* slots below 0: NR_TASKS */
#define SHM_SLOTS	    256 /* NR_TASKS + NR_PROCS */
#define SHM_DCS		    32
#define SHM_NEWS_WORDS	    (SHM_SLOTS / 64)
#define SHM_TALK_CPUS	    32
#define SHM_BARS	    4 /* operations that can be barred, by enum line_op; 0: notifications */
#define SHM_NODE_NEWS_WORDS (SHM_DCS * SHM_SLOTS / 64)

#define SHM_MAGIC_CHANNEL 0x43535644u /* "DVSC" */
#define SHM_MAGIC_BELL	  0x42535644u
#define SHM_MAGIC_STATUS  0x53535644u
#define SHM_MAGIC_NODE	  0x4e535644u

static inline int shm_index(int p_nr)
{
	return p_nr + SHM_TASKS;
}

static inline int shm_side(int own_nr, int peer_nr)
{
	return own_nr < peer_nr ? 0 : 1;
}

/* One direction of a channel; see core/line.h for the word and who may change it. */
struct line {
	_Atomic uint64_t word;
	/*
	 * LINE_OP_ANSWER: sequence of the request that is answered. SEND and SENDREC: when the message
	 * came to this node, in ticks, so that a receiver serves in the order of arrival.
	 */
	_Atomic uint64_t aux;
	message msg;
};

/* A copy of a line outside the shared page: the form that is sent, stored and merged. */
struct line_image {
	uint64_t word;
	uint64_t aux;
	message msg;
};

/* A copy of a notify word outside the shared page. */
struct notify_image {
	uint64_t posted, taken, bits;
	int32_t nr;
	uint32_t pad;
};

/* Notifications of one direction, see core/notify.h: pending while posted > taken (serial arithmetic). */
struct notify_word {
	_Atomic uint64_t posted; /* counted up by the sender after nr and bits */
	_Atomic uint64_t taken;	 /* set by the receiver to the posted value it has seen */
	_Atomic uint64_t bits;	 /* update bitmap, valid while pending */
	_Atomic int32_t nr;	 /* slot in whose name the last one was sent */
	uint32_t pad[9];
};

struct channel_page {
	uint32_t magic;
	uint32_t version;
	int32_t dcid;
	int32_t endpoint[2]; /* by side; with generation */
	/* bit s: side s is gone for good; map this page no longer. Both sides can write here: see status_page.ended */
	_Atomic uint32_t dead;
	_Atomic int32_t node[2]; /* where each side runs, for the counters and for ps; -1 moving */
	_Atomic int32_t copy_pid[2];   /* pid by which side 1-s may copy to and from s; 0: ask */
	_Atomic uint32_t copy_busy[2]; /* side 1-s is copying to or from s just now */
	uint32_t pad0[4];
	_Atomic uint64_t withdraw[2]; /* side s wants its line's message of this sequence back */
	uint64_t pad1[6];
	_Alignas(128) struct line line[2];
	_Alignas(128) struct notify_word notify[2];
};

/* A page outside of its node. [0] belongs to the end that moves, [1] to its peer. */
struct channel_image {
	struct line_image line[2];
	struct notify_image notify[2];
	uint64_t withdraw[2];
};

_Static_assert(sizeof(struct line) == 64, "a line is one cache line");
_Static_assert(sizeof(struct notify_word) == 64, "a notify word is one cache line");
_Static_assert(sizeof(struct channel_page) <= SHM_PAGE_BYTES, "a channel fits its page");

enum bell_holder {
	BELL_PROCESS = 0, /* the endpoint's task sleeps on seq */
	BELL_DAEMON = 1, /* the endpoint is elsewhere, or being moved: ring the node bell as well */
};

struct bell_page {
	uint32_t magic;
	uint32_t version;
	int32_t dcid;
	int32_t p_nr;
	_Alignas(64) _Atomic uint32_t seq; /* futex word, counted up by every ring */
	_Atomic uint32_t sleeping;	   /* the holder is, or is about to be, in futex wait */
	_Atomic uint32_t holder;	   /* enum bell_holder */
	_Atomic uint32_t cpu; /* 1 + the CPU the holder runs on; 0: it has given its CPU away */
	/* 1 + table index of the sender whose line the holder looks at by itself; 0: of none */
	_Atomic uint32_t watched;
	uint32_t pad[11];
	_Alignas(64) _Atomic uint64_t news[SHM_NEWS_WORDS]; /* bit: table index of the ringer */
};

struct node_bell {
	uint32_t magic;
	uint32_t version;
	int32_t nodeid;
	/* Costs of this machine, measured by the daemon: core/attention.h. */
	_Atomic uint32_t yield_ns, switch_ns, wake_ns;
	uint32_t pad0[10];
	_Alignas(64) _Atomic uint32_t seq;
	_Atomic uint32_t sleeping;
	_Atomic uint32_t cpu; /* 1 + the CPU on which the daemon looks on; 0: it does not */
	uint32_t pad1[13];
	_Alignas(64) _Atomic uint64_t news[SHM_NODE_NEWS_WORDS]; /* bit: dcid * SHM_SLOTS + index */
	/* By CPU, modulo: the time its processes have talked on it, counted by themselves when they pause. */
	struct {
		_Alignas(64) _Atomic uint64_t ns;
	} talk[SHM_TALK_CPUS];
};

_Static_assert(sizeof(struct bell_page) <= SHM_PAGE_BYTES, "a bell fits its page");
_Static_assert(sizeof(struct node_bell) <= SHM_PAGE_BYTES, "the node bell fits its page");

/*
 * A data copy that a task asks its daemon for, by a ring of the node bell for its own slot. It asks for one at a
 * time: a number that changes before its answer is there says that the task gives up the copy of that number.
 *
 *	task                            daemon
 *	writes the rest, then number    reads number, then the rest, once
 *	rings the node bell             copies
 *	looks at answer, sleeps         writes answer, rings the task's bell
 */
struct copy_ask {
	/* written by the task */
	_Alignas(64) _Atomic uint32_t number; /* counted up */
	_Atomic int32_t slot[2];	      /* source, destination */
	_Atomic int32_t bytes;		      /* SHM_COPY_NONE: none, the last one is given up */
	_Atomic uint64_t addr[2];
	/* written by the daemon: shm_copy_answer() of the last copy that is over; 0: there was none */
	_Atomic uint64_t answer;
};

#define SHM_COPY_NONE (-1)

/* code: 0 or a negative EDVS number */
static inline uint64_t shm_copy_answer(uint32_t number, int code)
{
	return (uint64_t)number << 32 | (uint32_t)-code;
}

static inline uint32_t shm_copy_answered(uint64_t answer)
{
	return (uint32_t)(answer >> 32);
}

static inline int shm_copy_code(uint64_t answer)
{
	return -(int)(uint32_t)answer;
}

/*
 * The state that one bound task shows. The task writes the upper part, the daemon the lower one. The daemon
 * sets hold and latch and rings the bell; the task looks at both whenever it enters a call, before
 * it takes or posts anything, and whenever it wakes.
 */
struct status_page {
	uint32_t magic;
	uint32_t version;
	/* written by the task */
	_Alignas(64) _Atomic uint32_t rts_flags; /* SENDING, RECEIVING, ONCOPY, WAITUNBIND ... */
	_Atomic uint32_t misc_flags;		 /* MIS_ATOMIC, MIS_NOMIGRATE, MIS_NOTIFY ... */
	_Atomic int32_t getfrom;
	_Atomic int32_t sendto;
	_Atomic int32_t waitunbind;
	_Atomic uint32_t in_control; /* an exchange with the daemon is under way */
	_Atomic uint32_t waitbind;   /* waits for a bind or unbind: ring on every one in its DC */
	_Atomic uint32_t exchanges;  /* counted up when in_control is */
	_Atomic uint64_t lclsent, rmtsent, lclcopy, rmtcopy;
	_Atomic uint64_t waits; /* number of the state shown: counted up by every change */
	_Atomic uint32_t asks; /* 1: it waits for long; taken by the daemon, who looks for a ring */
	_Atomic uint32_t
		attached; /* 1: the task has this page; before, its exchanges are not counted here */
	/* written by the daemon */
	_Alignas(64) _Atomic uint32_t hold; /* 1: migration started by hand; wait until 0 */
	_Atomic uint32_t unbound;	    /* 1: this binding is over; calls give EDVSNOTBIND */
	_Atomic int32_t latch;	/* 0, EDVSWOKENUP or EDVSSHUTDOWN: exchanged to 0 by the task */
	_Atomic int32_t nodeid; /* of the node the task runs on */
	_Atomic uint32_t
		hardware;	 /* 1: a notification from HARDWARE is pending; taken by exchange */
	_Atomic uint32_t quiet;	 /* 1: it is looked at or about to be stopped; begin no exchange */
	_Atomic uint64_t locked; /* the wait of this number (see waits) is in a ring: EDVSLOCKED */
	_Atomic uint64_t calls_allowed; /* bit: call number (dvk.h, DVK_SEND ...) */
	int32_t dcid;
	int32_t endpoint;
	int32_t p_nr;
	_Atomic int32_t vpid;
	_Atomic uint32_t sysproc; /* 1: system process (task or server) */
	_Atomic uint32_t serve;	  /* 1: every endpoint of the DC is one */
	/* bit: slot that has a channel with this one, so that a stranger whose ring was lost is found */
	_Atomic uint64_t peers[SHM_NEWS_WORDS];
	_Atomic uint32_t rights; /* counted up when they change: ask anew before you send */
	_Atomic uint32_t bars;	 /* 1: a bit of `barred` is set; else nobody looks there */
	/*
	 * Bit: slot on this node that may not send this to us now. The receiver looks first: a sender can write into a
	 * channel that it was given to hear by.
	 */
	_Alignas(64) _Atomic uint64_t barred[SHM_BARS][SHM_NEWS_WORDS];
	/*
	 * By slot: 1 + the generation of its last life that had a channel with us and has ended. A process
	 * that is bound no longer may clear the mark in its old page, but not this.
	 */
	_Alignas(64) _Atomic uint32_t ended[SHM_SLOTS];
	struct copy_ask copy;
};

_Static_assert(sizeof(struct status_page) <= SHM_PAGE_BYTES, "a status fits its page");

#endif
