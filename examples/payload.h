/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The messages between migr_client and migr_server.
 *
 *		request, m_type PAYLOAD_REQUEST		answer, m_type result of the copies
 *	m1_i1	bytes					the same
 *	m1_i2	sequence number, from 1			the same
 *	m1_i3	session of the client			requests of the session handled so far
 *	m1_p1	where the bytes are			sequence number handled before, or 0
 *	m1_p2	checksum of the bytes			checksum of the changed bytes
 *	m1_p3						PAYLOAD_ faults that were found
 *
 * The server copies the bytes in, checks them, changes each in a known way and copies them back.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAYLOAD_REQUEST 16077022

#define PAYLOAD_DAMAGED 0x1 /* the bytes that arrived are not those of the checksum */
#define PAYLOAD_MEMORY	0x2 /* the server found its own memory changed */

/* Fills bytes with the pattern that seed stands for; the same seed gives the same bytes. */
void payload_fill(unsigned char *bytes, size_t size, uint64_t seed);

/* The change a server makes. */
void payload_change(unsigned char *bytes, size_t size);

/* Differs, in all likelihood, if any byte or the order of two differs. */
uint64_t payload_checksum(const unsigned char *bytes, size_t size);

/* Whether bytes are those of seed, changed once. */
bool payload_is_changed(const unsigned char *bytes, size_t size, uint64_t seed);
