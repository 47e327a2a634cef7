/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_SIM_WORLD_H
#define DVS_SIM_WORLD_H

/*
 * The made-up world. Everything in it happens in one of its events, one event at a time:
 *
 *	process.c   programs: one small step of a call at a time
 *	daemon.c    pages, far ends, frames between nodes: as proxy/ and pages/
 *	order.c     the group: one log, which a sequencer makes, or the members of a council decide
 *	sequencer.c the product's rules of a sequencer, and the connections to it
 *	ring.c      the machines of a council, and the multicast between them
 *	member.c    a node's part in the group: the product's seat, and its envoy in a council
 *	effects.c   the log is delivered to each node in its own time
 *	move.c      functions behind the driver's effects: as node/move and migrate/
 *	by_hand.c   tools that move by hand, and the nodes' part in it
 *	ask.c       questions of daemons to each other, and their restarts
 *	fault.c     crashes, cuts, pauses
 *	checker.c   looks at all of it after every event
 *
 * Endpoints are called by their place in the list (0 .. procs-1); the slot is that plus SLOT_BASE.
 */

#include <assert.h>

#include "base/prng.h"
#include "core/call.h"
#include "core/channel.h"
#include "core/directory.h"
#include "core/duty.h"
#include "core/line.h"
#include "core/notify.h"
#include "core/driver.h"
#include "group/clerk.h"
#include "group/envoy.h"
#include "group/seat.h"
#include "sim/queue.h"
#include "sim/ring.h"
#include "sim/sim.h"

#define NODES_MAX   5
#define PROCS_MAX   5
#define PAIRS_MAX   (PROCS_MAX * (PROCS_MAX - 1) / 2)
#define SLOT_BASE   10
#define CONNS_MAX   4096
#define ASKS_OPEN   4	  /* of one node at once */
#define ASKS_MAX    16384 /* in one run */
#define PENDING_MAX 512

enum event_kind {
	EVENT_PROCESS = 1, /* slot; tag = chain: a program does its next step */
	EVENT_SPAWN,	   /* slot: a node binds a new process */
	EVENT_SCAN,	   /* a daemon sends what changed */
	EVENT_RESEND,	   /* a daemon sends everything, as when a link is back */
	EVENT_FRAME,	   /* data = struct frame */
	EVENT_DELIVER,	   /* a node applies the next commands */
	EVENT_MIGRATE,	   /* somebody asks a node to move something */
	EVENT_ASK_BY_HAND, /* somebody moves something by hand, or rolls a move back */
	EVENT_BY_HAND,	   /* slot; a = stage: a tool goes on */
	EVENT_WORK,	   /* slot; b = side: a worker goes on with its step */
	EVENT_CONN,	   /* a = connection, b = plan event; tag = code; data = struct image */
	EVENT_TICK,	   /* the plans of a node look at the time */
	EVENT_ASK,	   /* a client asks a node for something that another one has */
	EVENT_ANSWER,	   /* data = struct frame: the request is done */
	EVENT_DAEMON,	   /* somebody restarts a daemon */
	EVENT_QUIET,	   /* the daemon looks whether it can */
	EVENT_SUCCESSOR,   /* its successor is there */
	EVENT_LINK_END, /* a, b = nodes; tag = epoch: the sent frames are read, and then the end */
	EVENT_CRASH,	/* some node's; tag 1: one more, during a join */
	EVENT_RESTART,	/* a = node */
	EVENT_PAUSE,	/* a = node */
	EVENT_CUT,	/* a, b = nodes */
	EVENT_HEAL,	/* a, b */
	EVENT_OUTCOME,	/* data = struct command: the end of an undecided proposal; tag = code */
	/* of a sequencer */
	EVENT_TO_CLERK,	   /* a = place; tag = use of it: the next word of a connection arrives */
	EVENT_CLERK_LOOKS, /* whether a state is late */
	/* of a council's machines */
	EVENT_HEAR,	      /* a = machine: it takes the next of its ring's log */
	EVENT_REFORM,	      /* machines find each other */
	EVENT_APART,	      /* or lose each other */
	EVENT_FLAPS,	      /* a machine is found and lost, again and again */
	EVENT_FLAP,	      /* a = machine, b = times that are left */
	EVENT_MULTICAST_FULL, /* the multicast takes no messages for a while */
	EVENT_MULTICAST_LOST, /* the multicast's program ends at some machine */
	EVENT_MULTICAST_BACK, /* a = machine */
	EVENT_WORD,	      /* a, b = nodes; data = the word aside of a that b hears */
};

/* The call that a program is in the middle of. */
enum phase {
	PHASE_IDLE,
	PHASE_CLEAR,	   /* its line is not free yet */
	PHASE_WAIT,	   /* posted: for the message to be taken, or the request answered */
	PHASE_TAKE,	   /* an answer was seen, or what counts as one */
	PHASE_WITHDRAW,	   /* wants its message back */
	PHASE_LATE_ANSWER, /* given up too late: the answer is on its way */
	PHASE_RECEIVE,
	PHASE_REPLY_CLEAR,
	PHASE_REPLY_MARK,     /* answer posted, request not marked answered */
	PHASE_REPLY_WITHDRAW, /* the request was closed: answer asked back */
};

/* The calls after the faults, which have no time-out. */
enum round {
	ROUND_NONE,
	ROUND_ANSWERED,	 /* has to be answered */
	ROUND_BOTH_CALL, /* its peer calls at the same time: has to end */
	ROUND_BOTH_SEND, /* and so, if both send plainly */
};

/* A program's memory: all of it moves with the process. */
struct program {
	int slot;
	uint32_t generation;
	enum phase phase;
	enum line_op op;
	int peer;
	uint32_t peer_generation;
	struct call_request call;
	uint64_t deadline_us; /* 0 none */
	uint32_t message;     /* number of the message under way */
	int source;	      /* of a receive; -1: anybody */
	bool waited;	      /* a receive that has found nothing before */
	enum round round;
	struct {
		bool open;
		uint32_t generation;
		uint64_t seq;
		uint32_t message;
	} request[PROCS_MAX]; /* taken from that peer, not answered */
	struct prng prng;
};

/*
 * A process on a node. COPY_DEAD: ended by itself, still bound; COPY_LOST: ended while it was held, so
 * that its lines never came to this node's pages.
 */
enum copy_state {
	COPY_NONE,
	COPY_RUNNING,
	COPY_FROZEN,
	COPY_HELD,
	COPY_TAKEN, /* bound here by the commit, not running yet */
	COPY_DEAD,
	COPY_LOST,
};

struct copy {
	enum copy_state state;
	bool held;	/* by hand: it waits at its next call */
	uint32_t chain; /* counts the threads of EVENT_PROCESS, so that an older one stops */
	struct program program;
};

struct page {
	bool exists;
	uint32_t generation[2];
	struct channel_told told;
	uint64_t checked[2]; /* word at the last look of the checker */
	bool unmarked[2];    /* the daemon unmarked it in this step */
	struct channel_page shm;
};

/* The load of a migration's stream, for each endpoint that moves: an array by its place. */
struct image {
	struct program program;
	uint32_t move;
	struct {
		bool exists;
		uint32_t generation;
		struct channel_image image;
	} channel[PROCS_MAX];
};

struct world;

/* One side of a move: the product's driver, and what the made-up worker is at. */
struct move_worker {
	struct world *w;
	int node, proc;
	bool active;
	struct driver driver;
	struct plan_effect effect; /* that it carries out */
	struct plan_event heard;   /* from the other side, not looked at yet */
	bool unfinished;	   /* the function that ran has not done all: it runs again */
	bool asleep;		   /* it runs again when it hears something, or is told */
	bool hangs;		   /* or only when it is told */
	uint64_t chunks;	   /* of a long transfer, to go */
	uint64_t moved, moved_us;  /* how much has gone through the connection; when last */
};

/* The endpoints that move, bit by place, and their lives. */
struct fellows {
	uint32_t procs;
	uint32_t generation[PROCS_MAX];
};

struct departure {
	struct move_worker worker;
	int target;
	int conn;
	uint32_t generation;
	struct fellows fellows;
	bool dry_run;
};

struct arrival {
	struct move_worker worker;
	int source, conn;
	uint32_t generation;
	struct fellows fellows;
	struct image *image; /* owned: arrived and held */
	bool loaded;	     /* the copies that are held here are its own */
};

/* A move by hand: the purpose of the last tool that was at an endpoint. */
struct tool {
	uint32_t number;
	uint32_t generation;
	uint32_t move;
	int tries;
	struct program program; /* the memory that it has taken */
};

/* A question of one node's daemon to another one. */
struct ask {
	uint32_t number; /* 0: none */
	int to;
	bool acts; /* and does not only look */
	bool sent; /* over the link as it is now */
};

struct node {
	bool up;
	uint32_t life;	      /* counted up by every start and crash */
	uint32_t incarnation; /* as the directory knows this life; 0 not joined yet */
	uint64_t paused_until;
	uint64_t next_request;
	uint32_t proposals;  /* not decided yet */
	uint32_t serving;    /* requests of other nodes */
	uint32_t restarting; /* bit by node: its daemon has said so */
	struct ask ask[ASKS_OPEN];
	bool quiet; /* the daemon lets nobody in, to be restarted */
	bool away;  /* it has gone, and its successor is not there yet */
	uint64_t quiet_until;
	bool is_proposer; /* of the command that it applies just now, and waits for it */
	uint32_t link_least[NODES_MAX]; /* links of smaller epochs have ended for this daemon */
	uint32_t dropped[NODES_MAX];	/* endpoints of frames of that node that it has dropped */
	struct directory directory;
	struct page page[PAIRS_MAX];
	struct copy copy[PROCS_MAX];
	struct departure departure[PROCS_MAX];
	struct arrival arrival[PROCS_MAX];
};

/* A node's part in the group: its deputy, if that is a council, and the daemon's side of the connection. */
struct member {
	struct world *w;
	struct envoy *
		envoy; /* NULL: the deputy has ended this life of the node, or there is a sequencer */
	int place;     /* of its connection to the sequencer; -1: none */
	bool asks;     /* for a state, and has not got it */
	bool out;      /* the others go on without it; its daemon may not have heard of that */
	uint64_t ring;		   /* of its last view */
	struct council_point seen; /* for the next life */
	struct parcels told;	   /* the daemon has not read it */
	struct seat seat;
	struct command pending[PENDING_MAX]; /* proposals that are not decided */
	bool waits[PENDING_MAX];	     /* for a quorum, to be sent */
	int pendings;
};

/* A connection to the sequencer, by its place there. */
struct wire {
	int node;
	uint32_t uses;	/* of the place, by this and earlier ones */
	uint64_t until; /* when the last word arrives */
	struct parcels words;
};

/* The connection of one migration: in order, without loss, until it breaks. */
struct conn {
	int node[2]; /* source, target */
	uint32_t life[2];
	int slot;
	struct fellows fellows;
	bool dry_run;
	bool open[2], broken;
	uint64_t until[2]; /* when the last message to that side arrives */
};

/* The words of daemons to each other besides lines. */
enum talk {
	TALK_NOTHING,
	TALK_REQUEST,
	TALK_ANSWER,
	TALK_RESTART, /* the last word: a request that is not answered has not been begun */
};

struct frame {
	int from, to;
	uint32_t epoch; /* of the link when it was sent */
	int offered;	/* please send all your lines with this endpoint; -1: this is a line */
	uint32_t incarnation[2]; /* of from, to */
	int peer[2];		 /* by side: places in the list */
	uint32_t generation[2];
	int side; /* whose line */
	uint64_t withdraw, fate;
	struct line_image image;
	bool is_note; /* the replica of a notify word, and of no line */
	struct notify_image note;
	enum talk talk;	 /* then nothing of the above */
	uint32_t number; /* of the request */
	bool acts;
};

enum told {
	TOLD_NOTHING,
	TOLD_TAKEN,
	TOLD_WITHDRAWN,
	TOLD_UNANSWERED,
	TOLD_ANSWERED,
	TOLD_DIED,
	TOLD_SUPERSEDED /* nothing: another message ended the call */
};

/* The checkers' knowledge of each message. */
struct letter {
	int from, to;
	uint32_t generation[2]; /* of from, to */
	enum line_op op;
	uint32_t request; /* an answer's */
	uint32_t taken;
	uint32_t
		stepped_for; /* its sender wanted it back because of this request of the receiver */
	enum told told;
};

/* The checkers' knowledge of the notifications of one life of an endpoint to one of another. */
struct ledger {
	uint32_t generation[2]; /* of from, to */
	uint64_t posts, takes;
	uint64_t ever;	 /* update bits posted so far */
	uint64_t unseen; /* and not seen since */
};

struct log_entry {
	struct command command;
	uint64_t hash; /* of the directory after it, 0 not known yet */
};

struct world {
	struct sim_options options;
	struct sim_report *report;
	struct prng prng;
	struct sim_queue queue;
	uint64_t now_us;
	int nodes, procs;
	bool calm; /* no faults and no new calls any more */
	struct node node[NODES_MAX];
	bool cut[NODES_MAX][NODES_MAX];
	/*
	 * Links are of one of two kinds, by the seed. Wild: frames are lost, repeated and overtaken,
	 * and everything is sent again now and then. Strict, as TCP is: in order, and lost only with
	 * the connection; then nothing is sent twice unless it is asked for or the link comes back.
	 */
	bool strict;
	uint32_t asked;				   /* requests so far */
	uint8_t executed[ASKS_MAX + 1];		   /* how often, by number */
	uint32_t link_epoch[NODES_MAX][NODES_MAX]; /* both directions alike */
	uint64_t link_until[NODES_MAX][NODES_MAX]; /* when the last frame arrives */
	struct conn conn[CONNS_MAX];
	int conns;
	struct tool tool[PROCS_MAX];
	struct directory truth; /* the whole log applied */
	bool council;		/* the order is made by a council, and not by a sequencer */
	/* Hands a proposal of the node to the group: member.c. */
	void (*propose)(struct world *w, int node, const struct command *cmd);
	struct machine machine[NODES_MAX];
	struct member member[NODES_MAX];
	uint64_t ring_number, secrets;
	struct clerk clerk;
	struct wire wire[CLERK_PLACES];
	struct contract *contract; /* of the engine with its members */
	uint32_t forgetful; /* nodes that have not got a memory, or not got it back after a crash */
	uint32_t apart_period_us, flap_period_us, full_period_us;
	struct log_entry *log;
	uint32_t log_count, log_size;
	int last_code[2]; /* of the last command, and of the one before */
	struct ledger ledger[PROCS_MAX][PROCS_MAX];
	struct letter *letter; /* by number, from 1 */
	uint32_t letter_count, letter_size;
	struct frame history[64]; /* some frames of the past, to be repeated */
	uint32_t history_count;
	uint32_t migrate_period_us, crash_period_us, cut_period_us; /* 0 never */
	uint32_t loss_percent, repeat_percent, delay_us_max, group_delay_us_max;
	bool reordered; /* SIM_OUT_OF_ORDER has been done */
};

/* world.c */
uint64_t world_random(struct world *w, uint64_t least, uint64_t most);
bool world_chance(struct world *w, uint32_t percent);
void world_log(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The first violation ends the run. */
void world_fail(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Puts an event that happens on a node in its present life, delay_us from now. */
struct sim_event world_event(const struct world *w, int kind, int node);
void world_put(struct world *w, struct sim_event event, uint64_t delay_us);
/* Puts the next event of a kind that comes about once in a period, on no node; 0: never. Not after the faults. */
void world_put_again(struct world *w, int kind, uint32_t period_us);
static inline bool world_mutated(const struct world *w, enum sim_mutation mutation)
{
	return w->options.mutation == mutation;
}
static inline int world_pair(int a, int b)
{
	int low = a < b ? a : b, high = a < b ? b : a;

	assert(a != b);
	return high * (high - 1) / 2 + low;
}
static inline int world_side(int own, int peer)
{
	return own < peer ? 0 : 1;
}
static inline const struct directory_endpoint *world_endpoint(const struct directory *dir, int proc)
{
	assert(proc >= 0 && proc < PROCS_MAX);
	return &dir->dc[0].slot[shm_index(SLOT_BASE + proc)];
}

/* Its daemon lets clients in. */
static inline bool world_is_open(const struct node *n)
{
	return n->up && n->incarnation && !n->quiet && !n->away;
}

/* A replica of the directory, or the log itself, says so. */
static inline bool world_is_on_the_move(const struct world *w, int proc)
{
	for (int node = 0; node < w->nodes; node++)
		if (w->node[node].up && world_endpoint(&w->node[node].directory, proc)->moving)
			return true;
	return world_endpoint(&w->truth, proc)->moving;
}

/* order.c */
void order_propose(struct world *w, int node, struct command cmd);
void order_mutate(const struct world *w, struct directory *dir, const struct command *cmd);
/* The next command of the log. */
void order_append(struct world *w, const struct command *cmd);
/* A deputy tells its daemon that this command has that number. */
void order_decided(struct world *w, int node, uint64_t order, const struct command *cmd);

/* sequencer.c */
void sequencer_begin(struct world *w);
void sequencer_deinit(struct world *w);
void sequencer_join(struct world *w, int node);
void sequencer_leave(struct world *w, int node);
/* A word of the node's daemon, with the bytes of two parts. */
void sequencer_say(struct world *w, int node, const struct parcel *like, const void *head,
		   size_t head_bytes, const void *body, size_t body_bytes);
void sequencer_on_event(struct world *w, const struct sim_event *event);
/* Another member would be left that has the state. */
bool sequencer_has_other(const struct world *w, int node);

/* member.c */
void member_start(struct world *w, int node);
void member_stop(struct world *w, int node);
/* The reports of its machine; all: of both connections, and nothing is left to wait. */
void member_hear_word(struct world *w, int from, int to, const uint8_t head[COUNCIL_HEAD]);
void member_hear(struct world *w, int node, bool all);
void member_on_deliver(struct world *w, int node);
void member_on_tick(struct world *w, int node);
/* The world has settled: all of them are members that have heard all. */
void member_rest(struct world *w);
void member_propose(struct world *w, int node, const struct command *cmd);
/* The proposal has been decided. False: its proposer has been told something else before. */
bool member_takes(struct world *w, int node, const struct command *cmd);

/* effects.c */
void effects_apply(struct world *w, int node, uint64_t order, const struct command *cmd);
/* A proposal of the node has not been decided, or nobody knows: its proposer is told so a moment later. */
void effects_told(struct world *w, int node, const struct command *cmd, int code);
void effects_on_outcome(struct world *w, int node, const struct command *cmd, int code);

/* daemon.c */
/* Whether the endpoint lives on this node, as its daemon sees it: owned and running or frozen. */
bool daemon_hosts(const struct world *w, int node, int proc);
/* The page between two living endpoints, made if it has to be; NULL if one is not bound. */
struct page *daemon_page(struct world *w, int node, int a, int b);
/* The page of exactly these two lives, or NULL. */
struct page *daemon_page_of(struct world *w, int node, int a, uint32_t generation_a, int b,
			    uint32_t generation_b);
/* Everything is sent once more that concerns it. */
void daemon_resend(struct world *w, int node, int proc);
void daemon_hold(struct world *w, int node, int proc);
void daemon_unhold(struct world *w, int node, int proc);
/* A process that knows none of the endpoint's messages. */
void daemon_begin(struct world *w, int node, int proc);
void daemon_export(struct world *w, int node, int proc, struct image *image);
void daemon_import(struct world *w, int node, const struct image *image);
void daemon_release(struct world *w, int node, int proc);
void daemon_end(struct world *w, int node, int proc, uint32_t generation);
void daemon_forget_told(struct world *w, int node, int proc);
/* An endpoint has a new place, or is to be reached again: asks for its lines, and sends ours. */
void daemon_offer(struct world *w, int node, int proc);
void daemon_offer_new(struct world *w, int node, int proc); /* a new life, as proxy_offer_new() */
bool daemon_link_is_up(const struct world *w, int a, int b);
void daemon_link_break(struct world *w, int a, int b);
/* `node` ends it: the other one reads what was sent before. */
void daemon_link_end(struct world *w, int node, int peer);
void daemon_say(struct world *w, struct frame *frame);
void daemon_link_up(struct world *w, int a, int b);
void daemon_on_scan(struct world *w, int node, bool everything);
void daemon_on_frame(struct world *w, int node, const struct frame *frame);

/* process.c */
void process_begin(struct world *w, int node, int proc, uint32_t generation);
void process_run(struct world *w, int node, int proc); /* starts its chain of steps */
void process_on_step(struct world *w, int node, int proc, uint32_t chain);
/* A call after the faults. */
void process_final_call(struct world *w, int node, int proc, int peer, enum round round);
/* True while the process has a call under way that is no receive. */
bool process_is_busy(const struct copy *copy);
/* It is where one waits that is held by hand. */
bool process_is_at_gate(const struct copy *copy);

/* move_event.c */
/* An effect on one of those that move: each departure, or arrival, that it has a part in hears of it. */
void move_source_hear(struct world *w, int node, const struct directory_effect *effect);
void move_target_hear(struct world *w, int node, const struct directory_effect *effect);
void move_source_event(struct world *w, int node, int proc, enum plan_event_kind kind, int code,
		       uint32_t move);
void move_target_event(struct world *w, int node, int proc, enum plan_event_kind kind, int code,
		       uint32_t move);

/* False: no move is under way that the endpoint has a part in, and would see to it. */
bool move_on_process_died(struct world *w, int node, int proc);

/* move.c */
extern const struct driver_side move_source_side, move_target_side;
void move_request(struct world *w, int node, int proc, int target);
void move_on_work(struct world *w, const struct sim_event *event);
void move_on_conn(struct world *w, struct sim_event *event);
void move_on_tick(struct world *w, int node);
/* The connections between two nodes break (to: -1 all of `from`). */
void move_break(struct world *w, int from, int to);
void move_forget_node(struct world *w, int node);

/* by_hand.c */
void by_hand_start(struct world *w, int node, int proc);
void by_hand_roll_back(struct world *w, int node, int proc);
void by_hand_on_event(struct world *w, const struct sim_event *event);
void by_hand_hand_over(struct world *w, int node, int proc);
/* The commit that named a process of this node has been applied. */
void by_hand_on_attached(struct world *w, int node, int proc);
/* True: there was something left to be seen to. */
bool by_hand_tidy(struct world *w);

/* ask.c */
void ask_begin(struct world *w, int node);
void ask_on_answer(struct world *w, int node, const struct frame *question);
void ask_on_frame(struct world *w, int node, const struct frame *frame);
/* Of both ends of a link; left: the peer is no member any more. */
void ask_on_lost(struct world *w, int node, int peer, bool left);
void ask_on_link(struct world *w, int node, int peer);
void ask_restart(struct world *w, int node);
void ask_on_quiet(struct world *w, int node);
void ask_on_successor(struct world *w, int node);

/* fault.c */
void fault_plan(struct world *w);
void fault_crash(struct world *w, int node);
void fault_restart(struct world *w, int node);
/* The others go on without the node: its processes are stopped, and it begins anew. */
void fault_fence(struct world *w, int node);
/* Two nodes reach each other by their links, or do not. */
void fault_reach(struct world *w, int a, int b, bool reach);
void fault_on_event(struct world *w, const struct sim_event *event);

/* checker.c */
uint32_t checker_letter(struct world *w, int from, int to, uint32_t from_generation,
			uint32_t to_generation, enum line_op op, uint32_t request);
void checker_taken(struct world *w, uint32_t number, int by, uint32_t generation,
		   const message *msg, bool any);
/* The sender of a request has seen one of its receiver, and wants its own back. */
void checker_stepped_back(struct world *w, uint32_t number, uint32_t other);
void checker_told(struct world *w, uint32_t number, enum told told);
void checker_noted(struct world *w, int from, uint32_t from_generation, int to,
		   uint32_t to_generation, int bit);
void checker_note_taken(struct world *w, int from, uint32_t from_generation, int to,
			uint32_t to_generation, const struct notify_image *note);
/* At the end: nothing that was posted between two that still live has gone unseen. */
void checker_notes_seen(struct world *w);
void checker_fill(uint32_t number, message *msg);
/* By hand the same may be said twice; the same is answered. */
void checker_said_again(struct world *w, int code);
void checker_applied(struct world *w, int node, uint64_t order);
void checker_after_step(struct world *w);

#endif
