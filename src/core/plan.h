/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CORE_PLAN_H
#define DVS_CORE_PLAN_H

/*
 * The migration of one process, as two machines: one on the node that has the process (source) and
 * coordinates, one on the node that is to get it (target). Each is one step function: an event with
 * its time goes in, an ordered list of effects comes out. The driver of that side (core/driver.h)
 * executes them: some at once, the others one after another on the migration's worker, and their
 * outcome comes back as an event. A plan goes on while a step runs: when its limit has passed, or the
 * order decided, the plan asks for the next effect, and the driver tells the step to end.
 *
 * Source:
 *
 *	IDLE --requested--> CHECKING --checked--> OFFERING --target_ready--> STARTING
 *	                       |                     |  (dry run: ends here)     | start_applied
 *	                       v                     v                          v
 *	                     ENDED <---- refused ----+                       FREEZING
 *	                       ^                                                | frozen
 *	                       |   rolled_back_applied      any failure         v
 *	                       +----- ROLLING_BACK <-----------------------+- SENDING
 *	                       |       THAW first                          |    | sent
 *	                       |                                           |    v
 *	                       |                                           +- LOADING
 *	                       |   commit_applied: KILL_SOURCE                  | target_loaded
 *	                       +--------------------------------------- COMMITTING
 *	                           rolled_back_applied: THAW
 *
 * Target:
 *
 *	IDLE --called--> RECEIVING --offered--> CHECKING --checked--> LOADING --load_done--> HOLDING
 *	                                            |  (dry run:         |                      | commit:
 *	                                            |   ends here)       |                      |  TAKE_OVER
 *	                                            v                    v any failure          |  RESUME
 *	                                         refused              DISCARD <-----------------+
 *	                                                                  rolled back, endpoint dead
 *
 * Several endpoints of one tree of processes move by one plan: the one that it is of, and its *fellows*. The order
 * decides of all of them at once (core/directory.h), so that the plan knows one.
 *
 * The plans carry I5. Before COMMIT is proposed the source may always thaw, because nobody else can
 * propose it (a commit by hand is refused for such a move). From then on the order alone decides:
 * a lost connection, a time-out, a failure told by the target neither thaws nor kills. A target
 * that said LOADED keeps its copy stopped until the order says whose it is, connection or not. A copy
 * that ends meanwhile is an ended process of its owner at that time.
 *
 * The events *_applied are given when this node applies the command, and when the group knows it
 * to be held by a quorum, not when it is merely delivered. Events that a state does not expect
 * change nothing: they are late. Nothing here is asserted that another node can cause.
 *
 * A plan owns nothing and may be thrown away once it is ended (plan_*_is_ended()).
 */

#include <stdbool.h>
#include <stdint.h>

enum plan_event_kind {
	/* source */
	PLAN_REQUESTED = 1, /* dry_run */
	PLAN_TARGET_READY,
	PLAN_TARGET_REFUSED, /* code */
	PLAN_START_APPLIED,  /* code; move when 0. Also told to the target, code 0. */
	PLAN_FROZEN,
	PLAN_FREEZE_REFUSED, /* code */
	PLAN_PROGRESS,	     /* something was sent or arrived; either side */
	PLAN_SENT,
	PLAN_SEND_FAILED, /* code */
	PLAN_TARGET_LOADED,
	PLAN_TARGET_FAILED, /* code */
	PLAN_PROCESS_DIED,
	PLAN_TARGET_NODE_LEFT,
	PLAN_CANCELLED, /* code, 0 = EDVSINTR: its asker or dvs migrate --cancel; a fellow's process ended */
	/* target */
	PLAN_CALLED,	  /* a source has connected */
	PLAN_OFFERED,	  /* code: 0, or what is wrong with the offer; dry_run */
	PLAN_LOAD_DONE,	  /* move, as the stream named it */
	PLAN_LOAD_FAILED, /* code */
	PLAN_SOURCE_NODE_LEFT,
	/* both */
	PLAN_CHECKED,		  /* code: 0 it can move, else why not */
	PLAN_COMMIT_APPLIED,	  /* code, move. The target is told code 0 only. */
	PLAN_ROLLED_BACK_APPLIED, /* code of an own proposal, move; any node may have proposed it */
	PLAN_ENDPOINT_DEAD,	  /* this generation ended */
	PLAN_CONNECTION_LOST,	  /* code, 0 = EDVSNOTCONN */
	PLAN_TICK,		  /* time only */
};

struct plan_event {
	enum plan_event_kind kind;
	uint64_t now_ns; /* monotonic */
	int code;	 /* 0 or a negative EDVS number */
	uint32_t move;
	bool dry_run;
};

enum plan_effect_kind {
	PLAN_DO_CHECK = 1,	   /* can this process leave / come here? -> CHECKED */
	PLAN_DO_CONNECT_AND_OFFER, /* -> TARGET_READY, TARGET_REFUSED, CONNECTION_LOST */
	PLAN_DO_PROPOSE_START,	   /* -> START_APPLIED, whatever becomes of it */
	PLAN_DO_FREEZE,	      /* stop it, mark the lines toward it SENT -> FROZEN, FREEZE_REFUSED */
	PLAN_DO_SEND,	      /* -> SENT, SEND_FAILED */
	PLAN_DO_AWAIT_LOADED, /* -> TARGET_LOADED, TARGET_FAILED, PROCESS_DIED */
	PLAN_DO_PROPOSE_COMMIT,	  /* -> COMMIT_APPLIED */
	PLAN_DO_PROPOSE_ROLLBACK, /* -> ROLLED_BACK_APPLIED, also when refused */
	PLAN_DO_PROPOSE_UNBIND,	  /* the process is gone: COMMAND_FLAG_DIED -> ENDPOINT_DEAD */
	PLAN_DO_THAW, /* unmark the lines, let it run; nothing to do if it is not stopped, or gone */
	PLAN_DO_KILL_SOURCE, /* the copy here never runs again */
	PLAN_DO_RELEASE, /* at once, before the next command: its ends to the daemon, idle pages dropped */
	PLAN_DO_RECEIVE_OFFER,	/* -> OFFERED, CONNECTION_LOST */
	PLAN_DO_SPAWN_AND_LOAD, /* -> LOAD_DONE, LOAD_FAILED */
	PLAN_DO_SAY_READY,	/* this and the next two -> CONNECTION_LOST, or nothing */
	PLAN_DO_SAY_LOADED,
	PLAN_DO_SAY_REFUSED, /* code; also a failure while loading */
	PLAN_DO_TAKE_OVER, /* at once, before the next command: the process is bound here, with its ends */
	PLAN_DO_RESUME,	 /* the copy runs */
	PLAN_DO_DISCARD, /* end the shell or the copy, leave nothing behind */
	PLAN_DO_CLOSE,	 /* the migration's connection */
	PLAN_DO_REPORT,	 /* result, code: to the asker; exactly once */
};

enum plan_result {
	PLAN_RESULT_NONE = 0,
	PLAN_COMMITTED,	  /* runs at the target */
	PLAN_ROLLED_BACK, /* runs at the source as before; code says why */
	PLAN_REFUSED,	  /* nothing was touched; code says why */
	PLAN_POSSIBLE,	  /* dry run: it could move */
	PLAN_LOST,	  /* the process or its binding ended meanwhile */
};

struct plan_effect {
	enum plan_effect_kind kind;
	enum plan_result result; /* REPORT */
	int code;		 /* REPORT, SAY_REFUSED */
};

#define PLAN_EFFECTS_MAX 6

struct plan_effects {
	uint32_t count;
	struct plan_effect item[PLAN_EFFECTS_MAX];
};

#define PLAN_EFFECT_KINDS (PLAN_DO_REPORT + 1)
#define PLAN_EVENT_KINDS  (PLAN_TICK + 1)

/* How long a phase may last without an event that shows progress: where bytes go to and fro, each PROGRESS is one. */
struct plan_limits {
	uint64_t prepare_ns;  /* receive an offer, check, offer, start */
	uint64_t transfer_ns; /* freeze, send, load */
	uint64_t decide_ns;   /* until the asker is told although the order is silent */
};

#define PLAN_LIMITS_DEFAULT                                         \
	((struct plan_limits){ .prepare_ns = UINT64_C(5000000000),  \
			       .transfer_ns = UINT64_C(5000000000), \
			       .decide_ns = UINT64_C(5000000000) })

/*
 * Inside the phases: how often and how long something is tried that may be over in a moment. Each is
 * shorter than the limit of its phase, so that the obstacle is named.
 */
#define PLAN_CONNECT_NS	 UINT64_C(2000000000) /* until the target is reached */
#define PLAN_CATCH_UP_NS UINT64_C(2000000000) /* until this node knows what the source knew */
#define PLAN_SHELL_NS	 UINT64_C(3000000000) /* until the number of a process is free again */
#define PLAN_LOOK_AGAIN_NS \
	UINT64_C(1000000000)		       /* at a process that talks to its daemon meanwhile */
#define PLAN_QUIET_NS	   UINT64_C(200000000) /* until a process has ended its talk with its daemon */
#define PLAN_COPIES_NS	   UINT64_C(1000000000) /* until copies to and from the process have ended */
/* After the decision, which nothing can undo: the last words of either side are not waited for longer. */
#define PLAN_LAST_WORDS_NS UINT64_C(5000000000)

enum plan_source_state {
	PLAN_SOURCE_IDLE = 0,
	PLAN_SOURCE_CHECKING,
	PLAN_SOURCE_OFFERING,
	PLAN_SOURCE_STARTING,
	PLAN_SOURCE_FREEZING,
	PLAN_SOURCE_SENDING,
	PLAN_SOURCE_LOADING,
	PLAN_SOURCE_COMMITTING,
	PLAN_SOURCE_ROLLING_BACK,
	PLAN_SOURCE_UNBINDING,
	PLAN_SOURCE_ENDED,
};

struct plan_source {
	enum plan_source_state state;
	struct plan_limits limits;
	uint64_t deadline_ns;		/* 0 none */
	uint32_t move;			/* of START, 0 before */
	int reason;			/* first cause of giving up, 0 none */
	enum plan_source_state overdue; /* whose limit passed first; 0 none */
	bool dry_run;
	bool given_up; /* STARTING: roll back as soon as START is applied */
	bool connected;
	bool stopped; /* FREEZE was asked for and neither THAW nor KILL_SOURCE since */
	bool died;
	bool reported;
};

enum plan_target_state {
	PLAN_TARGET_IDLE = 0,
	PLAN_TARGET_RECEIVING,
	PLAN_TARGET_CHECKING,
	PLAN_TARGET_LOADING,
	PLAN_TARGET_HOLDING, /* said LOADED: waits for the order */
	PLAN_TARGET_ENDED,
};

struct plan_target {
	enum plan_target_state state;
	struct plan_limits limits;
	uint64_t deadline_ns;
	enum plan_target_state overdue; /* whose limit passed; 0 none */
	uint32_t move;			/* 0 not known yet */
	bool dry_run;
	bool connected;
};

void plan_source_init(struct plan_source *plan, const struct plan_limits *limits);
/* Effects are emptied first. */
void plan_source_step(struct plan_source *plan, const struct plan_event *event,
		      struct plan_effects *effects);
static inline bool plan_source_is_ended(const struct plan_source *plan)
{
	return plan->state == PLAN_SOURCE_ENDED;
}

/*
 * The limits are those of the source. The target's own are a fifth longer: the source gives up first, and it is the one
 * that can say by which limit.
 */
void plan_target_init(struct plan_target *plan, const struct plan_limits *limits);
void plan_target_step(struct plan_target *plan, const struct plan_event *event,
		      struct plan_effects *effects);
static inline bool plan_target_is_ended(const struct plan_target *plan)
{
	return plan->state == PLAN_TARGET_ENDED;
}

/* Names for logs; never NULL. */
const char *plan_source_state_name(enum plan_source_state state);
const char *plan_target_state_name(enum plan_target_state state);
const char *plan_effect_name(enum plan_effect_kind kind);
const char *plan_event_name(enum plan_event_kind kind);
const char *plan_result_name(enum plan_result result); /* "committed", "rolled_back", "refused".. */

#endif
