/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_PROXY_PACK_H
#define DVS_PROXY_PACK_H

/*
 * Packs blocks of bytes with LZ4, each by itself, with a checksum: a part that is damaged on the way is
 * refused. One struct pack belongs to one thread at a time.
 */

#include <stdint.h>

struct pack;

/* NULL without memory. `data_max`: bytes of the largest block. */
struct pack *pack_new(uint32_t data_max);
struct pack *pack_free(struct pack *pack); /* returns NULL */

/* Room before packed bytes, for a head that is to be sent together with them. */
#define PACK_HEAD_ROOM 16u

/*
 * Packs a block; level 1 is quick, 2 thorough. Its packed bytes, which lie at *packedp until the next
 * call, behind PACK_HEAD_ROOM that the caller may write; 0 if it did not get shorter.
 */
uint32_t pack_block(struct pack *pack, int level, const uint8_t *data, uint32_t bytes,
		    uint8_t **packedp);
/*
 * Exactly `data_bytes` (at most data_max) from `bytes` of packed ones, which may be anything at all.
 * 0 or -EBADMSG; then the bytes in data are of no use.
 */
int pack_open(struct pack *pack, const uint8_t *packed, uint32_t bytes, uint8_t *data,
	      uint32_t data_bytes);

#endif
