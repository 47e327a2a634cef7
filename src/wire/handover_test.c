/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/handover.h"

#include <errno.h>
#include <string.h>

#include "base/test.h"

static const struct handover_versions versions = { 1, 1, 1, 1 };
static uint8_t state[4096];

static const struct handover_record samples[] = {
	{ .kind = HANDOVER_NODE,
	  .node = { .nodeid = 3,
		    .control_fd = 7,
		    .path_fd = -1,
		    .link_fd = 9,
		    .cgroup_fd = 10,
		    .next_request = 77 } },
	{ .kind = HANDOVER_DIRECTORY, .tail = "directory", .tail_bytes = 9 },
	{ .kind = HANDOVER_GROUP,
	  .group = { .fd = 12, .started = 1, .order = UINT64_C(1) << 40, .unread = 3 },
	  .tail = "halfrest",
	  .tail_bytes = 8 },
	{ .kind = HANDOVER_PAGE,
	  .page = { .kind = 3, .dcid = 31, .p_nr = -35, .peer_nr = 220, .fd = -1, .ino = 5 } },
	{ .kind = HANDOVER_INIT, .init = { 0, 4711, 20, 21, 22 } },
	{ .kind = HANDOVER_PROCESS,
	  .process = { .state = 1,
		       .p_nr = 10,
		       .lpid = 5,
		       .tgid = 5,
		       .pidfd = 30,
		       .status_fd = -1,
		       .managed = 1,
		       .backup = 1,
		       .name = "stand-by",
		       .cgroup = "0.10.3",
		       .log = { 31, 32, 33, 7, 5, 4096, 1000, 12 } } },
	{ .kind = HANDOVER_ENDED,
	  .ended = { .p_nr = 11,
		     .node = 31,
		     .lpid = 77,
		     .wait_status = -1,
		     .reason = 4,
		     .generation = 900,
		     .ended_ns = UINT64_C(1) << 60,
		     .name = "ended",
		     .log = { 33, 34, -1, 0, 0, 4096, 0, 0 } } },
	{ .kind = HANDOVER_RIGHTS, .rights = { 0, 10 }, .tail = "rights", .tail_bytes = 6 },
	{ .kind = HANDOVER_LINK, .link = { .node = 31, .epoch = 9, .received_ns = UINT64_MAX } },
	{
		.kind = HANDOVER_REQUEST,
		.request = { 2, 40, 0, 0, 12345 },
		.tail = "",
	},
};
#define SAMPLES (sizeof(samples) / sizeof(*samples))

static size_t write_samples(uint8_t *buf, size_t size)
{
	size_t at = HANDOVER_HEAD_BYTES;

	for (size_t i = 0; i < SAMPLES; i++)
		handover_put(buf, size, &at, &samples[i]);
	return at;
}

static int open_state(size_t bytes)
{
	uint32_t version;

	return handover_open(state, bytes, &versions, &version);
}

static void test_comes_back(void)
{
	size_t bytes = write_samples(NULL, 0), at = HANDOVER_HEAD_BYTES;
	struct handover_record record;

	CHECK_OR_RETURN(bytes < sizeof(state));
	CHECK_EQ(write_samples(state, bytes), bytes);
	handover_seal(state, bytes, &versions);
	CHECK_EQ(open_state(sizeof(state)), 0); /* a file may be longer than what is in it */
	for (size_t i = 0; i < SAMPLES; i++) {
		CHECK_EQ(handover_next(state, bytes, &at, &record), 1);
		CHECK_EQ(record.kind, samples[i].kind);
		CHECK_EQ(record.tail_bytes, samples[i].tail_bytes);
		CHECK(!memcmp(record.tail, samples[i].tail ? samples[i].tail : "",
			      record.tail_bytes));
		CHECK(!memcmp(&record.process, &samples[i].process, sizeof(record.process)));
	}
	CHECK_EQ(handover_next(state, bytes, &at, &record), 0);
}

static void test_other_versions_are_refused(void)
{
	size_t bytes = write_samples(state, sizeof(state));
	struct handover_versions other = versions;
	uint32_t version;

	handover_seal(state, bytes, &versions);
	other.inits++;
	CHECK_EQ(handover_open(state, bytes, &other, &version), -EPROTO);
	state[4]++;
	CHECK_EQ(handover_open(state, bytes, &versions, &version), -EPROTONOSUPPORT);
	CHECK_EQ(version, HANDOVER_VERSION + 1);
}

static void test_damage_is_found(void)
{
	size_t bytes = write_samples(state, sizeof(state));

	handover_seal(state, bytes, &versions);
	for (size_t i = 0; i < bytes; i++) {
		state[i] ^= 0x10;
		CHECK(open_state(bytes) < 0);
		state[i] ^= 0x10;
	}
	for (size_t i = 0; i < bytes; i++)
		CHECK_EQ(open_state(i), -EBADMSG);
	CHECK_EQ(open_state(bytes), 0);
}

/* One record, sealed; what handover_next() says of it. */
static int accepts(const struct handover_record *record)
{
	size_t at = HANDOVER_HEAD_BYTES;
	struct handover_record got;

	handover_put(state, sizeof(state), &at, record);
	handover_seal(state, at, &versions);
	CHECK_EQ(open_state(at), 0);
	return handover_next(state, at, &(size_t){ HANDOVER_HEAD_BYTES }, &got);
}

static void test_ranges(void)
{
	struct handover_record r = samples[0];

	CHECK_EQ(accepts(&r), 1);
	r.node.nodeid = NR_NODES;
	CHECK_EQ(accepts(&r), -EBADMSG);
	r = samples[2];
	r.group.unread = 9;
	CHECK_EQ(accepts(&r), -EBADMSG);
	r = samples[3];
	r.page.dcid = SHM_DCS;
	CHECK_EQ(accepts(&r), -EBADMSG);
	r = samples[3];
	r.page.kind = 5;
	CHECK_EQ(accepts(&r), -EBADMSG);
	r = samples[5];
	r.process.pidfd = -1;
	CHECK_EQ(accepts(&r), -EBADMSG);
	r = samples[5];
	r.process.log.write_fd = -1; /* half a pipe */
	CHECK_EQ(accepts(&r), -EBADMSG);
	r = samples[5];
	memset(r.process.name, 'x', sizeof(r.process.name));
	CHECK_EQ(accepts(&r), -EBADMSG);
	r = samples[9];
	r.request.kind = 5;
	CHECK_EQ(accepts(&r), -EBADMSG);
	r = samples[8];
	r.tail = "xyz"; /* a link has none */
	r.tail_bytes = 3;
	CHECK_EQ(accepts(&r), -EBADMSG);
}

int main(void)
{
	TEST(test_comes_back);
	TEST(test_other_versions_are_refused);
	TEST(test_damage_is_found);
	TEST(test_ranges);
	return test_end();
}
