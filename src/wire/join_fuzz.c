/* SPDX-License-Identifier: Apache-2.0 */

/* A message that is decoded comes back byte for byte, and so does the token of an invitation. */

#include <stdlib.h>
#include <string.h>

#include "wire/join.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t ask_bytes[JOIN_ASK_BYTES], answer_bytes[JOIN_ANSWER_BYTES];
	char text[JOIN_TOKEN_TEXT + 1];
	struct roster_node newcomer;
	struct join_answer answer;
	struct join_token token;

	if (size >= JOIN_ASK_BYTES && !join_decode_ask(&newcomer, data)) {
		join_encode_ask(ask_bytes, &newcomer);
		if (memcmp(ask_bytes, data, JOIN_ASK_BYTES) != 0)
			abort();
	}
	if (size >= JOIN_ANSWER_BYTES && !join_decode_answer(&answer, data)) {
		join_encode_answer(answer_bytes, &answer);
		if (memcmp(answer_bytes, data, JOIN_ANSWER_BYTES) != 0 ||
		    join_texts(&answer) > JOIN_TEXTS_MAX)
			abort();
	}
	if (!join_parse_token(&token, (const char *)data, size)) {
		join_print_token(&token, text);
		if (memcmp(text, data, JOIN_TOKEN_TEXT) != 0)
			abort();
	}
	return 0;
}
