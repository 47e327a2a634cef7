/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_ASK_ASKER_TEST_H
#define DVS_NODE_ASK_ASKER_TEST_H

/* An asker that notes its answer, for the tests of handlers: an answer to a client comes here. */

#include <string.h>

#include "base/test.h"
#include "node/ask/request.h"

#define ANSWER_BYTES 2048

struct answer {
	unsigned ends; /* 1 once it is answered; more would be a fault */
	int error;
	int64_t value;
	char sentence[CTL_SENTENCE];
	_Alignas(16) uint8_t payload[ANSWER_BYTES];
	uint32_t bytes;
	uint64_t data; /* bytes of CTL_DATA */
	unsigned rows; /* of the last one: */
	_Alignas(16) uint8_t row[ANSWER_BYTES];
};

TEST_LOOKS_UNUSED static void answer_told(void *asker, int node, const struct ctl_reply *reply,
					  const void *payload)
{
	struct answer *answer = asker;

	(void)node;
	CHECK(reply->payload_bytes <= ANSWER_BYTES);
	if (reply->packet == CTL_ROW && reply->payload_bytes <= ANSWER_BYTES) {
		answer->rows++;
		memcpy(answer->row, payload, reply->payload_bytes);
	}
	if (reply->packet == CTL_DATA)
		answer->data += reply->payload_bytes;
	if (reply->packet != CTL_END)
		return;
	answer->ends++;
	answer->error = reply->error;
	answer->value = reply->value;
	memcpy(answer->sentence, reply->sentence, sizeof(answer->sentence));
	if (reply->payload_bytes <= ANSWER_BYTES && payload) {
		answer->bytes = reply->payload_bytes;
		memcpy(answer->payload, payload, reply->payload_bytes);
	}
}

/* By root, for this node. */
TEST_LOOKS_UNUSED static struct request *asker_request(struct requests *requests, int call,
						       struct answer *answer)
{
	struct request *request = request_new(requests);

	memset(answer, 0, sizeof(*answer));
	request->told = answer_told;
	request->asker = answer;
	request->head.magic = CTL_MAGIC;
	request->head.version = CTL_VERSION;
	request->head.call = (uint16_t)call;
	request->head.node = -1;
	return request;
}

#endif
