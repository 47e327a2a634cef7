/* SPDX-License-Identifier: Apache-2.0 */

#include "wire/move.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/hash.h"
#include "dvk.h"

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

static bool is_slot(int p_nr)
{
	return p_nr >= -SHM_TASKS && p_nr < SHM_SLOTS - SHM_TASKS;
}

static bool is_name(const char name[16])
{
	return memchr(name, 0, 16);
}

int move_offer_check(const struct move_offer *offer)
{
	bool good = offer->dcid >= 0 && offer->dcid < SHM_DCS && is_slot(offer->p_nr) &&
		    is_name(offer->name) && offer->fellows <= COMMAND_FELLOWS_MAX;

	for (uint32_t i = 0; good && i < offer->fellows; i++) {
		int p_nr = _ENDPOINT_P(offer->fellow[i].endpoint);

		good = is_slot(p_nr) && p_nr != offer->p_nr && is_name(offer->fellow[i].name);
		for (uint32_t k = 0; good && k < i; k++)
			good = p_nr != _ENDPOINT_P(offer->fellow[k].endpoint);
	}
	return good ? 0 : -EBADMSG;
}

int move_payload_check(const struct move_head *head, const void *payload)
{
	assert(head->bytes <= MOVE_STATE_MAX);
	return hash_bytes(HASH_SEED, payload, head->bytes) == head->payload_hash ? 0 : -EBADMSG;
}
