/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_WIRE_LANE_H
#define DVS_WIRE_LANE_H

/*
 * The bytes on a lane, which is a TCP connection that one daemon has made to another for data copies, after
 * a HELLO of FRAME_KIND_COPY. Little-endian, no alignment. One copy at a time:
 *
 *	READ     asker: ASK                         server: DATA* END(bytes, result)
 *	WRITE    asker: ASK DATA* END(bytes, 0)     server: END(bytes written, result)
 *
 * The server of a WRITE may send its END before it has seen the asker's; it throws DATA
 * away that still comes until then. DATA whose bytes are fewer than its data's is packed (proxy/pack.h).
 */

#include <stdint.h>

#include "base/credentials.h"
#include "wire/shm.h"

#define LANE_MAGIC	0x4e4c5644u /* "DVLN" */
#define LANE_ASK_BYTES	(44u + CREDENTIALS_ASKER_BYTES)
#define LANE_PART_BYTES 16u
/*
 * Of one part, unpacked. The link waits for the first part and the writer of the last one has nothing beside it to
 * do, so parts are small; each costs system calls and the lock on both sides, so they are not smaller.
 */
#define LANE_DATA_MAX	(128u * 1024u)

enum lane_op {
	LANE_READ = 1,
	LANE_WRITE = 2,
};

enum lane_part_kind {
	LANE_DATA = 1,
	LANE_PACKED = 2,
	LANE_END = 3,
};

struct lane_ask {
	uint32_t op; /* enum lane_op */
	int32_t dcid;
	uint32_t dc_generation;
	int32_t endpoint; /* whose memory */
	int32_t requester;
	struct asker asker; /* its credentials now, by the word of its node */
	uint64_t addr;
	uint64_t bytes; /* at most MAXCOPYLEN */
};

struct lane_part {
	uint32_t kind;	/* enum lane_part_kind */
	uint32_t data;	/* bytes of data in it; END: how many of the copy are done */
	uint32_t bytes; /* that follow */
	int32_t result; /* END: 0 or an EDVS number */
};

/* buf has LANE_ASK_BYTES, LANE_PART_BYTES. 0, or -EBADMSG for bytes that no sender of ours sends. */
int lane_decode_ask(struct lane_ask *ask, const uint8_t *buf);
int lane_decode_part(struct lane_part *part, const uint8_t *buf);
void lane_encode_ask(uint8_t *buf, const struct lane_ask *ask);
void lane_encode_part(uint8_t *buf, const struct lane_part *part);

#endif
