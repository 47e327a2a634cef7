/* SPDX-License-Identifier: Apache-2.0 */
/* A file with the image of a process: what stands in the clear, and the structs behind the seal. */

#include <string.h>

#include "compat/compat.h"
#include "wire/image.h"
#include "wire/image_file.h"
#include "wire/move.h"

static const uint32_t key = 0x7f3a91c2;
static const uint8_t salt[32] = { 1, 2, 3, [31] = 4 };

static size_t write_head(const struct compat_sample *sample, uint8_t *buf)
{
	struct image_file_head head;

	image_file_head_fill(&head, *(const uint32_t *)sample->value, salt);
	memcpy(buf, &head, sizeof(head));
	return sizeof(head);
}

static int read_head(const struct compat_sample *sample, const uint8_t *buf, size_t len)
{
	struct image_file_head head;
	unsigned version;

	if (len != sizeof(head))
		return -1;
	memcpy(&head, buf, sizeof(head));
	if (image_file_head_check(&head, &version) < 0)
		return -1;
	return memcmp(head.salt, salt, sizeof(salt)) ? 1 : compat_compare(sample, &head.key);
}

static const struct image_file_record record = { .kind = IMAGE_FILE_STATE, .bytes = 77 };
static const struct image_file_about about = { .image_version = 2,
					       .move_version = 3,
					       .dcid = 4,
					       .p_nr = 5,
					       .endpoint = 6,
					       .vpid = 7,
					       .generation = 8,
					       .dc_generation = 9,
					       .node = 10,
					       .by_hand = 1,
					       .taken_ns = 11,
					       .bytes = { 12, 13, 14 },
					       .name = "name" };
static const struct image_file_end end = { .records = 2, .bytes = { 3, 4, 5 } };

static const struct compat_sample samples[] = {
	SAMPLE("head", write_head, read_head, key),
	PLAIN(record),
	PLAIN(about),
	PLAIN(end),
};

const struct compat_format compat_image_file = { "image_file", IMAGE_FILE_VERSION, samples,
						 COUNT(samples), 1 };
