/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/stream.h"
#include "os/socket.h"

#define STANDARD_OUTPUT 1

static int stream_take(struct stream *stream, const void *data, size_t bytes,
		       struct refusal *refusal)
{
	char *text;

	assert(stream->keep || !stream->length);
	if (!stream->keep) {
		int r = os_write_full(STANDARD_OUTPUT, data, bytes, -1);

		if (r == -EPIPE)
			return refusal_set(refusal, EDVSPIPE,
					   "standard output has no reader any more: detached");
		if (r < 0)
			return refusal_set_number(refusal, r == -ENOSPC ? EDVSNOSPC : EDVSIO,
						  "standard output could not be written: %s",
						  strerror(-r));
		return 0;
	}
	text = realloc(stream->text, stream->length + bytes + 1);
	if (!text)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	memcpy(text + stream->length, data, bytes);
	stream->text = text;
	stream->length += bytes;
	return 0;
}

/* A gap, whose bytes the log no longer had, is marked in its place. */
static int stream_begin(struct stream *stream, uint64_t before, struct refusal *refusal)
{
	char mark[96];

	if (!stream->from_start)
		return 0;
	assert(!stream->length);
	stream->from_start = false;
	stream->dropped = before;
	if (!before || stream->keep)
		return 0;
	snprintf(mark, sizeof(mark), "[dvs: %llu earlier bytes are not kept any more]\n",
		 (unsigned long long)before);
	return stream_take(stream, mark, strlen(mark), refusal);
}

int stream_follow(struct stream *stream, struct client *client, struct refusal *refusal)
{
	struct ctl_reply *reply;
	const void *data;
	size_t bytes;
	int r;

	for (;;) {
		r = client_next(client, &reply, &data, &bytes, -1, refusal);
		if (r < 0)
			return r;
		if (r == CTL_END) {
			stream->value = reply->value;
			return 0;
		}
		if (r != CTL_DATA)
			continue;
		r = stream_begin(stream, (uint64_t)reply->value - bytes, refusal);
		if (!r)
			r = stream_take(stream, data, bytes, refusal);
		if (r < 0)
			return r;
	}
}

void stream_deinit(struct stream *stream)
{
	assert(stream->keep || !stream->text);
	free(stream->text);
	stream->text = NULL;
}
