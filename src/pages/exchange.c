/* SPDX-License-Identifier: Apache-2.0 */

/* The pages of one node as a whole: its own bell, the status pages, and their end. */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "os/memfd.h"
#include "pages/exchange_table.h"

static int node_bell_make(struct exchange *exchange)
{
	struct page_name name = { .kind = PAGE_NODE_BELL };
	void *page;
	int r = exchange_page_new(exchange, &name, &exchange->node_fd, &page, &exchange->node_ino);

	assert(!exchange->node_bell);
	if (r)
		return r;
	exchange->node_bell = page;
	exchange->node_bell->magic = SHM_MAGIC_NODE;
	exchange->node_bell->version = SHM_VERSION;
	exchange->node_bell->nodeid = exchange->nodeid;
	exchange_set_costs(exchange, ATTENTION_COSTS_DEFAULT);
	return 0;
}

int exchange_new(struct exchange **exchangep, int nodeid)
{
	struct exchange *exchange = calloc(1, sizeof(*exchange));
	int r;

	if (!exchange)
		return -ENOMEM;
	exchange->nodeid = nodeid;
	exchange->node_fd = -1;
	r = node_bell_make(exchange);
	if (r) {
		exchange_free(exchange);
		return r;
	}
	*exchangep = exchange;
	return 0;
}

static void slots_free(struct exchange *exchange)
{
	for (int dcid = 0; dcid < SHM_DCS; dcid++) {
		for (int i = 0; i < SHM_SLOTS; i++) {
			while (exchange->first[dcid][i])
				exchange_channel_drop(exchange, exchange->first[dcid][i]);
			if (exchange->bell[dcid][i])
				exchange_bell_free(exchange, exchange->bell[dcid][i]);
			assert(!exchange->first[dcid][i]);
			assert(!exchange->bell[dcid][i]);
		}
	}
	for (unsigned i = 0; i < EXCHANGE_BUCKETS; i++)
		assert(!exchange->by_slots[i]);
}

struct exchange *exchange_free(struct exchange *exchange)
{
	if (!exchange)
		return NULL;
	slots_free(exchange);
	while (exchange->statuses)
		exchange_status_free(exchange, exchange->statuses);
	assert(!exchange->statuses);
	exchange_blanks_free(exchange);
	if (exchange->node_bell)
		exchange_page_retire(exchange, exchange->node_fd, exchange->node_bell,
				     exchange->node_ino);
	for (unsigned i = 0; i < EXCHANGE_BUCKETS; i++)
		assert(!exchange->by_ino[i]);
	free(exchange);
	return NULL;
}

struct node_bell *exchange_node_bell(struct exchange *exchange)
{
	return exchange->node_bell;
}

void exchange_set_costs(struct exchange *exchange, struct attention_costs costs)
{
	assert(exchange->node_bell);
	exchange->costs = attention_costs_checked(costs);
	attention_costs_publish(exchange->node_bell, exchange->costs);
}

const struct attention_costs *exchange_costs(const struct exchange *exchange)
{
	return &exchange->costs;
}

int exchange_node_bell_fd(const struct exchange *exchange)
{
	return exchange->node_fd;
}

int exchange_status_new(struct exchange *exchange, int dcid, int p_nr,
			struct exchange_status **statusp)
{
	struct page_name name = { .kind = PAGE_STATUS, .dcid = dcid, .p_nr = p_nr };
	struct exchange_status *status;
	void *page;
	int r;

	if (!exchange_slot_valid(dcid, p_nr))
		return -EINVAL;
	status = calloc(1, sizeof(*status));
	if (!status)
		return -ENOMEM;
	r = exchange_page_new(exchange, &name, &status->fd, &page, &status->ino);
	if (r) {
		free(status);
		return r;
	}
	status->page = page;
	status->dcid = dcid;
	status->p_nr = p_nr;
	status->page->magic = SHM_MAGIC_STATUS;
	status->page->version = SHM_VERSION;
	status->page->dcid = dcid;
	status->page->p_nr = p_nr;
	status->next = exchange->statuses;
	exchange->statuses = status;
	exchange_show_peers(exchange, dcid, p_nr);
	exchange_bars_show(exchange, status->page);
	*statusp = status;
	return 0;
}

struct exchange_status *exchange_status_free(struct exchange *exchange,
					     struct exchange_status *status)
{
	struct exchange_status **place = &exchange->statuses;

	if (!status)
		return NULL;
	while (*place != status) {
		assert(*place);
		place = &(*place)->next;
	}
	*place = status->next;
	exchange_page_retire(exchange, status->fd, status->kept ? NULL : status->page, status->ino);
	status->over = true;
	if (!status->kept)
		free(status);
	return NULL;
}

void exchange_status_keep(struct exchange_status *status)
{
	assert(!status->over);
	status->kept++;
}

void exchange_status_let(struct exchange_status *status)
{
	assert(status->kept);
	if (--status->kept || !status->over)
		return;
	os_memfd_unmap(status->page, SHM_PAGE_BYTES);
	free(status);
}
