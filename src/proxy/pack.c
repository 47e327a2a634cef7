/* SPDX-License-Identifier: Apache-2.0 */

#include "proxy/pack.h"

#include <assert.h>
#include <errno.h>
#include <lz4frame.h>
#include <stdlib.h>

#define LEVEL_THOROUGH 4 /* of LZ4 HC: twice the time of the next lower one saves next to nothing */

struct pack {
	LZ4F_dctx *opener;
	uint32_t data_max;
	size_t size;
	uint8_t *out; /* PACK_HEAD_ROOM and `size` */
};

static LZ4F_preferences_t preferences(int level, uint32_t bytes)
{
	return (LZ4F_preferences_t){
		.frameInfo = { .blockSizeID = LZ4F_max256KB,
			       .blockMode = LZ4F_blockIndependent,
			       .contentChecksumFlag = LZ4F_contentChecksumEnabled,
			       .contentSize = bytes },
		.compressionLevel = level > 1 ? LEVEL_THOROUGH : 0,
	};
}

struct pack *pack_new(uint32_t data_max)
{
	assert(data_max > 0);
	LZ4F_preferences_t largest = preferences(2, data_max);
	struct pack *pack = calloc(1, sizeof(*pack));

	if (!pack)
		return NULL;
	pack->data_max = data_max;
	pack->size = LZ4F_compressFrameBound(data_max, &largest);
	pack->out = malloc(PACK_HEAD_ROOM + pack->size);
	if (!pack->out ||
	    LZ4F_isError(LZ4F_createDecompressionContext(&pack->opener, LZ4F_VERSION)))
		return pack_free(pack);
	return pack;
}

struct pack *pack_free(struct pack *pack)
{
	if (!pack)
		return NULL;
	LZ4F_freeDecompressionContext(pack->opener);
	free(pack->out);
	free(pack);
	return NULL;
}

uint32_t pack_block(struct pack *pack, int level, const uint8_t *data, uint32_t bytes,
		    uint8_t **packedp)
{
	assert(level > 0);
	LZ4F_preferences_t how = preferences(level, bytes);
	size_t packed = 0;

	*packedp = pack->out + PACK_HEAD_ROOM;
	if (bytes <= pack->data_max)
		packed = LZ4F_compressFrame(*packedp, pack->size, data, bytes, &how);
	return LZ4F_isError(packed) || packed >= bytes ? 0 : (uint32_t)packed;
}

int pack_open(struct pack *pack, const uint8_t *packed, uint32_t bytes, uint8_t *data,
	      uint32_t data_bytes)
{
	size_t from = 0, to = 0, more = 1;

	/* Each turn eats or makes something, or the rest is not there. */
	while (more && from < bytes) {
		size_t eaten = bytes - from, made = data_bytes - to;

		more = LZ4F_decompress(pack->opener, data + to, &made, packed + from, &eaten, NULL);
		if (LZ4F_isError(more) || (!eaten && !made))
			break;
		from += eaten;
		to += made;
		assert(from <= bytes);
		assert(to <= data_bytes);
	}
	if (!more && from == bytes && to == data_bytes)
		return 0;
	LZ4F_resetDecompressionContext(pack->opener);
	return -EBADMSG;
}
