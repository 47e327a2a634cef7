/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Things that a puppet can do with its pages beside the calls: write a message into the line of a channel that
 * it has, as the library would, and ask nobody.
 */
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/line.h"
#include "core/notify.h"
#include "dvk.h"
#include "conformance/puppet.h"

struct pages {
	struct channel_page *channel;
	struct bell_page *bell; /* of the other */
	struct node_bell *node;
	int own_side;
};

/* Its mappings are files in memory, each named for what it is; what they say of themselves is true here. */
static void find_pages(struct pages *pages, int dcid, int peer)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];

	while (maps && fgets(line, sizeof(line), maps)) {
		void *page = (void *)(uintptr_t)strtoull(line, NULL, 16);
		struct channel_page *channel = page;
		struct bell_page *bell = page;

		if (strstr(line, "memfd:dvs-node-bell")) {
			pages->node = page;
		} else if (strstr(line, "memfd:dvs-bell")) {
			if (bell->dcid == dcid && bell->p_nr == peer)
				pages->bell = page;
		} else if (strstr(line, "memfd:dvs-channel")) {
			for (int side = 0; side < 2; side++)
				if (channel->dcid == dcid && !channel->dead &&
				    _ENDPOINT_P(channel->endpoint[side]) == peer) {
					pages->channel = channel;
					pages->own_side = 1 - side;
				}
		}
	}
	if (maps)
		fclose(maps);
}

static void ring(_Atomic uint64_t *news, unsigned bit, _Atomic uint32_t *seq)
{
	atomic_fetch_or(&news[bit / 64], UINT64_C(1) << bit % 64);
	atomic_fetch_add(seq, 1);
	syscall(SYS_futex, seq, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* forge DCID EP OP (0: a notification): the state of the line after 200 ms, and whether the notification waits */
void puppet_forge(const struct order *o, struct answer *answer)
{
	const struct timespec while_others_look = { 0, 200000000 };
	message m = { .m_type = 66 };
	struct pages pages = { 0 };
	struct line *line;
	int peer = (int)o->a[1], own;
	uint64_t word;

	find_pages(&pages, (int)o->a[0], peer);
	if (!pages.channel || !pages.bell || !pages.node) {
		say(answer, -1);
		return;
	}
	own = _ENDPOINT_P(pages.channel->endpoint[pages.own_side]);
	line = &pages.channel->line[pages.own_side];
	if (o->a[2]) {
		line->msg = m;
		word = atomic_load(&line->word);
		atomic_store(&line->word, line_word(line_word_seq(word) + 1, LINE_FULL,
						    (enum line_op)o->a[2], 0));
	} else {
		notify_post(&pages.channel->notify[pages.own_side], own, 3);
	}
	ring(pages.bell->news, (unsigned)shm_index(own), &pages.bell->seq);
	ring(pages.node->news, (unsigned)(o->a[0] * SHM_SLOTS + shm_index(peer)), &pages.node->seq);
	nanosleep(&while_others_look, NULL);
	say(answer, 0);
	say(answer, (long)line_word_state(atomic_load(&line->word)));
	say(answer, notify_pending(&pages.channel->notify[pages.own_side]));
}
