/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/image_file.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "wire/image.h"
#include "wire/move.h"

int image_file_part(uint32_t kind)
{
	return kind >= IMAGE_FILE_OFFER && kind <= IMAGE_FILE_STATE ? (int)(kind - IMAGE_FILE_OFFER)
								    : -1;
}

static uint64_t check_of(const struct image_file_head *head)
{
	return hash_bytes(HASH_SEED, head, offsetof(struct image_file_head, check));
}

void image_file_head_fill(struct image_file_head *head, uint32_t key, const uint8_t salt[32])
{
	assert(key);
	*head = (struct image_file_head){ .magic = IMAGE_FILE_MAGIC,
					  .version = IMAGE_FILE_VERSION,
					  .bytes = sizeof(*head),
					  .key = key };
	memcpy(head->salt, salt, sizeof(head->salt));
	head->check = check_of(head);
}

int image_file_head_check(const struct image_file_head *head, unsigned *version)
{
	*version = head->version;
	if (head->magic != IMAGE_FILE_MAGIC)
		return -ENOEXEC;
	/* The layout behind the version is that of the version: nothing else is looked at. */
	if (head->version != IMAGE_FILE_VERSION)
		return -EPROTO;
	return head->bytes == sizeof(*head) && head->key && head->check == check_of(head)
		       ? 0
		       : -EBADMSG;
}

/* One part after the other, and each as long as it likes. */
static bool follows(uint32_t kind, uint32_t before)
{
	if (kind == IMAGE_FILE_ABOUT)
		return before == 0;
	if (before == 0 || before >= IMAGE_FILE_END)
		return false;
	return image_file_part(kind) >= 0 ? kind >= before : kind == IMAGE_FILE_END;
}

bool image_file_record_ok(const struct image_file_record *record, uint32_t before)
{
	if (!follows(record->kind, before))
		return false;
	if (record->kind == IMAGE_FILE_ABOUT)
		return record->bytes == sizeof(struct image_file_about);
	if (record->kind == IMAGE_FILE_END)
		return record->bytes == sizeof(struct image_file_end);
	return record->bytes && record->bytes <= IMAGE_FILE_RECORD_BYTES;
}

int image_file_about_check(const struct image_file_about *about)
{
	if (about->image_version != IMAGE_VERSION || about->move_version != MOVE_VERSION)
		return -EPROTO;
	if (about->dcid < 0 || about->dcid >= SHM_DCS || about->p_nr < -SHM_TASKS ||
	    about->p_nr >= SHM_SLOTS - SHM_TASKS || about->vpid <= 0 || about->by_hand > 1 ||
	    !about->bytes[0] || about->bytes[1] < sizeof(struct move_state) ||
	    about->bytes[1] > MOVE_STATE_MAX + sizeof(struct move_state) || !about->bytes[2] ||
	    about->name[sizeof(about->name) - 1])
		return -EBADMSG;
	return 0;
}

void image_file_nonce(uint64_t number, uint8_t nonce[IMAGE_FILE_NONCE_BYTES])
{
	memset(nonce, 0, IMAGE_FILE_NONCE_BYTES);
	memcpy(nonce + IMAGE_FILE_NONCE_BYTES - sizeof(number), &number, sizeof(number));
}
