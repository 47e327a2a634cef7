/* SPDX-License-Identifier: Apache-2.0 */

/* The identity that a stranger shows. One that is taken is the same, byte for byte, when it is encoded again. */

#include <stdlib.h>
#include <string.h>

#include "base/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[IDENTITY_BYTES];
	struct identity identity;

	if (identity_decode(&identity, data, size))
		return 0;
	identity_encode(&identity, again);
	if (size != sizeof(again) || memcmp(again, data, size) != 0)
		abort();
	return 0;
}
