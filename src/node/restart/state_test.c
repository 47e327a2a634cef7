/* SPDX-License-Identifier: Apache-2.0 */
#include "node/restart/state.h"

#include <errno.h>
#include <string.h>

#include "base/test.h"
#include "node/restart/state_sample_test.h"

static const struct handover_versions versions = { 1, 1, 1, 1 };
static uint8_t state[4096];

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
	if (got->kind == HANDOVER_COMMAND)
		compare_tail(&got->command.command, got->command.bytes, want->command.command,
			     want->command.bytes);
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
	r = samples[12];
	r.gone.kind = 0;
	CHECK_EQ(accepts(&r), -EBADMSG);
	r = samples[13];
	r.command.bytes--;
	CHECK_EQ(accepts(&r), -EBADMSG);
}

int main(void)
{
	TEST(test_comes_back);
	TEST(test_ranges);
	return test_end();
}
