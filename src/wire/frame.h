/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_WIRE_FRAME_H
#define DVS_WIRE_FRAME_H

/*
 * The bytes on a TCP connection between two nodes. Little-endian, no alignment. A frame is a
 * head and a body:
 *
 *	u16 version | u16 type | u32 body bytes | body
 *
 * The first frame in each direction is HELLO, on a link, on a bulk connection and on a lane alike. No
 * frames follow on the latter two; on a link everything else may come in any order:
 *
 *	LINE     the replica of one line: state and message; and how the line that runs the other way stands
 *	NOTIFY   the replica of one notify word
 *	OFFER    please send me all your lines with this endpoint
 *	PING     answer with a PONG of the same value, and with your clock
 *	MESSAGE  between the two daemons: u16 kind, u16 0, u32 0, then their bytes
 *
 * A decoder checks lengths and ranges; the merge checks the meaning of a line's word.
 */

#include <stddef.h>
#include <stdint.h>

#include "wire/protocol.h"
#include "wire/shm.h"

#define FRAME_VERSION	      8
#define FRAME_MAGIC	      0x4b4c5644u /* "DVLK" */
#define FRAME_CLUSTER_BYTES   32u
#define FRAME_CLUSTER_DEFAULT "dvs"

#define FRAME_HEAD_BYTES	 8u
#define FRAME_HELLO_BYTES	 (80u + PROTOCOL_BYTES)
#define FRAME_LINE_BYTES	 100u
#define FRAME_NOTIFY_BYTES	 48u
#define FRAME_OFFER_BYTES	 12u
#define FRAME_PING_BYTES	 16u
#define FRAME_MESSAGE_HEAD_BYTES 8u

/* Bytes of one node message; the sender cuts longer ones. */
#define FRAME_MESSAGE_MAX (256u * 1024u)
#define FRAME_BODY_MAX	  (FRAME_MESSAGE_HEAD_BYTES + FRAME_MESSAGE_MAX)
#define FRAME_BYTES_MAX	  (FRAME_HEAD_BYTES + FRAME_BODY_MAX)

enum frame_type {
	FRAME_NONE = 0,
	FRAME_HELLO = 1,
	FRAME_LINE = 2,
	FRAME_NOTIFY = 3,
	FRAME_OFFER = 4,
	FRAME_PING = 5,
	FRAME_PONG = 6,
	FRAME_MESSAGE = 7,
	FRAME_TYPES = 8,
};

enum frame_kind {
	FRAME_KIND_LINK = 1,
	FRAME_KIND_BULK = 2,
	FRAME_KIND_COPY = 3, /* a lane: wire/lane.h */
};

struct frame_head {
	uint16_t type; /* enum frame_type */
	uint32_t body_bytes;
};

/*
 * Epoch 0 means "not known"; an incarnation or a secret 0 is refused. The secret is the speaker's own
 * alone: a listener that is no node learns nothing from it that would let it answer as one.
 */
struct frame_hello {
	uint16_t kind; /* enum frame_kind */
	int32_t node;  /* the speaker */
	uint32_t incarnation;
	int32_t peer; /* the node that the speaker believes to speak to */
	uint32_t peer_incarnation;
	uint32_t epoch;	 /* of this link: one more than that of the last the speaker has seen */
	uint64_t secret; /* of the speaker's life; only members of the cluster know it */
	char cluster[FRAME_CLUSTER_BYTES];
	struct protocol_speaker speaker;
};

/* Numbers of DCs are used again: each frame says which of the DCs with that number it means. */
struct frame_line {
	int32_t dcid;
	uint32_t dc_generation;
	int32_t endpoint[2]; /* by side, with generations */
	uint32_t side;	     /* whose line it is */
	uint64_t word;
	uint64_t aux;
	uint64_t withdraw; /* the owner wants the message of this sequence back; 0 no */
	uint64_t fate; /* word of the other line, whose message ended or was taken; 0 nothing new */
	message msg;
};

struct frame_notify {
	int32_t dcid;
	uint32_t dc_generation;
	int32_t endpoint[2];
	uint32_t side; /* whose notifications */
	uint64_t posted;
	uint64_t taken;
	uint64_t bits;
	int32_t nr;
};

struct frame_offer {
	int32_t dcid;
	uint32_t dc_generation;
	int32_t endpoint;
};

struct frame_ping {
	uint64_t value;
	int64_t clock_ns; /* PONG: CLOCK_REALTIME of its sender; PING: 0 */
};

/* buf has FRAME_HEAD_BYTES. 0; -EPROTO: of another version; -EBADMSG: a type, or a length that it cannot have. */
int frame_decode_head(struct frame_head *head, const uint8_t *buf);

/* body has head.body_bytes of its type, which frame_decode_head() checked. 0 or -EBADMSG. */
int frame_decode_hello(struct frame_hello *hello, const uint8_t *body);
/* Head and body, FRAME_HEAD_BYTES + FRAME_HELLO_BYTES, which were both not looked at. Also -EPROTO. */
int frame_read_hello(struct frame_hello *hello, const uint8_t *buf);
int frame_decode_line(struct frame_line *line, const uint8_t *body);
int frame_decode_notify(struct frame_notify *notify, const uint8_t *body);
int frame_decode_offer(struct frame_offer *offer, const uint8_t *body);
void frame_decode_ping(struct frame_ping *ping, const uint8_t *body);
/* The bytes of the message follow the first FRAME_MESSAGE_HEAD_BYTES of the body. */
int frame_decode_message(uint16_t *kind, const uint8_t *body);

/* Each writes head and body, and returns their bytes together. */
size_t frame_encode_hello(uint8_t *buf, const struct frame_hello *hello);
size_t frame_encode_line(uint8_t *buf, const struct frame_line *line);
size_t frame_encode_notify(uint8_t *buf, const struct frame_notify *notify);
size_t frame_encode_offer(uint8_t *buf, const struct frame_offer *offer);
size_t frame_encode_ping(uint8_t *buf, enum frame_type type, const struct frame_ping *ping);
/* Heads only; `bytes` of the message (at most FRAME_MESSAGE_MAX) must follow. */
size_t frame_encode_message(uint8_t *buf, uint16_t kind, uint32_t bytes);

#endif
