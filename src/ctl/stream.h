/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CTL_STREAM_H
#define DVS_CTL_STREAM_H

/*
 * The output of a process, as it comes in CTL_DATA packets: straight to standard output, or kept until the end
 * for a JSON document.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/refusal.h"
#include "client/client.h"

struct stream {
	bool keep;
	bool from_start; /* all of it was asked for: bytes that are missing before the first are a gap */
	uint64_t dropped; /* how many those are; when not kept, a line on standard output says so */
	char *text;	  /* owned, when kept */
	size_t length;
	int64_t value; /* of the END */
};

/* Reads up to the END (0, with its value) or an error. Rows are skipped. */
int stream_follow(struct stream *stream, struct client *client, struct refusal *refusal);
void stream_deinit(struct stream *stream);

#endif
