/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The daemon's side of pages that hold anything: the input says what is written where, and what the
 * daemon does with the pages in between. Six slots, two generations of each.
 *
 * fuzz with: src/pages/exchange.c src/pages/exchange_channel.c src/pages/exchange_far.c src/pages/exchange_adopt.c
 * fuzz with: src/pages/exchange_bars.c src/pages/exchange_bell.c src/pages/exchange_name.c
 * fuzz with: src/os/futex.c src/os/inode.c src/os/keeper.c src/os/kept.c src/os/lock.c src/os/log.c src/os/memfd.c
 * fuzz with: src/os/notify.c src/os/self.c src/os/socket.c
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pages/exchange_adopt.h"
#include "pages/exchange_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DCID	   1
#define SLOT_COUNT 6
#define FIRST_NR   3
#define STEPS_MAX  200

struct input {
	const uint8_t *data;
	size_t size;
};

static struct exchange *exchange;

static unsigned take(struct input *in)
{
	if (!in->size)
		return 0;
	in->size--;
	return *in->data++;
}

static int take_nr(struct input *in)
{
	return FIRST_NR + (int)(take(in) % SLOT_COUNT);
}

static int endpoint(unsigned byte)
{
	int nr = FIRST_NR + (int)(byte % SLOT_COUNT);

	return _ENDPOINT((int)(byte >> 7), nr);
}

/* The next live channel of a slot that the input points at. */
static struct exchange_channel *take_channel(struct input *in)
{
	struct exchange_channel *channel = NULL;
	int nr = take_nr(in);

	for (unsigned i = 0; i <= take(in) % SLOT_COUNT; i++)
		channel = exchange_next(exchange, DCID, nr, channel);
	return channel;
}

static void scribble(struct input *in, void *page)
{
	size_t at = (take(in) | take(in) << 8) % SHM_PAGE_BYTES, bytes = take(in);

	if (bytes > in->size)
		bytes = in->size;
	if (bytes > SHM_PAGE_BYTES - at)
		bytes = SHM_PAGE_BYTES - at;
	memcpy((uint8_t *)page + at, in->data, bytes);
	in->data += bytes;
	in->size -= bytes;
}

static void scribble_somewhere(struct input *in)
{
	struct exchange_bell *bell;
	struct exchange_channel *channel;

	switch (take(in) % 4) {
	case 0:
		scribble(in, exchange_node_bell(exchange));
		return;
	case 1:
		bell = exchange_bell_find(exchange, DCID, take_nr(in));
		if (bell)
			scribble(in, bell->page);
		return;
	case 2:
		if (exchange->statuses)
			scribble(in, exchange->statuses->page);
		return;
	default:
		channel = take_channel(in);
		if (channel)
			scribble(in, channel->page);
	}
}

/* Acts of the proxy and of a move on the lines of a channel. */
static void use_lines(struct input *in)
{
	struct exchange_channel *channel = take_channel(in);
	struct line_image image = { 0 };
	unsigned what = take(in);
	struct line *line;

	if (!channel)
		return;
	line = &channel->page->line[what & 1];
	if (what & 2 && line_export(line, &image) && line_word_state(image.word) == LINE_FULL)
		abort(); /* its owner could still take back what has left the node */
	if (what & 4)
		line_snapshot(&channel->page->line[1 - (what & 1)], &image);
	line_merge(line, &image, what & 8);
	line_withdraw_here(line, line_word_seq(image.word));
	line_answered(line, line_word_seq(image.word));
}

/* A move reads a page that is over: a name out of range must not pass. */
static void recall(struct input *in)
{
	struct exchange_channel *channel = take_channel(in);
	struct page_name name;
	int fd;

	if (!channel || !exchange_recall(channel->fd, &name))
		return;
	if (name.kind == PAGE_STATUS)
		return;
	if (name.kind != PAGE_CHANNEL || !name.over || name.p_nr >= name.peer_nr)
		abort();
	fd = exchange_remnant(exchange, &name);
	if (fd == -EINVAL)
		abort();
	if (fd >= 0)
		close(fd);
}

static void ring(struct input *in)
{
	struct exchange_bell *bell = exchange_bell_find(exchange, DCID, take_nr(in));

	if (!bell)
		return;
	exchange_ring(exchange, bell, (int)(int8_t)take(in));
	exchange_bell_mend(bell);
	if (atomic_load(&bell->page->holder) != bell->holder)
		abort();
}

static void die(struct input *in)
{
	unsigned byte = take(in);

	exchange_endpoint_dead(exchange, DCID, _ENDPOINT_P(endpoint(byte)), endpoint(byte));
}

static void make(struct input *in)
{
	struct exchange_channel *channel;
	struct exchange_status *status;
	struct exchange_bell *bell;
	unsigned own = take(in), peer = take(in);

	exchange_channel(exchange, DCID, endpoint(own), endpoint(peer), &channel);
	exchange_bell(exchange, DCID, _ENDPOINT_P(endpoint(own)), &bell);
	if (!exchange->statuses)
		exchange_status_new(exchange, DCID, _ENDPOINT_P(endpoint(own)), &status);
}

static void count_entry(void *ctx, const struct exchange_entry *entry)
{
	struct page_name name;

	if (entry->fd >= 0 && !exchange_identify(exchange, entry->dev, entry->ino, &name))
		abort();
	*(unsigned *)ctx += 1;
}

static void walk(void)
{
	unsigned count = 0;

	exchange_walk(exchange, count_entry, &count);
	if (!count)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	if (exchange_new(&exchange, 0))
		return 0;
	for (unsigned i = 0; i < STEPS_MAX && in.size; i++) {
		unsigned what = take(&in);

		if (what % 8 == 0)
			make(&in);
		else if (what % 8 == 1)
			exchange_hold(exchange, DCID, take_nr(&in));
		else if (what % 8 == 2)
			exchange_unhold(exchange, DCID, take_nr(&in), (int)take(&in));
		else if (what % 8 == 3)
			die(&in);
		else if (what % 8 == 4)
			use_lines(&in);
		else if (what % 16 == 5)
			ring(&in);
		else if (what % 16 == 13)
			recall(&in);
		else
			scribble_somewhere(&in);
	}
	walk();
	exchange = exchange_free(exchange);
	return 0;
}
