/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/protocol.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "wire/command.h"
#include "wire/council.h"
#include "wire/ctl.h"
#include "wire/frame.h"
#include "wire/group.h"
#include "wire/handover.h"
#include "wire/image.h"
#include "wire/init.h"
#include "wire/join.h"
#include "wire/move.h"
#include "wire/shm.h"

/* Another version of any of these is another protocol: raise PROTOCOL_MOST, and record (test/compat/compat.c). */
_Static_assert(PROTOCOL_MOST == 8 && FRAME_VERSION == 8 && LANE_VERSION == 1 && MOVE_VERSION == 8 &&
		       IMAGE_VERSION == 13 && COMMAND_VERSION == 6 && DIRECTORY_VERSION == 8 &&
		       COUNCIL_VERSION == 4 && GROUP_VERSION == 7 && JOIN_VERSION == 2,
	       "a protocol is a version of each format");
_Static_assert(PROTOCOL_LEAST &&PROTOCOL_LEAST <= PROTOCOL_MOST, "a range");

const struct protocol_format protocol_formats[] = {
	{ "frame", FRAME_VERSION, true },     { "lane", LANE_VERSION, true },
	{ "move", MOVE_VERSION, true },	      { "image", IMAGE_VERSION, true },
	{ "command", COMMAND_VERSION, true }, { "directory", DIRECTORY_VERSION, true },
	{ "council", COUNCIL_VERSION, true }, { "group", GROUP_VERSION, true },
	{ "join", JOIN_VERSION, true },	      { "handover", HANDOVER_VERSION, false },
	{ "pages", SHM_VERSION, false },      { "inits", INIT_WIRE_VERSION, false },
	{ "control", CTL_VERSION, false },
};
const size_t protocol_format_count = sizeof(protocol_formats) / sizeof(*protocol_formats);

/* A program for a test says that it is of another release (node/meson.build). */
#ifndef PROTOCOL_SAID
#define PROTOCOL_SAID PROTOCOL_LEAST, PROTOCOL_MOST
#endif
const struct protocol_speaker protocol_own = { PROTOCOL_SAID, DVS_RELEASE };
_Static_assert(sizeof(DVS_RELEASE) <= PROTOCOL_RELEASE_BYTES, "the name of the release fits");

uint16_t protocol_common(const struct protocol_speaker *a, const struct protocol_speaker *b)
{
	uint16_t most = a->most < b->most ? a->most : b->most;
	uint16_t least = a->least > b->least ? a->least : b->least;

	return least <= most ? most : 0;
}

void protocol_encode(uint8_t buf[PROTOCOL_BYTES], const struct protocol_speaker *speaker)
{
	assert(!speaker->release[PROTOCOL_RELEASE_BYTES - 1]);
	buf[0] = (uint8_t)speaker->least;
	buf[1] = (uint8_t)(speaker->least >> 8);
	buf[2] = (uint8_t)speaker->most;
	buf[3] = (uint8_t)(speaker->most >> 8);
	memcpy(buf + 4, speaker->release, PROTOCOL_RELEASE_BYTES);
}

int protocol_decode(struct protocol_speaker *speaker, const uint8_t buf[PROTOCOL_BYTES])
{
	speaker->least = (uint16_t)(buf[0] | buf[1] << 8);
	speaker->most = (uint16_t)(buf[2] | buf[3] << 8);
	memcpy(speaker->release, buf + 4, PROTOCOL_RELEASE_BYTES);
	if (!speaker->least || speaker->least > speaker->most)
		return -EBADMSG;
	const char *end = memchr(speaker->release, 0, PROTOCOL_RELEASE_BYTES);
	size_t length = end ? (size_t)(end - speaker->release) : 0;

	if (!end)
		return -EBADMSG;
	for (size_t i = 0; i < length; i++)
		if (speaker->release[i] < ' ' || speaker->release[i] > '~')
			return -EBADMSG;
	/* One release has one form: a decoded one is encoded as it was. */
	for (size_t i = length; i < PROTOCOL_RELEASE_BYTES; i++)
		if (speaker->release[i])
			return -EBADMSG;
	return 0;
}
