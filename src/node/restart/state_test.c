/* SPDX-License-Identifier: Apache-2.0 */
#include "node/restart/state.h"

#include <errno.h>
#include <string.h>

#include "base/test.h"

static const struct handover_versions versions = { 1, 1, 1, 1 };
static uint8_t state[4096];

static const struct ctl_request asked = { .magic = CTL_MAGIC, .call = CTL_RESTART };

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
	  .binding = { .task = 7,
		       .binding = { .role = BINDING_BACKUP,
				    .state = BINDING_BOUND,
				    .p_nr = 10,
				    .endpoint = 10,
				    .name = "stand-by" },
		       .status_fd = 8 } },
};
#define SAMPLES (sizeof(samples) / sizeof(*samples))

/* Of all descriptors in the samples: their number and their sum. */
static int fds, fds_sum;

static void on_descriptor(void *ctx, int fd)
{
	(void)ctx;
	fds++;
	fds_sum += fd;
}

static size_t write_samples(uint8_t *buf, size_t size)
{
	struct handover_cursor c = {
		.out = buf, .at = HANDOVER_HEAD_BYTES, .size = size, .descriptor = on_descriptor
	};

	fds = fds_sum = 0;
	for (size_t i = 0; i < SAMPLES; i++) {
		struct state_record copy = samples[i];

		state_put(&c, &copy);
		CHECK(!memcmp(&copy, &samples[i], sizeof(copy))); /* writing changes nothing */
	}
	return c.at;
}

/* The bytes that lie elsewhere; the pointers to them are made equal. */
static void compare_tail(const uint8_t **got, uint32_t got_len, const uint8_t *want,
			 uint32_t want_len)
{
	CHECK_EQ(got_len, want_len);
	CHECK(!memcmp(*got, want, want_len));
	*got = want;
}

static void compare(struct state_record *got, const struct state_record *want)
{
	CHECK_EQ(got->kind, want->kind);
	if (got->kind == HANDOVER_DIRECTORY)
		compare_tail(&got->directory.image, got->directory.bytes, want->directory.image,
			     want->directory.bytes);
	if (got->kind == HANDOVER_GROUP)
		compare_tail(&got->group.bytes, got->group.len, want->group.bytes, want->group.len);
	if (got->kind == HANDOVER_REQUEST)
		compare_tail(&got->request.head, got->request.head_bytes, want->request.head,
			     want->request.head_bytes);
	CHECK(!memcmp(got, want, sizeof(*got)));
}

static void test_comes_back(void)
{
	size_t bytes = write_samples(NULL, 0), at = HANDOVER_HEAD_BYTES;
	struct state_record record;
	uint32_t version;

	CHECK_EQ(fds, 15);
	CHECK_EQ(fds_sum, 7 + 9 + 10 + 12 + 13 + 20 + 21 + 22 + 30 + 31 + 32 + 33 + 33 + 34 + 40);
	CHECK_OR_RETURN(bytes < sizeof(state));
	CHECK_EQ(write_samples(state, bytes), bytes);
	handover_seal(state, bytes, &versions);
	CHECK_EQ(handover_open(state, sizeof(state), &versions, &version), 0);
	fds = fds_sum = 0;
	for (size_t i = 0; i < SAMPLES; i++) {
		CHECK_EQ(state_next(state, bytes, &at, on_descriptor, NULL, &record), 1);
		compare(&record, &samples[i]);
	}
	CHECK_EQ(fds, 15);
	CHECK_EQ(state_next(state, bytes, &at, NULL, NULL, &record), 0);
}

/* One record, sealed; the verdict of state_next(). */
static int accepts(const struct state_record *record)
{
	struct handover_cursor c = { .out = state,
				     .at = HANDOVER_HEAD_BYTES,
				     .size = sizeof(state) };
	struct state_record copy = *record;

	state_put(&c, &copy);
	handover_seal(state, c.at, &versions);
	return state_next(state, c.at, &(size_t){ HANDOVER_HEAD_BYTES }, NULL, NULL, &copy);
}

static void test_ranges(void)
{
	struct state_record r;

	for (size_t i = 0; i < SAMPLES; i++)
		CHECK_EQ(accepts(&samples[i]), 1);
	r = samples[0];
	r.node.nodeid = NR_NODES;
	CHECK_EQ(accepts(&r), -EBADMSG);
	r = samples[2];
	r.group.fds[1] = -1;
	CHECK_EQ(accepts(&r), -EBADMSG);
	r = samples[2];
	r.group.fd_count = GROUP_PLACE_FDS + 1;
	CHECK_EQ(accepts(&r), -EBADMSG);
	r = samples[3];
	r.page.name.dcid = SHM_DCS;
	CHECK_EQ(accepts(&r), -EBADMSG);
	r = samples[3];
	r.page.name.kind = PAGE_STATUS + 1;
	CHECK_EQ(accepts(&r), -EBADMSG);
	r = samples[3];
	r.page.name.kind = PAGE_NONE;
	CHECK_EQ(accepts(&r), -EBADMSG);
	r = samples[4];
	r.init.place.pid = 1;
	CHECK_EQ(accepts(&r), -EBADMSG);
	r = samples[5];
	r.task.task.pidfd = -1;
	CHECK_EQ(accepts(&r), -EBADMSG);
	r = samples[5];
	r.task.task.dcid = -1; /* managed by no DC's init */
	CHECK_EQ(accepts(&r), -EBADMSG);
	r.task.task.managed = false;
	CHECK_EQ(accepts(&r), 1);
	r = samples[5];
	r.task.output.place.write_fd = -1; /* half a pipe */
	CHECK_EQ(accepts(&r), -EBADMSG);
	r = samples[11];
	r.binding.binding.state = (enum binding_state)(BINDING_ENDING + 1);
	CHECK_EQ(accepts(&r), -EBADMSG);
	r = samples[11];
	r.binding.binding.role = BINDING_ARRIVING;
	CHECK_EQ(accepts(&r), -EBADMSG);
	r = samples[11];
	r.binding.binding.dcid = -1; /* a page of no endpoint */
	CHECK_EQ(accepts(&r), -EBADMSG);
	r = samples[11];
	r.binding.status_fd = -1;
	CHECK_EQ(accepts(&r), -EBADMSG);
	r = samples[9];
	r.request.kind = STATE_REQUEST_RESTART + 1;
	CHECK_EQ(accepts(&r), -EBADMSG);
	r = samples[9];
	r.request.kind = STATE_REQUEST_FORWARDED;
	r.request.number = NR_NODES;
	CHECK_EQ(accepts(&r), -EBADMSG);
	r = samples[9];
	r.request.head_bytes--;
	CHECK_EQ(accepts(&r), -EBADMSG);
}

int main(void)
{
	TEST(test_comes_back);
	TEST(test_ranges);
	return test_end();
}
