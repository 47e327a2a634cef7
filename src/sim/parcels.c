/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/parcels.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void parcels_init(struct parcels *list)
{
	list->first = NULL;
	list->last = &list->first;
}

void parcels_add(struct parcels *list, const struct parcel *like, const void *head,
		 size_t head_bytes, const void *body, size_t body_bytes)
{
	struct parcel *parcel = malloc(sizeof(*parcel) + head_bytes + body_bytes);

	if (!parcel)
		abort();
	assert(like->kind);
	*parcel = *like;
	parcel->next = NULL;
	parcel->len = head_bytes + body_bytes;
	if (head_bytes)
		memcpy(parcel->bytes, head, head_bytes);
	if (body_bytes)
		memcpy(parcel->bytes + head_bytes, body, body_bytes);
	*list->last = parcel;
	list->last = &parcel->next;
}

struct parcel *parcels_take(struct parcels *list)
{
	struct parcel *parcel = list->first;

	if (!parcel)
		return NULL;
	list->first = parcel->next;
	if (!list->first)
		list->last = &list->first;
	return parcel;
}

void parcels_deinit(struct parcels *list)
{
	struct parcel *parcel;

	while ((parcel = parcels_take(list)))
		free(parcel);
	assert(!list->first);
}
