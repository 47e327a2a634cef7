/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes into every page that it shares with others, without end: its status, its bell, the bells of
 * those it has called, the channels with them, the node's bell. Nobody but a process that talks with it may
 * lose anything by that.
 *
 * Usage: hostile DCID EP KIND PAUSE_US SERVER_EP...
 *
 * KIND: random    bytes from a generator
 *       zeros, ones
 *       flips     one bit after the other
 *       cunning   what a ringer, a sleeper or the daemon would believe: nobody sleeps, the other one
 *                 holds the bell, there is news from everybody, or none
 *       once      random once, and then sleeps
 * PAUSE_US: between two rounds over all pages; 0 writes as fast as it can.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/prng.h"
#include "dvk.h"
#include "wire/shm.h"

#define PAGES_MAX 64

static uint8_t *page[PAGES_MAX];
static int pages;
static struct prng prng;
static unsigned rounds;

/* The pages are files in memory, each named for what it is. */
static void find_pages(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];

	while (maps && pages < PAGES_MAX && fgets(line, sizeof(line), maps)) {
		if (strstr(line, "memfd:dvs-"))
			page[pages++] = (uint8_t *)(uintptr_t)strtoull(line, NULL, 16);
	}
	if (maps)
		fclose(maps);
}

static void be_random(uint8_t *bytes)
{
	uint64_t *word = (uint64_t *)bytes;

	for (unsigned i = 0; i < SHM_PAGE_BYTES / 8; i++)
		atomic_store_explicit((_Atomic uint64_t *)&word[i], prng_next(&prng),
				      memory_order_relaxed);
}

static void be_flips(uint8_t *bytes)
{
	unsigned bit = (unsigned)prng_next(&prng) % (sizeof(struct channel_page) * 8);

	atomic_fetch_xor((_Atomic uint8_t *)&bytes[bit / 8], (uint8_t)(1u << bit % 8));
}

static void lie_about_bell(struct bell_page *bell)
{
	atomic_store(&bell->sleeping, 0);
	atomic_store(&bell->holder, rounds & 1 ? BELL_DAEMON : BELL_PROCESS);
	atomic_fetch_add(&bell->seq, rounds & 4);
	for (int i = 0; i < SHM_NEWS_WORDS; i++)
		atomic_store(&bell->news[i], rounds & 2 ? UINT64_MAX : 0);
}

static void lie_about_node(struct node_bell *bell)
{
	atomic_store(&bell->sleeping, 0);
	atomic_fetch_add(&bell->seq, rounds & 4);
	for (unsigned i = 0; i < SHM_NODE_NEWS_WORDS; i++)
		atomic_store(&bell->news[i], rounds & 2 ? UINT64_MAX : 0);
}

static void lie_about_channel(struct channel_page *channel)
{
	for (int side = 0; side < 2; side++) {
		atomic_store(&channel->copy_busy[side], 1);
		atomic_store(&channel->copy_pid[side], 1);
		atomic_store(&channel->node[side], (int)rounds);
		atomic_fetch_add(&channel->notify[side].posted, 1);
		atomic_store(&channel->line[side].word, (uint64_t)rounds << 20);
		atomic_store(&channel->withdraw[side], (uint64_t)rounds >> 4);
	}
	atomic_store(&channel->dead, rounds & 3);
}

static void be_cunning(uint8_t *bytes)
{
	uint32_t magic = *(uint32_t *)bytes;

	if (magic == SHM_MAGIC_BELL)
		lie_about_bell((struct bell_page *)bytes);
	else if (magic == SHM_MAGIC_NODE)
		lie_about_node((struct node_bell *)bytes);
	else if (magic == SHM_MAGIC_CHANNEL)
		lie_about_channel((struct channel_page *)bytes);
	else
		atomic_store(&((struct status_page *)bytes)->in_control, 1);
}

static void write_page(const char *kind, uint8_t *bytes)
{
	if (!strcmp(kind, "zeros"))
		memset(bytes, 0, SHM_PAGE_BYTES);
	else if (!strcmp(kind, "ones"))
		memset(bytes, 0xff, SHM_PAGE_BYTES);
	else if (!strcmp(kind, "flips"))
		be_flips(bytes);
	else if (!strcmp(kind, "cunning"))
		be_cunning(bytes);
	else
		be_random(bytes);
}

static void nap(long us)
{
	struct timespec time = { us / 1000000, us % 1000000 * 1000 };

	if (us)
		nanosleep(&time, NULL);
}

int main(int argc, char **argv)
{
	message m = { .m_type = 1 };
	long pause_us;

	if (argc < 6) {
		fprintf(stderr, "usage: hostile DCID EP KIND PAUSE_US SERVER_EP...\n");
		return 2;
	}
	if (dvk_open() < 0 || (dvk_wait4bind_T(0) < EDVSERRCODE &&
			       dvk_bind((int)strtol(argv[1], NULL, 10),
					(int)strtol(argv[2], NULL, 10)) < EDVSERRCODE)) {
		fprintf(stderr, "hostile: not bound\n");
		return 1;
	}
	pause_us = strtol(argv[4], NULL, 10);
	for (int i = 5; i < argc; i++)
		dvk_sendrec_T((int)strtol(argv[i], NULL, 10), &m, 1000);
	find_pages();
	prng_init(&prng, (uint64_t)getpid());
	printf("%d pages\n", pages);
	fflush(stdout);
	for (;; rounds++) {
		for (int i = 0; i < pages; i++)
			write_page(argv[3], page[i]);
		while (!strcmp(argv[3], "once"))
			nap(1000000);
		nap(pause_us);
	}
}
