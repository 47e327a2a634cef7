/* SPDX-License-Identifier: Apache-2.0 */
#include "group/history.h"

#include <assert.h>
#include <string.h>

void history_clear(struct history *history)
{
	history->last = 0;
	history->count = 0;
}

void history_add(struct history *history, uint64_t order, const uint8_t command[COMMAND_BYTES])
{
	uint8_t *delivery = history->delivery[order % HISTORY_MAX];

	assert(!history->count || order == history->last + 1);
	assert(history->count <= HISTORY_MAX);
	group_number_encode(delivery, order);
	memcpy(delivery + 8, command, COMMAND_BYTES);
	history->last = order;
	if (history->count < HISTORY_MAX)
		history->count++;
}

bool history_reaches(const struct history *history, uint64_t order)
{
	return order && order <= history->last && history->last - order <= history->count;
}

const uint8_t *history_delivery(const struct history *history, uint64_t order)
{
	const uint8_t *delivery = history->delivery[order % HISTORY_MAX];

	assert(history_reaches(history, order - 1) || order == history->last);
	assert(group_number_decode(delivery) == order);
	return delivery;
}

int history_put(const struct history *history, struct group_stream *stream, uint64_t order,
		bool quorum)
{
	uint8_t number[GROUP_QUORUM_BYTES];
	int r = 0;

	assert(history_reaches(history, order));
	while (!r && order < history->last)
		r = group_stream_put(stream, GROUP_DELIVER, history_delivery(history, ++order),
				     GROUP_DELIVER_BYTES, NULL, 0);
	group_number_encode(number, quorum);
	return r ? r : group_stream_put(stream, GROUP_QUORUM, number, sizeof(number), NULL, 0);
}
