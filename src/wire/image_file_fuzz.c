/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of a file and of its records: an accepted one is within its limits, and no order of records is without end. */
#include <stdlib.h>
#include <string.h>

#include "wire/image_file.h"
#include "wire/shm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_records(const uint8_t *data, size_t size)
{
	struct image_file_record record;
	uint32_t before = 0;

	for (; size >= sizeof(record); data += sizeof(record), size -= sizeof(record)) {
		memcpy(&record, data, sizeof(record));
		if (!image_file_record_ok(&record, before))
			continue;
		if (record.bytes > IMAGE_FILE_RECORD_BYTES || record.kind < before ||
		    before == IMAGE_FILE_END || (!before) != (record.kind == IMAGE_FILE_ABOUT))
			abort();
		before = record.kind;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image_file_head head;
	struct image_file_about about;
	unsigned version;

	check_records(data, size);
	if (size >= sizeof(head)) {
		memcpy(&head, data, sizeof(head));
		if (image_file_head_check(&head, &version) == 0 &&
		    (!head.key || version != IMAGE_FILE_VERSION))
			abort();
	}
	if (size >= sizeof(about)) {
		memcpy(&about, data, sizeof(about));
		if (image_file_about_check(&about) == 0 &&
		    (about.dcid < 0 || about.dcid >= SHM_DCS || about.name[15]))
			abort();
	}
	return 0;
}
