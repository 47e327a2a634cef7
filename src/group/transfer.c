/* SPDX-License-Identifier: Apache-2.0 */
#include "group/transfer.h"

#include <assert.h>
#include <errno.h>

void transfer_begin(struct transfer *transfer, int provider, uint64_t token, uint64_t order,
		    int64_t now_ns)
{
	assert(token > transfer->token);
	transfer->asked = true;
	transfer->provider = provider;
	transfer->token = token;
	transfer->order = order;
	transfer->asked_ns = now_ns;
	transfer->later.from = transfer->later.to = 0;
}

int transfer_keep(struct transfer *transfer, const void *bytes, size_t len, size_t max)
{
	if (!transfer->asked)
		return 0;
	if (group_buffer_size(&transfer->later) + len > max)
		return -ENOBUFS;
	return group_buffer_add(&transfer->later, bytes, len);
}

int transfer_take(struct transfer *transfer, int provider, uint64_t token, uint64_t order)
{
	if (!transfer_asks(transfer, provider) || transfer->token != token)
		return 0;
	if (order != transfer->order)
		return -EBADMSG;
	transfer->asked = false;
	return 1;
}

bool transfer_is_late(const struct transfer *transfer, int64_t now_ns, int64_t limit_ns)
{
	return transfer->asked && now_ns - transfer->asked_ns > limit_ns;
}

void transfer_deinit(struct transfer *transfer)
{
	transfer->asked = false;
	group_buffer_deinit(&transfer->later);
}
