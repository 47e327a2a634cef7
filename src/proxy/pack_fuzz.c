/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz with: src/proxy/pack.c -llz4 */

/*
 * Bytes that are taken for packed ones never write further than they may, and packed bytes come back as they
 * were.
 */

#include <stdlib.h>
#include <string.h>

#include "proxy/pack.h"

#define MOST 65536u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pack *pack = pack_new(MOST);
	uint8_t *room = malloc(MOST), *packed;
	uint32_t bytes = (uint32_t)size, want, n;

	if (!pack || !room || bytes > MOST || bytes < 2)
		goto out;
	want = (uint32_t)(data[0] | data[1] << 8);
	pack_open(pack, data + 2, bytes - 2, room, want);
	n = pack_block(pack, 1 + data[0] % 2, data, bytes, &packed);
	if (n && (pack_open(pack, packed, n, room, bytes) || memcmp(room, data, bytes)))
		abort();
out:
	pack_free(pack);
	free(room);
	return 0;
}
