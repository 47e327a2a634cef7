/* SPDX-License-Identifier: Apache-2.0 */

/*
 * An odd first byte: the rest is a whole state. An even one: the rest are its records, and the head is made right, so
 * that the fuzzer need not find a hash. Each record that state_next() accepts must come back byte for byte from
 * state_put(), both must have told of the same descriptors, and the walk must end.
 *
 * fuzz with: src/node/restart/state.c
 */

#include <stdlib.h>
#include <string.h>

#include "node/restart/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STATE_MAX 8192

static const struct handover_versions versions = { 1, 2, 3, 4 };

static uint64_t fds_sum;

static void count_fd(void *ctx, int fd)
{
	(void)ctx;
	if (fd < 0)
		abort();
	fds_sum += (unsigned)fd + 1;
}

static void walk(const uint8_t *state, size_t bytes)
{
	static uint8_t again[STATE_MAX];
	size_t at = HANDOVER_HEAD_BYTES, begin = at;
	struct state_record record;
	uint64_t told;

	while (fds_sum = 0, state_next(state, bytes, &at, count_fd, NULL, &record) > 0) {
		struct handover_cursor c = { .out = again,
					     .size = sizeof(again),
					     .descriptor = count_fd };

		if (at <= begin || at > bytes)
			abort();
		told = fds_sum;
		fds_sum = 0;
		state_put(&c, &record);
		if (fds_sum != told || c.at != at - begin || memcmp(again, state + begin, c.at))
			abort();
		begin = at;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t state[STATE_MAX];
	uint32_t version;

	if (size < 1 || size - 1 > STATE_MAX - HANDOVER_HEAD_BYTES)
		return 0;
	if (data[0] & 1) {
		if (handover_open(data + 1, size - 1, &versions, &version) == 0)
			walk(data + 1, size - 1);
		return 0;
	}
	size += HANDOVER_HEAD_BYTES - 1;
	memcpy(state + HANDOVER_HEAD_BYTES, data + 1, size - HANDOVER_HEAD_BYTES);
	handover_seal(state, size, &versions);
	if (handover_open(state, size, &versions, &version))
		abort();
	walk(state, size);
	return 0;
}
