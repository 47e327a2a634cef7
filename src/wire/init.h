/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_WIRE_INIT_H
#define DVS_WIRE_INIT_H

/*
 * The protocol between the daemon and the inits that it starts. Both are on one machine: host layout.
 * An init outlives a restart of the daemon, whose new program then speaks to it. A change here
 * counts INIT_WIRE_VERSION up, and such a restart is refused.
 *
 * Two packet sockets, at fixed numbers in the init: requests with their replies, and the events. The
 * init's first packet is a reply with error 0: it is ready.
 */

#include <stdint.h>

#include "wire/ctl.h"

#define INIT_WIRE_VERSION  4
#define INIT_REQUEST_FD	   3
#define INIT_EVENT_FD	   4
#define INIT_PACKET_MAX	   (CTL_PACKET_MAX + 4096)
#define INIT_WAITING_MAX   64 /* processes that wait for their go at one time */
#define DC_INIT_GROUPS_MAX 64
#define DC_VPID_COUNT \
	980 /* a node's own numbers in the pid namespaces of DCs; see node/task/init.h */

enum init_call {
	INIT_SPAWN = 1,
	INIT_GO = 2,
	INIT_SHELL = 3,
	INIT_NOTHING =
		4, /* answered by INIT_NOTHING_DONE, which nothing else is: all answers before are known */
};

#define INIT_NOTHING_DONE 1

/*
 * SPAWN: strings are argc arguments, envc variables and the folder, each ended by 0; descriptors are
 * those of `streams` in ascending order. SHELL: strings are the path; all descriptors. Both: `cgroup`.
 */
struct init_request {
	uint32_t call; /* enum init_call */
	int32_t vpid;
	uint32_t argc, envc;
	uint32_t umask;
	uint32_t uid, gid;
	uint32_t group_count;
	uint32_t streams; /* bit n: descriptor n is given */
	uint32_t string_bytes;
	uint32_t cgroup; /* 1: the last descriptor is the control group for it */
	uint64_t taken[(DC_VPID_COUNT + 63) / 64];
	uint32_t groups[DC_INIT_GROUPS_MAX];
};

struct init_reply {
	int32_t error; /* 0 or negative errno; 0 for SPAWN and SHELL: a pidfd comes along */
	int32_t vpid;
	uint32_t step; /* enum os_spawn_step that failed */
};

#endif
