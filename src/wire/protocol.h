/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_WIRE_PROTOCOL_H
#define DVS_WIRE_PROTOCOL_H

/*
 * The versions that this build speaks. Between nodes there is one number, the *protocol*: it stands for a version of
 * each format that one node writes and another one reads (protocol.c lists them). Every speaker states the lowest and
 * the highest protocol that it speaks and the release that it is of, and two speakers use the highest that both speak.
 * If there is none then both sides refuse each other and say so.
 *
 * Formats that stay on one machine (a daemon and its successor, its inits, its programs) have versions of their own.
 * test/compat keeps recorded bytes of each.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROTOCOL_LEAST 8u
#define PROTOCOL_MOST  8u

#define DIRECTORY_VERSION 8u /* core/directory_image.c */
#define LANE_VERSION	  1u /* wire/lane.h: a lane's HELLO says the protocol */

#define PROTOCOL_RELEASE_BYTES 12u
#define PROTOCOL_BYTES	       (4u + PROTOCOL_RELEASE_BYTES)

struct protocol_speaker {
	uint16_t least, most;
	char release[PROTOCOL_RELEASE_BYTES]; /* terminated; for people */
};

struct protocol_format {
	const char *name;
	uint32_t version;
	bool between_nodes; /* part of the protocol */
};

/* Hidden: read without a table of addresses, which the pure floors have none of. */
extern const struct protocol_speaker protocol_own __attribute__((visibility("hidden")));
extern const struct protocol_format protocol_formats[];
extern const size_t protocol_format_count;

/* The protocol that both speak, or 0: there is none. */
uint16_t protocol_common(const struct protocol_speaker *a, const struct protocol_speaker *b);

void protocol_encode(uint8_t buf[PROTOCOL_BYTES], const struct protocol_speaker *speaker);
/* 0 or -EBADMSG: no range, or a release that does not end. */
int protocol_decode(struct protocol_speaker *speaker, const uint8_t buf[PROTOCOL_BYTES]);

#endif
