/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/group.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define VERSION_MOST	 0xff
#define HELLO_ADDRESS_AT 16u
#define HELLO_NAME_AT	 (HELLO_ADDRESS_AT + ADDRESS_BYTES)

static void put32(uint8_t *out, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(v >> 8 * i);
}

static uint32_t get32(const uint8_t *in)
{
	return in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

void group_number_encode(uint8_t buf[8], uint64_t number)
{
	put32(buf, (uint32_t)number);
	put32(buf + 4, (uint32_t)(number >> 32));
}

uint64_t group_number_decode(const uint8_t buf[8])
{
	return get32(buf) | (uint64_t)get32(buf + 4) << 32;
}

void group_header_encode(uint8_t buf[GROUP_HEADER_BYTES], enum group_kind kind, uint32_t bytes)
{
	put32(buf, GROUP_VERSION | (uint32_t)kind << 16);
	put32(buf + 4, bytes);
}

int group_header_decode(struct group_header *header, const uint8_t buf[GROUP_HEADER_BYTES])
{
	static const struct {
		uint32_t least, most;
	} length[GROUP_KIND_LAST + 1] = {
		[GROUP_HELLO] = { GROUP_HELLO_BYTES, GROUP_HELLO_BYTES },
		[GROUP_WELCOME] = { GROUP_WELCOME_BYTES, GROUP_WELCOME_BYTES },
		[GROUP_COMMAND] = { COMMAND_BYTES, COMMAND_BYTES },
		[GROUP_DELIVER] = { GROUP_DELIVER_BYTES, GROUP_DELIVER_BYTES },
		[GROUP_ASK] = { GROUP_ASK_BYTES, GROUP_ASK_BYTES },
		[GROUP_STATE] = { GROUP_STATE_HEAD, GROUP_STATE_HEAD + GROUP_STATE_MAX },
		[GROUP_QUORUM] = { GROUP_QUORUM_BYTES, GROUP_QUORUM_BYTES },
		[GROUP_OUT] = { GROUP_QUORUM_BYTES, GROUP_QUORUM_BYTES },
		[GROUP_PING] = { GROUP_QUORUM_BYTES, GROUP_QUORUM_BYTES },
		[GROUP_RESUME] = { GROUP_RESUME_BYTES, GROUP_RESUME_BYTES },
		[GROUP_ASIDE] = { GROUP_ASIDE_BYTES, GROUP_ASIDE_BYTES },
		[GROUP_RESTORE] = { GROUP_RESTORE_HEAD, GROUP_RESTORE_HEAD + GROUP_STATE_MAX },
	};
	uint32_t word = get32(buf), kind = word >> 16, bytes = get32(buf + 4);

	/* A version says that it is one: nonsense is no other release. */
	if (!kind || kind > GROUP_KIND_LAST || (word & 0xffff) > VERSION_MOST)
		return -EBADMSG;
	if ((word & 0xffff) != GROUP_VERSION)
		return -EPROTO;
	if (bytes < length[kind].least || bytes > length[kind].most)
		return -EBADMSG;
	header->kind = (uint16_t)kind;
	header->bytes = bytes;
	return 0;
}

void group_hello_encode(uint8_t buf[GROUP_HELLO_BYTES], const struct group_hello *hello)
{
	assert(!hello->name[GROUP_NAME_BYTES - 1]);
	put32(buf, (uint32_t)hello->node);
	put32(buf + 4, 0);
	group_number_encode(buf + 8, hello->secret);
	memcpy(buf + HELLO_ADDRESS_AT, hello->address.byte, ADDRESS_BYTES);
	memcpy(buf + HELLO_NAME_AT, hello->name, GROUP_NAME_BYTES);
	protocol_encode(buf + HELLO_NAME_AT + GROUP_NAME_BYTES, &hello->speaker);
}

int group_hello_decode(struct group_hello *hello, const uint8_t buf[GROUP_HELLO_BYTES])
{
	uint64_t secret = group_number_decode(buf + 8);
	uint32_t node = get32(buf);

	if (node >= NR_NODES || get32(buf + 4) || !secret ||
	    buf[HELLO_NAME_AT + GROUP_NAME_BYTES - 1])
		return -EBADMSG;
	hello->node = (int32_t)node;
	memcpy(hello->address.byte, buf + HELLO_ADDRESS_AT, ADDRESS_BYTES);
	hello->secret = secret;
	memcpy(hello->name, buf + HELLO_NAME_AT, GROUP_NAME_BYTES);
	return protocol_decode(&hello->speaker, buf + HELLO_NAME_AT + GROUP_NAME_BYTES);
}

struct command group_hello_join(const struct group_hello *hello)
{
	struct command join = { .version = COMMAND_VERSION,
				.kind = COMMAND_NODE_JOIN,
				.origin = hello->node,
				.node = hello->node,
				.address = hello->address,
				.secret = hello->secret };

	_Static_assert(sizeof(join.name) == sizeof(hello->name), "a node's name fits");
	memcpy(join.name, hello->name, sizeof(join.name));
	return join;
}

void group_welcome_encode(uint8_t buf[GROUP_WELCOME_BYTES], const struct group_welcome *welcome)
{
	put32(buf, (uint32_t)welcome->result);
	put32(buf + 4, welcome->protocol);
}

int group_welcome_decode(struct group_welcome *welcome, const uint8_t buf[GROUP_WELCOME_BYTES])
{
	int32_t value = (int32_t)get32(buf);

	uint32_t protocol = get32(buf + 4);

	if (value > 0 || value < -4095 || protocol > UINT16_MAX)
		return -EBADMSG;
	welcome->result = value;
	welcome->protocol = (uint16_t)protocol;
	return 0;
}

void group_resume_encode(uint8_t buf[GROUP_RESUME_BYTES], int32_t node, uint64_t order)
{
	assert(order);
	put32(buf, (uint32_t)node);
	put32(buf + 4, 0);
	group_number_encode(buf + 8, order);
}

int group_resume_decode(int32_t *node, uint64_t *order, const uint8_t buf[GROUP_RESUME_BYTES])
{
	uint32_t number = get32(buf);

	*order = group_number_decode(buf + 8);
	if (number >= NR_NODES || get32(buf + 4) || !*order)
		return -EBADMSG;
	*node = (int32_t)number;
	return 0;
}
