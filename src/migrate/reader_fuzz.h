/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_READER_FUZZ_H
#define DVS_MIGRATE_READER_FUZZ_H

/* The reader of a stream from memory, which checks lengths as the real one does. */

#include <string.h>

#include "migrate/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *input;
static size_t input_bytes;
static uint64_t aligned[8192];

int reader_next(struct reader *reader, const void **payload, struct refusal *refusal)
{
	struct image_record record;

	if (input_bytes < sizeof(record))
		return refusal_set(refusal, EDVSIO, "ended");
	memcpy(&record, input, sizeof(record));
	input += sizeof(record);
	input_bytes -= sizeof(record);
	if (!image_length_ok(record.type, record.length) || record.length > input_bytes ||
	    record.length > sizeof(aligned))
		return refusal_set(refusal, EDVSIO, "damaged");
	memcpy(aligned, input, record.length);
	input += record.length;
	input_bytes -= record.length;
	reader->type = record.type;
	reader->length = record.length;
	*payload = aligned;
	return 0;
}

#endif
