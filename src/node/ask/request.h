/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_ASK_REQUEST_H
#define DVS_NODE_ASK_REQUEST_H

/*
 * One control request from its arrival to its last packet. It may come from a client of this daemon or, passed on,
 * from another node; a handler does not see the difference. A handler answers at once or keeps the pointer and
 * answers later; request_end() (or request_fail()) is called exactly once and frees it. If the asker goes away,
 * `cancelled` is called once (if set) and the request must still be ended by its keeper; its answer then goes
 * nowhere.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/result.h"
#include "base/right.h"
#include "core/again.h"
#include "node/ask/share.h"
#include "os/kept.h"
#include "wire/ctl.h"

struct request;
struct requests;
struct os_peer;
struct order;
struct os_loop;
struct os_source;
struct proxy;
struct door;
struct keys;
struct look;
struct moves;
struct outbox;
struct refusal;
struct restarts;
struct share;
struct tasks;

/* The part of struct node. */
struct requests {
	/* Checks a request and has it handled; set by node/calls.h. */
	void (*dispatch)(struct request *request);
	/* Another node gives up what it asked for under this number. */
	void (*on_cancel)(struct requests *requests, int from, uint64_t id);
	/* Its node cannot be reached: true, it is kept. See reattach.h. */
	bool (*on_lost)(struct request *request, enum again_fate fate);
	/* The parts that handlers of the rooms above take, each its own. */
	struct tasks *tasks;
	struct moves *moves;
	struct restarts *restarts;
	struct order *order;
	struct os_loop *loop;
	struct proxy *proxy;
	struct ctl_counters *counters;
	struct keys *keys;
	struct door *door;	   /* where clients come in */
	struct request *clients;   /* of programs and commands on this machine, read or not */
	struct request *forwarded; /* waiting for another node's answer; see forward.h */
	struct request *detached;  /* while a link is down; see reattach.h */
	uint64_t last_id;	   /* of those that were passed on */
	uint32_t restarting;	   /* nodes that said so of themselves */
	struct share *shares;	   /* the users' parts of the node; see share.h */
	uint32_t users;		   /* the group that may ask, or RIGHT_NO_GROUP: every user may */
};

struct request {
	struct requests *requests;
	struct ctl_request head;
	uint8_t *payload; /* payload_bytes, owned */
	/* a client of ours */
	int fd;			  /* -1 when passed on from another node */
	struct os_source *source; /* watches for the client going away */
	struct outbox *outbox;	  /* packets that the socket had no room for; or NULL */
	struct request *next_client, **client_link; /* of all that have a client of ours */
	pid_t pid;				    /* of the client, as this daemon sees it */
	union {
		struct right_user user;
		struct {
			uint32_t uid, gid; /* the same, in short */
		};
	};
	uint64_t start; /* of the client, as in os_peer */
	int pidfd; /* of the client, if somebody has asked whether it is there; -1 while it is kept */
	int64_t since_ns; /* of the connection */
	/* passed on from another node */
	int from; /* node, -1 */
	uint64_t remote_id;
	bool counted; /* as one of its user; see share.h */
	/* passed on to another node */
	int to; /* node, -1 */
	uint64_t forward_id;
	bool answered; /* something of its answer has come from there */
	struct request *next_forwarded;
	/* while that node is out of reach: see reattach.h */
	bool is_detached;    /* it is in that list */
	uint32_t generation; /* of the endpoint that it follows, also while it is passed on */
	struct os_source *patience; /* limits the wait, or NULL */
	/* The asker when it is no client: is given each packet. */
	void (*told)(void *asker, int node, const struct ctl_reply *reply, const void *payload);
	void *asker;
	uint32_t gathered;  /* nodes whose part is in: see gather.h */
	uint64_t data_sent; /* bytes of CTL_DATA so far: where a follower goes on after a move */
	void (*cancelled)(struct request *request);
	/* asker of a move when it is this node itself: gets the report instead of the packets */
	void (*moved)(struct request *request, const struct ctl_move *report);
	/* Set once caller_catch_up() has been asked for it. */
	void (*again)(struct request *request);
	pid_t named;	       /* the task that it names, once searched for: see named.h */
	struct look *children; /* for its rows: see children.h */
	/* Last of all: frees things elsewhere that belong to it. */
	void (*freed)(struct request *request);
	void *keeper; /* of the part that keeps the request */
	struct request *next_kept;
	struct task *followed;	 /* one of this node, whose output it is given: see following.h */
	struct os_kept in_state; /* HANDOVER_REQUEST, of one that follows a process */
};

/* A request without an asker yet; NULL without memory. */
struct request *request_new(struct requests *requests);

/*
 * Takes ownership of fd, and reads what is there already. A user other than root has a part of the descriptors: a
 * connection beyond it takes the place of the user's oldest that has said nothing, or is refused.
 */
void request_accept(struct requests *requests, int fd, const struct os_peer *peer);
/* Closes the connection that has said nothing for longest (root's come last). False: there is none. */
bool request_evict_silent(struct requests *requests);
/* Closes those whose first words are overdue. True: there are others that have said nothing yet. */
bool request_drop_overdue(struct requests *requests);
/*
 * The pid still names the client: the process that connected lives, as the same user. Looked at again whenever
 * something was waited for, and before descriptors are given.
 */
bool request_caller_is_there(struct request *request);
void request_fail_gone(struct request *request);
/* The node is in the cluster, and not in the DC. `error` is EDVSDCNODE or EDVSNODCNODE. */
void request_fail_outside(struct request *request, int error, int node, int dcid);
/*
 * The same with a request that was read before the daemon executed itself anew: the caller keeps it or ends it. NULL:
 * it is none, or no memory; fd is closed.
 */
struct request *request_adopt(struct requests *requests, int fd, const void *packet, size_t len);

/* Into a list of its keeper, by next_kept; and out of it: false, it is not in that one. */
void request_keep(struct request **list, struct request *request, void *keeper,
		  void (*cancelled)(struct request *request));
bool request_unkeep(struct request **list, const struct request *request);

void request_row(struct request *request, const void *row, uint32_t bytes);
void request_data(struct request *request, const void *data, uint32_t bytes);
/* Ends with a value, a payload and descriptors (only for a client of ours; not closed here). */
void request_end(struct request *request, int64_t value, const void *payload, uint32_t bytes,
		 const int *fds, int fds_count);
/*
 * Ends with an error and a sentence for people. name: the literal name of an EDVS number; see refusal_set().
 * The two others take a number that was chosen before, and an errno.
 */
#define request_fail(request, name, ...) request_fail_number(request, RESULT_##name, __VA_ARGS__)
void request_fail_number(struct request *request, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void request_fail_errno(struct request *request, int number, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void request_refuse(struct request *request, const struct refusal *refusal);
/* Fails one for which its user has no share left: EDVSUSERFULL. */
void request_fail_share(struct request *request, enum share_kind kind);
/* A packet of the answer, as another node gave it; the last one ends the request. */
void request_pass(struct request *request, struct ctl_reply *reply, const void *payload);
/* Takes head and payload from bytes that a client or another node sent. 0 or negative errno. */
int request_parse(struct request *request, const uint8_t *packet, size_t len);

/* Of one that follows a process, and lives on when the daemon dies, something has changed. */
void request_note(struct request *request);

#endif
