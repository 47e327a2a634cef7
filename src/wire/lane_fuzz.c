/* SPDX-License-Identifier: Apache-2.0 */

/* A message that is decoded comes back byte for byte, and is within its limits. */

#include <stdlib.h>
#include <string.h>

#include "wire/lane.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t buf[LANE_ASK_BYTES];
	struct lane_part part;
	struct lane_ask ask;

	if (size >= LANE_ASK_BYTES && !lane_decode_ask(&ask, data)) {
		lane_encode_ask(buf, &ask);
		if (memcmp(buf, data, LANE_ASK_BYTES) || ask.bytes > MAXCOPYLEN)
			abort();
	}
	if (size >= LANE_PART_BYTES && !lane_decode_part(&part, data)) {
		lane_encode_part(buf, &part);
		if (memcmp(buf, data, LANE_PART_BYTES) || part.bytes > LANE_DATA_MAX)
			abort();
	}
	return 0;
}
