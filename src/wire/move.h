/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_WIRE_MOVE_H
#define DVS_WIRE_MOVE_H

/*
 * The dialogue of the two daemons of a migration on its own connection, around the checkpoint
 * records of wire/image.h:
 *
 *	source                              target
 *	MOVE_OFFER + inventory     -->
 *	                           <--      MOVE_VERDICT (checked)
 *	[files that the target wants, to and fro, and another verdict]
 *	[START ordered, process frozen]
 *	MOVE_STATEs + checkpoint   -->
 *	                           <--      MOVE_VERDICT (loaded and held)
 *	[COMMIT ordered]
 *	                           <--      MOVE_VERDICT (running)
 *	MOVE_SIGNALS               -->      sends them to the process
 *
 * Fixed widths, little-endian; each record is a head and `bytes` of payload. The head stands under a
 * checksum of its own, so that a damaged length makes nobody wait for bytes that never come, and the
 * payload under another. Both find damage; that it is a node at the other end the gate has proven
 * (proxy/gate.h). The offer and the state name the process, and the target compares them with
 * the directory.
 *
 * The endpoint that the move is asked for comes first everywhere, then its fellows in the order of the offer: each has
 * a MOVE_STATE. The log of the processes is in the first.
 */

#include <stdint.h>

#include "wire/command.h"
#include "wire/ctl.h"
#include "wire/shm.h"

#define MOVE_MAGIC     0x4d535644u
#define MOVE_VERSION   8
#define MOVE_STATE_MAX (4u << 20)

enum move_record {
	MOVE_OFFER = 1,
	MOVE_VERDICT = 2,
	MOVE_STATE = 3,
	MOVE_SIGNALS = 4
};

struct move_head {
	uint32_t magic;
	uint16_t version;
	uint16_t record; /* enum move_record */
	uint32_t bytes;
	uint32_t pad;
	uint64_t payload_hash; /* base/hash.h */
	uint64_t head_hash;    /* of all fields before it */
};

/* An endpoint that moves along. */
struct move_fellow {
	int32_t endpoint, vpid;
	uint32_t generation, pad;
	char name[16];
};

struct move_offer {
	int32_t dcid, p_nr, endpoint, vpid;
	uint32_t generation;
	uint32_t dry_run;
	uint32_t dc_generation;
	int32_t source, target;
	uint32_t carries; /* 1: files that the target lacks are sent */
	uint64_t order;	  /* that the source has applied: the target has to have, too, to judge */
	char name[16];
	int32_t root; /* number of the first process, of which all others descend, inside the DC */
	uint32_t fellows;
	struct move_fellow fellow[COMMAND_FELLOWS_MAX];
};

struct move_verdict {
	int32_t error; /* 0: as wished */
	int32_t pid;   /* of the shell, as the target sees it */
	uint64_t ns;   /* time the step took at the target */
	uint32_t
		wants; /* 1: of the offer: files are lacking, see wire/image.h; another verdict follows */
	uint32_t pad;
	char reason[CTL_SENTENCE];
};

/* Signals that reached the frozen copy of a process after its state was sent: bit n-1 for signal n. */
struct move_signals {
	int32_t vpid;
	uint32_t more; /* 1: those of another process follow */
	uint64_t bits;
};

/* One channel of the process: side [0] is the process's own line, [1] its peer's. */
struct move_channel {
	int32_t peer_nr;
	int32_t peer_endpoint;
	struct channel_image image;
};

/* Followed by channel_count move_channels and log_bytes of the process's log. */
struct move_state {
	uint32_t move;
	int32_t dcid, endpoint, vpid;
	uint32_t generation;
	uint32_t channel_count;
	uint64_t
		log_start; /* offset of the first log byte carried, counted from the process's start */
	uint32_t log_bytes;
	uint32_t bell_seq;
	uint64_t news[SHM_NEWS_WORDS];
	/* status page */
	uint32_t rts_flags, misc_flags;
	int32_t getfrom, sendto, waitunbind;
	uint32_t waitbind, hardware;
	int32_t latch;
	uint32_t log_limit; /* of log_bytes, wherever the process goes */
	uint32_t rights;    /* the count goes on: a request from before the move is made again */
	uint32_t attached, pad;
	uint64_t lclsent, rmtsent, lclcopy, rmtcopy, waits;
	priv_usr_t priv;
};

void move_head_fill(struct move_head *head, enum move_record record, const void *payload,
		    uint32_t bytes);
/* 0; -EPROTO: of another version; -EBADMSG: damaged, or of another kind than is due. */
int move_head_check(const struct move_head *head, enum move_record record);
/* payload has head.bytes. 0 or -EBADMSG. */
int move_payload_check(const struct move_head *head, const void *payload);
/* Whether its numbers are in their ranges, its endpoints different ones, and its names end. 0 or -EBADMSG. */
int move_offer_check(const struct move_offer *offer);

#endif
