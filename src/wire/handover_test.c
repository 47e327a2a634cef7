/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/handover.h"

#include <errno.h>
#include <string.h>

#include "base/test.h"

static const struct handover_versions versions = { 1, 1, 1, 1 };
static uint8_t state[4096];

/* One of every kind of field. */
struct sample {
	uint64_t wide;
	uint32_t number;
	int32_t with_sign, between, fd, none, dcid, p_nr;
	bool yes;
	char text[8];
	const uint8_t *tail;
	uint32_t tail_bytes;
};

static const struct sample sample = {
	UINT64_MAX - 1,		 4000000000u,	 -5, 17, 20, -1, 31, -35, true, "text",
	(const uint8_t *)"tail", .tail_bytes = 4
};

static int told_fd;

static void tell(void *ctx, int fd)
{
	CHECK(ctx == &told_fd);
	told_fd += fd;
}

static void fields(struct handover_cursor *c, struct sample *s)
{
	handover_u64(c, &s->wide);
	handover_u32(c, &s->number);
	handover_s32(c, &s->with_sign);
	handover_range(c, &s->between, 0, 17);
	handover_fd(c, &s->fd, 0);
	handover_fd(c, &s->none, -1);
	handover_slot(c, &s->dcid, &s->p_nr);
	handover_flag(c, &s->yes);
	handover_text(c, s->text, sizeof(s->text));
	handover_tail(c, &s->tail, &s->tail_bytes);
}

/* Three records; the size of the whole. */
static size_t write_samples(uint8_t *buf, size_t size)
{
	struct handover_cursor c = { .out = buf,
				     .at = HANDOVER_HEAD_BYTES,
				     .size = size,
				     .descriptor = tell,
				     .ctx = &told_fd };
	struct sample copy = sample;

	for (int i = 0; i < 3; i++) {
		handover_begin(&c, HANDOVER_LINK, 70 + (uint64_t)i);
		fields(&c, &copy);
		handover_end(&c);
	}
	return c.at;
}

static int open_state(size_t bytes)
{
	uint32_t version;

	return handover_open(state, bytes, &versions, &version);
}

static void test_comes_back(void)
{
	size_t bytes = write_samples(NULL, 0), at = HANDOVER_HEAD_BYTES;
	struct handover_cursor c;
	enum handover_kind kind;
	uint64_t number;

	CHECK_OR_RETURN(bytes < sizeof(state));
	CHECK_EQ(write_samples(state, bytes), bytes);
	handover_seal(state, bytes, &versions);
	CHECK_EQ(open_state(sizeof(state)), 0); /* a file may be longer than the state in it */
	for (int i = 0; i < 3; i++) {
		struct sample got = { 0 };

		CHECK_EQ(handover_next(state, bytes, &at, &kind, &number, &c), 1);
		CHECK_EQ(number, 70 + (uint64_t)i);
		CHECK_EQ(kind, HANDOVER_LINK);
		told_fd = 0;
		c.descriptor = tell;
		c.ctx = &told_fd;
		fields(&c, &got);
		CHECK_EQ(handover_done(&c), 0);
		CHECK_EQ(told_fd, sample.fd);
		CHECK_EQ(got.wide, sample.wide);
		CHECK_EQ(got.number, sample.number);
		CHECK_EQ(got.with_sign, sample.with_sign);
		CHECK(got.between == 17 && got.fd == 20 && got.none == -1 && got.yes);
		CHECK(got.dcid == 31 && got.p_nr == -35);
		CHECK(!memcmp(got.text, sample.text, sizeof(got.text)));
		CHECK(got.tail_bytes == 4 && !memcmp(got.tail, "tail", 4));
	}
	CHECK_EQ(handover_next(state, bytes, &at, &kind, &number, &c), 0);
	CHECK_EQ(handover_bytes(state, sizeof(state)), bytes);
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

/* One record of the sample's fields but its tail. Returns the result of handover_done(). */
static int accepts(const struct sample *s, size_t cut)
{
	struct handover_cursor c = { .out = state, .at = 0, .size = sizeof(state) };
	struct sample copy = *s;

	copy.tail_bytes = 0;
	fields(&c, &copy);
	c = (struct handover_cursor){ .in = state, .size = c.at - cut };
	fields(&c, &copy);
	return handover_done(&c);
}

static void test_ranges(void)
{
	struct sample s = sample;

	CHECK_EQ(accepts(&s, 0), 0);
	for (size_t cut = 1; cut <= 8 + 4 * 7 + 4 + 8; cut++)
		CHECK_EQ(accepts(&s, cut), -EBADMSG);
	s.between = 18;
	CHECK_EQ(accepts(&s, 0), -EBADMSG);
	s.between = -1;
	CHECK_EQ(accepts(&s, 0), -EBADMSG);
	s = sample;
	s.fd = -1;
	CHECK_EQ(accepts(&s, 0), -EBADMSG);
	s = sample;
	s.none = HANDOVER_FD_MAX + 1;
	CHECK_EQ(accepts(&s, 0), -EBADMSG);
	s = sample;
	s.dcid = SHM_DCS;
	CHECK_EQ(accepts(&s, 0), -EBADMSG);
	s = sample;
	s.p_nr = -SHM_TASKS - 1;
	CHECK_EQ(accepts(&s, 0), -EBADMSG);
	s = sample;
	memset(s.text, 'x', sizeof(s.text)); /* is cut, so that it ends */
	CHECK_EQ(accepts(&s, 0), 0);
}

/* Texts that the writer would not write. */
static void test_bad_texts(void)
{
	static const char bad[3][4] = { { 'a', 'b', 'c', 'd' },
					{ 'a', 0, 'c', 0 },
					{ 0, 0, 0, 1 } };
	char text[4];

	for (int i = 0; i < 3; i++) {
		struct handover_cursor c = { .in = (const uint8_t *)bad[i], .size = 4 };

		handover_text(&c, text, sizeof(text));
		CHECK_EQ(handover_done(&c), -EBADMSG);
	}
}

/* More in a record than its fields. */
static void test_rest_is_refused(void)
{
	struct handover_cursor c = { .in = (const uint8_t *)"12345", .size = 5 };
	uint32_t number;

	handover_u32(&c, &number);
	CHECK_EQ(handover_done(&c), -EBADMSG);
}

int main(void)
{
	TEST(test_comes_back);
	TEST(test_other_versions_are_refused);
	TEST(test_damage_is_found);
	TEST(test_ranges);
	TEST(test_bad_texts);
	TEST(test_rest_is_refused);
	return test_end();
}
