/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_CONTENTS_H
#define DVS_MIGRATE_CONTENTS_H

#include <stdint.h>

/* The bytes in an open file description, as the payloads of CONTENTS records: a number of bytes, then these. */
struct contents {
	uint8_t *bytes; /* owned */
	uint32_t length, capacity;
};

void contents_free(struct contents *contents);

/* 0, -ENOMEM, or -E2BIG beyond IMAGE_CONTENTS_MAX. */
int contents_append(struct contents *contents, const void *bytes, uint32_t length);

/* The next piece from *at on, which begins with 0; NULL after the last one. */
const uint8_t *contents_next(const struct contents *contents, uint32_t *at, uint32_t *length);

#endif
