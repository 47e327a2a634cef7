/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_PAGES_EXCHANGE_TABLE_H
#define DVS_PAGES_EXCHANGE_TABLE_H

/* Shared by the files of the exchange; nobody else includes this. */

#include <stdatomic.h>
#include <stddef.h>

#include "os/inode.h"
#include "os/kept.h"
#include "pages/exchange.h"

#define EXCHANGE_BUCKETS 4096u /* of channels by slots, and of page names by inode */

/* The name of one memfd that is in use, and all that the next daemon has to know of it. */
struct exchange_name {
	struct os_kept in_state;
	dev_t dev;
	uint64_t ino;
	int fd;			 /* the page's */
	enum bell_holder holder; /* of a bell: as in struct exchange_bell */
	struct page_name name;
	struct exchange_name *next_hash;
};

/* A page that is made before it is known whose it is. */
struct exchange_blank {
	int fd;
	void *page;
	struct os_inode inode;
};

#define EXCHANGE_BLANKS 16u

struct exchange_blanks {
	unsigned count;
	struct exchange_blank at[EXCHANGE_BLANKS];
};

struct exchange {
	int nodeid;
	int node_fd;
	struct node_bell *node_bell;
	uint64_t node_ino;
	struct attention_costs costs;
	struct exchange_bell *bell[SHM_DCS][SHM_SLOTS];
	struct exchange_channel *first[SHM_DCS][SHM_SLOTS]; /* of each slot's list */
	struct exchange_channel *by_slots[EXCHANGE_BUCKETS];
	unsigned channels[SHM_DCS]; /* how many of each DC are linked */
	struct exchange_status *statuses;
	struct exchange_bars bars[SHM_DCS][SHM_SLOTS]; /* of senders of this node */
	struct exchange_name *by_ino[EXCHANGE_BUCKETS];
	struct exchange_blanks blank_bells, blank_statuses;
};

static inline bool exchange_slot_valid(int dcid, int p_nr)
{
	return dcid >= 0 && dcid < SHM_DCS && p_nr >= -SHM_TASKS && p_nr < SHM_SLOTS - SHM_TASKS;
}

/* Makes a page and names it; *pagep, *fdp and *inop are the caller's until exchange_page_retire(). */
int exchange_page_new(struct exchange *exchange, const struct page_name *name, int *fdp,
		      void **pagep, uint64_t *inop);
/* Closes, unmaps and forgets; exchange_recall() still knows what it was. */
void exchange_page_retire(struct exchange *exchange, int fd, void *page, uint64_t ino);
/* Closes those that wait for a name. */
void exchange_blanks_free(struct exchange *exchange);
/* fd stays the caller's. */
int exchange_name_add(struct exchange *exchange, int fd, dev_t dev, uint64_t ino,
		      const struct page_name *page);
/* That of a file, or NULL. */
struct exchange_name *exchange_name_of(struct exchange *exchange, uint64_t ino);
/* The bell of a slot that nobody uses any more. */
void exchange_bell_free(struct exchange *exchange, struct exchange_bell *bell);
/* Enters a channel that is filled in. */
void exchange_channel_link(struct exchange *exchange, struct exchange_channel *channel);

/* Rings the other end of a channel than that of `side`. */
void exchange_ring_peer(struct exchange *exchange, const struct exchange_channel *channel,
			int side);
/* The lines of a channel of which one side has died; see exchange_endpoint_dead(). */
void exchange_channel_end(struct exchange *exchange, struct exchange_channel *channel,
			  int dead_side);

/* Fills in the senders that may not send to the page's process. */
void exchange_bars_show(struct exchange *exchange, struct status_page *page);

/* Tells the process of a slot, in its status page, who has a channel with it. */
void exchange_show_peers(struct exchange *exchange, int dcid, int p_nr);

#endif
