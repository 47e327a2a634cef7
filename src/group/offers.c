/* SPDX-License-Identifier: Apache-2.0 */
#include "group/offers.h"

#include <assert.h>
#include <stdlib.h>

#include "group/buffer.h"

struct offer {
	struct offer *next;
	uint64_t own_token, token, ring;
	int joiner;
	bool asked;		     /* the daemon */
	struct group_buffer package; /* not empty: the state is there, and so much is sent: */
	size_t sent;
	size_t len;
	uint8_t image[];
};

static void drop(struct offer **link)
{
	struct offer *offer = *link;

	*link = offer->next;
	group_buffer_deinit(&offer->package);
	free(offer);
}

void offers_drop(struct offers *offers, uint32_t joiners)
{
	struct offer **link = &offers->first;

	while (*link)
		if (joiners >> (*link)->joiner & 1)
			drop(link);
		else
			link = &(*link)->next;
	assert(joiners != OFFERS_ALL || !offers->first);
}

void offers_add(struct offers *offers, const struct council *c, const struct council_message *ask)
{
	struct offer *offer, **last = &offers->first;

	assert(ask->kind == COUNCIL_ASK);
	offer = malloc(sizeof(*offer) + COUNCIL_IMAGE_HEAD +
		       (c->heard - c->decided) * COMMAND_BYTES);
	if (!offer)
		return;
	*offer = (struct offer){ .own_token = ++offers->last_token,
				 .token = ask->token,
				 .ring = c->ring,
				 .joiner = ask->node };
	offer->len = council_encode(c, offer->image);
	while (*last)
		last = &(*last)->next;
	*last = offer;
}

bool offers_ask(struct offers *offers, uint64_t *token)
{
	struct offer *offer = offers->first;

	while (offer && offer->asked)
		offer = offer->next;
	if (!offer)
		return false;
	offer->asked = true;
	*token = offer->own_token;
	return true;
}

bool offers_fill(struct offers *offers, uint64_t ring, uint64_t token, uint64_t order,
		 const uint8_t *state, size_t len)
{
	struct offer **link = &offers->first, *offer;
	uint8_t head[OFFERS_HEAD];

	while (*link && (*link)->own_token != token)
		link = &(*link)->next;
	offer = *link;
	if (!offer || len > GROUP_STATE_MAX || group_buffer_size(&offer->package))
		return false;
	group_number_encode(head, offer->len);
	group_number_encode(head + 8, order);
	if (offer->ring == ring && group_buffer_add(&offer->package, head, sizeof(head)) == 0 &&
	    group_buffer_add(&offer->package, offer->image, offer->len) == 0 &&
	    group_buffer_add(&offer->package, state, len) == 0)
		return true;
	drop(link);
	return false;
}

bool offers_next(const struct offers *offers, int self, struct council_message *part)
{
	const struct offer *offer = offers->first;
	size_t total, left;

	while (offer && !group_buffer_size(&offer->package))
		offer = offer->next;
	if (!offer)
		return false;
	total = group_buffer_size(&offer->package);
	left = total - offer->sent;
	assert(left && total <= OFFERS_MAX);
	*part = (struct council_message){
		.kind = COUNCIL_STATE,
		.node = self,
		.ring = offer->ring,
		.heard = total,
		.token = offer->token,
		.to = (uint32_t)offer->joiner,
		.offset = offer->sent,
		.payload = offer->package.bytes + offer->package.from + offer->sent,
		.bytes = (uint32_t)(left < COUNCIL_PART_MAX ? left : COUNCIL_PART_MAX),
	};
	return true;
}

void offers_sent(struct offers *offers, const struct council_message *part)
{
	struct offer **link = &offers->first;

	while (!group_buffer_size(&(*link)->package))
		link = &(*link)->next;
	assert((*link)->sent == part->offset);
	(*link)->sent += part->bytes;
	if ((*link)->sent == part->heard)
		drop(link);
}
