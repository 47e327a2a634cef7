/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_RESTART_STATE_H
#define DVS_NODE_RESTART_STATE_H

/*
 * The records that a daemon leaves to its successor. Each is what its part of the node gives and takes, and its
 * fields are listed once, in state.c: the list is run to write and to read.
 */

#include "group/group.h"
#include "node/bind/binding.h"
#include "node/task/init.h"
#include "node/task/output.h"
#include "node/task/task.h"
#include "pages/exchange_adopt.h"
#include "proxy/proxy.h"
#include "wire/ctl.h"
#include "wire/handover.h"

struct state_node {
	int nodeid;
	int control_fd, path_fd, link_fd; /* listening */
	int cgroup_fd;			  /* folder of its control groups, or -1 */
	uint64_t last_id;		  /* the highest number of a question of this daemon */
	uint64_t asked_ns;		  /* CLOCK_MONOTONIC: the restart was asked for */
	uint64_t paused_ns;		  /* and the daemon began to stand still */
	uint32_t restarts;		  /* of this daemon, with the one that is under way */
	bool quorum;
	uint64_t soft, hard;  /* limits of descriptors that programs started here have */
	uint64_t debug_level; /* as dvk_dvs_init gave them */
	char dvs_name[MAXDCNAME];
};

struct state_init {
	int dcid;
	struct dc_init_place place;
};

struct state_output {
	struct output_place place; /* read_fd -1: there is no output */
	uint64_t before;	   /* bytes written on other nodes that are not in it */
};

struct state_task {
	struct task task; /* only what is remembered of it; links and what it owns are not */
	struct state_output output;
};

struct state_binding {
	uint64_t task;		/* number of its task's record */
	struct binding binding; /* as above */
	int status_fd;		/* its status page, which has a record of its own */
};

struct state_ended {
	struct ctl_ended_row row;
	struct state_output output;
};

struct state_rights {
	int dcid, p_nr;
	priv_usr_t rights;
};

struct state_link {
	int node;
	struct proxy_link_stats stats;
};

enum state_request_kind {
	STATE_REQUEST_UNREAD = 1,    /* connected, and nothing was read */
	STATE_REQUEST_FOLLOWER = 2,  /* attached to the task whose record has this number */
	STATE_REQUEST_FORWARDED = 3, /* attached to a task of node `number` */
	STATE_REQUEST_RESTART = 4,   /* the one that asked for all this */
};

struct state_request {
	int kind; /* enum state_request_kind */
	int fd;
	uint64_t number;
	uint32_t generation; /* FORWARDED: of the endpoint */
	uint64_t data_sent;
	const uint8_t
		*head; /* struct ctl_request; of one that was read it lies inside the buffer */
	uint32_t head_bytes; /* 0: it was not read yet */
};

struct state_directory {
	const uint8_t *image; /* core/directory's; of one that was read it lies inside the buffer */
	uint32_t bytes;
};

struct state_gone {
	int kind; /* enum handover_kind */
};

/* The record's number is the command's in the order. */
struct state_command {
	const uint8_t *command; /* COMMAND_BYTES; of one that was read they lie inside the buffer */
	uint32_t bytes;
};

struct state_record {
	enum handover_kind kind;
	uint64_t number;
	union {
		struct state_gone gone;
		struct state_command command;
		struct state_node node;
		struct state_directory directory;
		struct group_place group;
		struct exchange_entry page;
		struct state_init init;
		struct state_task task;
		struct state_binding binding;
		struct state_ended ended;
		struct state_rights rights;
		struct state_link link;
		struct state_request request;
		struct ctl_counters counters;
	};
};

/* Appends a record; the cursor's `descriptor` is told of each descriptor in it. */
void state_put(struct handover_cursor *c, struct state_record *record);

typedef void state_descriptor_fn(void *ctx, int fd);
/*
 * The next record at *at, as handover_next(), with fields that are in their ranges. own: is told with ctx of
 * each of its descriptors; may be NULL.
 */
int state_next(const uint8_t *buf, size_t bytes, size_t *at, state_descriptor_fn *own, void *ctx,
	       struct state_record *record);

#endif
