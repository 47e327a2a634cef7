/* SPDX-License-Identifier: Apache-2.0 */

#include "wire/move.h"

#include <assert.h>
#include <errno.h>

#include "base/hash.h"

static uint64_t head_hash(const struct move_head *head)
{
	return hash_bytes(HASH_SEED, head, offsetof(struct move_head, head_hash));
}

void move_head_fill(struct move_head *head, enum move_record record, const void *payload,
		    uint32_t bytes)
{
	assert(payload || !bytes);
	*head = (struct move_head){ .magic = MOVE_MAGIC,
				    .version = MOVE_VERSION,
				    .record = (uint16_t)record,
				    .bytes = bytes,
				    .payload_hash = hash_bytes(HASH_SEED, payload, bytes) };
	head->head_hash = head_hash(head);
}

int move_head_check(const struct move_head *head, enum move_record record)
{
	if (head->head_hash != head_hash(head))
		return head->magic == MOVE_MAGIC && head->version != MOVE_VERSION ? -EPROTO
										  : -EBADMSG;
	if (head->magic != MOVE_MAGIC || head->version != MOVE_VERSION)
		return -EPROTO;
	return head->record != record || head->pad || head->bytes > MOVE_STATE_MAX ? -EBADMSG : 0;
}

int move_payload_check(const struct move_head *head, const void *payload)
{
	assert(head->bytes <= MOVE_STATE_MAX);
	return hash_bytes(HASH_SEED, payload, head->bytes) == head->payload_hash ? 0 : -EBADMSG;
}
