/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A stream of frames as a hostile peer would send it, cut as a link cuts it. A frame that is decoded
 * must come back byte for byte when it is encoded again.
 */

#include <stdlib.h>
#include <string.h>

#include "wire/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t again(uint8_t *buf, const struct frame_head *head, const uint8_t *body)
{
	struct frame_hello hello;
	struct frame_line line;
	struct frame_notify notify;
	struct frame_offer offer;
	uint16_t kind;

	struct frame_ping ping;

	switch (head->type) {
	case FRAME_HELLO:
		return frame_decode_hello(&hello, body) ? 0 : frame_encode_hello(buf, &hello);
	case FRAME_LINE:
		return frame_decode_line(&line, body) ? 0 : frame_encode_line(buf, &line);
	case FRAME_NOTIFY:
		return frame_decode_notify(&notify, body) ? 0 : frame_encode_notify(buf, &notify);
	case FRAME_OFFER:
		return frame_decode_offer(&offer, body) ? 0 : frame_encode_offer(buf, &offer);
	case FRAME_PING:
	case FRAME_PONG:
		frame_decode_ping(&ping, body);
		return frame_encode_ping(buf, head->type, &ping);
	case FRAME_MESSAGE:
		if (frame_decode_message(&kind, body))
			return 0;
		return frame_encode_message(buf, kind, head->body_bytes - FRAME_MESSAGE_HEAD_BYTES);
	default:
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	while (size >= FRAME_HEAD_BYTES) {
		uint8_t buf[256];
		struct frame_head head;
		size_t bytes;

		if (frame_decode_head(&head, data) || size < FRAME_HEAD_BYTES + head.body_bytes)
			break;
		bytes = again(buf, &head, data + FRAME_HEAD_BYTES);
		if (bytes && memcmp(buf, data, bytes))
			abort();
		data += FRAME_HEAD_BYTES + head.body_bytes;
		size -= FRAME_HEAD_BYTES + head.body_bytes;
	}
	return 0;
}
