/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_PAGES_EXCHANGE_RIG_TEST_H
#define DVS_PAGES_EXCHANGE_RIG_TEST_H

/*
 * One exchange; the processes are played by operating on the lines directly, as they would through
 * their own mappings. DC 1; endpoints 3 (side 0) and 7 (side 1) unless said otherwise. Only test programs
 * include this, after base/test.h.
 */

#include <stdatomic.h>
#include <sys/mman.h>

#include "pages/exchange_table.h"

static struct exchange *exchange;
static struct exchange_channel *channel;
static struct exchange_bell *bell_3, *bell_7;

static void set_up(void)
{
	CHECK_EQ(exchange_new(&exchange, 5), 0);
	CHECK_EQ(exchange_bell(exchange, 1, 3, &bell_3), 0);
	CHECK_EQ(exchange_bell(exchange, 1, 7, &bell_7), 0);
	exchange_bell_hold(bell_3, BELL_PROCESS);
	exchange_bell_hold(bell_7, BELL_PROCESS);
	CHECK_EQ(exchange_channel(exchange, 1, 7, 3, &channel), 0);
}

static void tear_down(void)
{
	exchange = exchange_free(exchange);
}

TEST_LOOKS_UNUSED static uint64_t post(int side, enum line_op op, uint64_t aux)
{
	message m = { .m_type = 42 };

	return line_post(&channel->page->line[side], op, &m, aux);
}

TEST_LOOKS_UNUSED static enum line_state state(const struct channel_page *page, int side)
{
	return line_word_state(atomic_load(&page->line[side].word));
}

TEST_LOOKS_UNUSED static int result(const struct channel_page *page, int side)
{
	return line_word_result(atomic_load(&page->line[side].word));
}

TEST_LOOKS_UNUSED static bool news(const struct exchange_bell *bell, int from_nr)
{
	unsigned bit = (unsigned)shm_index(from_nr);

	return atomic_load(&bell->page->news[bit / 64]) >> bit % 64 & 1;
}

/* A second mapping, as a process has it, which lives on when the daemon lets go of the page. */
TEST_LOOKS_UNUSED static struct channel_page *map_again(int fd)
{
	void *map = mmap(NULL, SHM_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return map == MAP_FAILED ? NULL : map;
}

#endif
