/* SPDX-License-Identifier: Apache-2.0 */
/* What a joiner is given, the dialogue of a move, and what a daemon leaves to its successor. */

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/test.h"
#include "compat/compat.h"
#include "core/directory_fixture.h"
#include "node/restart/state.h"
#include "node/restart/state_sample_test.h"
#include "wire/move.h"
#include "wire/protocol.h"

static struct directory restored;

/* Nodes up and gone, a DC of some nodes, endpoints in all their states. */
static size_t write_directory(const struct compat_sample *sample, uint8_t *buf)
{
	(void)sample;
	directory_init(&dir);
	begin();
	create(31, 6);
	bind_at(10, 0);
	bind_at(-35, 1);
	bind_at(220, 2);
	unbind(220, 0);
	start(10, 1, 0);
	leave(2);
	apply((struct command){
		.kind = COMMAND_BIND, .p_nr = 12, .node = 1, .bind_kind = RMT_BIND });
	apply((struct command){ .kind = COMMAND_DC_ADDRESS,
				.address = address_v4((const uint8_t[]){ 10, 0, 0, 5 }),
				.value = 24 });
	return directory_encode(&dir, buf, COMPAT_BYTES_MAX);
}

static int read_directory(const struct compat_sample *sample, const uint8_t *buf, size_t len)
{
	static uint8_t again[COMPAT_BYTES_MAX];
	int r = directory_decode(&restored, buf, len);

	write_directory(sample, again);
	return r ? r : !!memcmp(&restored, &dir, sizeof(dir));
}

static const struct compat_sample directories[] = {
	{ "snapshot", write_directory, read_directory, NULL, 0 },
};
const struct compat_format compat_directory = { "directory", DIRECTORY_VERSION, directories, 1, 0 };

static enum move_record record_of(const struct compat_sample *sample)
{
	static const char *const name[] = { [MOVE_OFFER] = "offer",
					    [MOVE_VERDICT] = "verdict",
					    [MOVE_STATE] = "state",
					    [MOVE_SIGNALS] = "signals" };
	int record = MOVE_OFFER;

	while (strcmp(name[record], sample->name))
		record++;
	return (enum move_record)record;
}

static size_t write_move(const struct compat_sample *sample, uint8_t *buf)
{
	struct move_head head;

	move_head_fill(&head, record_of(sample), sample->value, (uint32_t)sample->size);
	memcpy(buf, &head, sizeof(head));
	memcpy(buf + sizeof(head), sample->value, sample->size);
	return sizeof(head) + sample->size;
}

static int read_move(const struct compat_sample *sample, const uint8_t *buf, size_t len)
{
	struct move_head head;
	int r;

	if (len < sizeof(head))
		return -EBADMSG;
	memcpy(&head, buf, sizeof(head)); /* which is read before the payload */
	r = move_head_check(&head, record_of(sample));
	if (!r && len != sizeof(head) + sample->size)
		r = -EBADMSG;
	if (!r)
		r = head.bytes == sample->size ? move_payload_check(&head, buf + sizeof(head))
					       : -EBADMSG;
	return r ? r : compat_compare(sample, buf + sizeof(head));
}

static const struct move_offer move_offer = { .dcid = 1,
					      .p_nr = -2,
					      .endpoint = 3,
					      .vpid = 4,
					      .generation = 5,
					      .dry_run = 6,
					      .dc_generation = 7,
					      .source = 8,
					      .target = 9,
					      .order = 10,
					      .name = "mover",
					      .root = 11,
					      .fellows = 1,
					      .fellow = { { 12, 13, 14, 0, "fellow" } } };
static const struct move_verdict move_verdict = {
	.error = -61, .pid = 2, .ns = 3, .reason = "a sentence"
};
static const struct move_signals move_signals = { .vpid = 2, .more = 1, .bits = UINT64_C(1) << 63 };
/* With one channel. */
static const struct {
	struct move_state state;
	struct move_channel channel;
} move_state = {
	.state = { .move = 1,
		   .dcid = 2,
		   .endpoint = 3,
		   .vpid = 4,
		   .generation = 5,
		   .channel_count = 1,
		   .log_start = 6,
		   .log_bytes = 0,
		   .bell_seq = 7,
		   .news = { 8, 9, 10, 11 },
		   .rts_flags = 12,
		   .misc_flags = 13,
		   .getfrom = 14,
		   .sendto = 15,
		   .waitunbind = 16,
		   .waitbind = 17,
		   .hardware = 18,
		   .latch = 19,
		   .log_limit = 20,
		   .rights = 21,
		   .attached = 22,
		   .lclsent = 23,
		   .rmtsent = 24,
		   .lclcopy = 25,
		   .rmtcopy = 26,
		   .waits = 27,
		   .priv = { .priv_id = 28, .priv_warn = 29, .priv_level = 30 } },
	.channel = { .peer_nr = 31,
		     .peer_endpoint = 32,
		     .image = { .line = { { .word = 33, .aux = 34, .msg = { .m_type = 35 } },
					  { .word = 36, .aux = 37, .msg = { .m_type = 38 } } },
				.notify = { { .posted = 39, .taken = 40, .bits = 41, .nr = 42 },
					    { .posted = 43, .taken = 44, .bits = 45, .nr = 46 } },
				.withdraw = { 47, 48 } } }
};

static const struct compat_sample moves[] = {
	{ "offer", write_move, read_move, &move_offer, sizeof(move_offer) },
	{ "verdict", write_move, read_move, &move_verdict, sizeof(move_verdict) },
	{ "state", write_move, read_move, &move_state, sizeof(move_state) },
	{ "signals", write_move, read_move, &move_signals, sizeof(move_signals) },
};
const struct compat_format compat_move = { "move", MOVE_VERSION, moves, 4, 0 };

/* The versions of this build are no part of the layout. */
static const struct handover_versions others = { 1, 2, 3, 4 };

static size_t write_record(const struct state_record *record, uint8_t *buf)
{
	struct handover_cursor c = { .out = buf,
				     .at = HANDOVER_HEAD_BYTES,
				     .size = COMPAT_BYTES_MAX };
	struct state_record copy = *record;

	memset(buf, 0, HANDOVER_HEAD_BYTES);
	state_put(&c, &copy);
	handover_seal(buf, c.at, &others);
	return c.at;
}

static size_t write_handover(const struct compat_sample *sample, uint8_t *buf)
{
	return write_record(sample->value, buf);
}

/* Read as the same values: written again, they are the same bytes. */
static int read_handover(const struct compat_sample *sample, const uint8_t *buf, size_t len)
{
	static uint8_t again[COMPAT_BYTES_MAX];
	const struct state_record *want = sample->value;
	struct state_record got;
	size_t at = HANDOVER_HEAD_BYTES;
	uint32_t version;
	int r = handover_open(buf, len, &others, &version);

	if (r)
		return r;
	if (state_next(buf, len, &at, NULL, NULL, &got) != 1 || got.kind != want->kind)
		return -EBADMSG;
	return write_record(&got, again) != len || !!memcmp(buf, again, len);
}

#define HANDOVER(i, name)                                                          \
	{                                                                          \
		name, write_handover, read_handover, &samples[i], sizeof(*samples) \
	}

static const struct compat_sample handovers[] = {
	HANDOVER(0, "node"),	HANDOVER(1, "directory"), HANDOVER(2, "group"),
	HANDOVER(3, "page"),	HANDOVER(4, "init"),	  HANDOVER(5, "task"),
	HANDOVER(6, "ended"),	HANDOVER(7, "rights"),	  HANDOVER(8, "link"),
	HANDOVER(9, "request"), HANDOVER(10, "counters"), HANDOVER(11, "binding"),
	HANDOVER(12, "gone"),	HANDOVER(13, "command"),
};
_Static_assert(sizeof(handovers) / sizeof(*handovers) == SAMPLES, "every kind of record");
_Static_assert(SAMPLES == HANDOVER_KIND_LAST, "every kind of record");
const struct compat_format compat_handover = { "handover", HANDOVER_VERSION, handovers, SAMPLES,
					       0 };
