/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Reads a stream of frames as both ends of the group protocol do: a length that a header accepts
 * must be one that its kind can have, and a body that a decoder accepts must come back byte for byte.
 */

#include <stdlib.h>
#include <string.h>

#include "wire/group.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_hello(const uint8_t *payload)
{
	uint8_t again[GROUP_HELLO_BYTES];
	struct group_hello hello;

	if (group_hello_decode(&hello, payload))
		return;
	group_hello_encode(again, &hello);
	if (memcmp(again, payload, sizeof(again)) || strlen(hello.name) >= GROUP_NAME_BYTES)
		abort();
	if (!hello.secret || group_hello_join(&hello).secret != hello.secret)
		abort();
}

static void check_welcome(const uint8_t *payload)
{
	uint8_t again[GROUP_WELCOME_BYTES];
	struct group_welcome welcome;

	if (group_welcome_decode(&welcome, payload))
		return;
	group_welcome_encode(again, &welcome);
	if (welcome.result > 0 || memcmp(again, payload, sizeof(again)))
		abort();
}

static void check_command(const uint8_t *payload)
{
	struct command cmd;

	if (!command_decode(&cmd, payload, COMMAND_BYTES) && cmd.kind > COMMAND_LAST)
		abort();
}

static void check_resume(const uint8_t *payload)
{
	uint8_t again[GROUP_RESUME_BYTES];
	uint64_t order;
	int32_t node;

	if (group_resume_decode(&node, &order, payload))
		return;
	group_resume_encode(again, node, order);
	if (node < 0 || node >= NR_NODES || memcmp(again, payload, sizeof(again)))
		abort();
}

static void check_payload(const struct group_header *header, const uint8_t *payload)
{
	uint8_t number[8];

	switch (header->kind) {
	case GROUP_HELLO:
		check_hello(payload);
		break;
	case GROUP_WELCOME:
		check_welcome(payload);
		break;
	case GROUP_COMMAND:
		check_command(payload);
		break;
	case GROUP_DELIVER:
		check_command(payload + 8);
		break;
	case GROUP_RESUME:
		check_resume(payload);
		break;
	default:
		group_number_encode(number, group_number_decode(payload));
		if (memcmp(number, payload, sizeof(number)))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[GROUP_HEADER_BYTES];
	struct group_header header;

	while (size >= GROUP_HEADER_BYTES && !group_header_decode(&header, data)) {
		group_header_encode(again, header.kind, header.bytes);
		if (memcmp(again, data, sizeof(again)))
			abort();
		data += GROUP_HEADER_BYTES;
		size -= GROUP_HEADER_BYTES;
		if (header.bytes > size)
			return 0;
		check_payload(&header, data);
		data += header.bytes;
		size -= header.bytes;
	}
	return 0;
}
