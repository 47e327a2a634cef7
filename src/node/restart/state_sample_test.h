/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_RESTART_STATE_SAMPLE_TEST_H
#define DVS_NODE_RESTART_STATE_SAMPLE_TEST_H

/* One record of each kind that a daemon leaves to its successor, with known values. Only test programs include this. */

#include "node/restart/state.h"
#include "wire/command.h"

static const struct ctl_request asked = { .magic = CTL_MAGIC, .call = CTL_RESTART };

/* As it stands in a record, which does not look into it. */
static const uint8_t command_bytes[COMMAND_BYTES] = { 3, 0, 7 };

static const struct state_record samples[] = {
	{ .kind = HANDOVER_NODE,
	  .node = { .nodeid = 3,
		    .control_fd = 7,
		    .path_fd = -1,
		    .link_fd = 9,
		    .cgroup_fd = 10,
		    .last_id = 77,
		    .dvs_name = "name" } },
	{ .kind = HANDOVER_DIRECTORY, .directory = { (const uint8_t *)"directory", 9 } },
	{ .kind = HANDOVER_GROUP,
	  .group = { .fds = { 12, 13 },
		     .fd_count = 2,
		     .bytes = (const uint8_t *)"any",
		     .len = 3 } },
	{ .kind = HANDOVER_PAGE,
	  .page = { .name = { .kind = 3, .dcid = 31, .p_nr = -35, .peer_nr = 220 },
		    .fd = -1,
		    .ino = 5 } },
	{ .kind = HANDOVER_INIT, .init = { 0, { 4711, 20, 21, 22 } } },
	{ .kind = HANDOVER_TASK,
	  .task = { .task = { .lpid = 5,
			      .tgid = 5,
			      .pidfd = 30,
			      .managed = true,
			      .last = { .bound = true, .dcid = 31, .p_nr = 10, .name = "last" },
			      .cgroup = "0.10.3",
			      .cpu_owed_ns = 400000000 },
		    .output = { { 31, 32, 33, 12, 7, 5, 4096 }, 1000 } } },
	{ .kind = HANDOVER_ENDED,
	  .ended = { .row = { .p_nr = 11,
			      .node = 31,
			      .lpid = 77,
			      .wait_status = -1,
			      .reason = 4,
			      .generation = 900,
			      .ended_ns = INT64_C(1) << 60,
			      .name = "ended" },
		     .output = { { 33, 34, -1, 0, 0, 0, 4096 }, 0 } } },
	{ .kind = HANDOVER_RIGHTS, .rights = { 0, 10, { .priv_level = 5 } } },
	{ .kind = HANDOVER_LINK,
	  .link = { .node = 31, .stats = { .epoch = 9, .received_ns = UINT64_MAX } } },
	{ .kind = HANDOVER_REQUEST,
	  .request = { STATE_REQUEST_FOLLOWER, 40, 0, 0, 12345, (const uint8_t *)&asked,
		       sizeof(asked) } },
	{ .kind = HANDOVER_COUNTERS,
	  .counters = { .since_ns = 17,
			.moves_begun = 3,
			.copied_bytes = UINT64_MAX,
			.refusals = { { -61, 0, 5 }, { -332, 0, 6 } } } },
	{ .kind = HANDOVER_BINDING,
	  .number = UINT64_MAX,
	  .binding = { .task = 7,
		       .binding = { .role = BINDING_BACKUP,
				    .state = BINDING_BOUND,
				    .p_nr = 10,
				    .endpoint = 10,
				    .name = "stand-by" },
		       .status_fd = 8 } },
	{ .kind = HANDOVER_GONE, .number = 9, .gone = { HANDOVER_TASK } },
	{ .kind = HANDOVER_COMMAND, .number = 10, .command = { command_bytes, COMMAND_BYTES } },
};
#define SAMPLES (sizeof(samples) / sizeof(*samples))

#endif
