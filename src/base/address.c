/* SPDX-License-Identifier: Apache-2.0 */
#include "base/address.h"

#include <arpa/inet.h>
#include <assert.h>

#define V4_AT		 12  /* the place of an IPv4 address among the bytes */
#define V4_GROUPS	 224 /* first byte of the lowest address of a group, or of all */
#define V6_GROUPS	 0xff
#define V6_NETWORK_BYTES 8

_Static_assert(ADDRESS_TEXT == INET6_ADDRSTRLEN, "the longest text has room");

static const char no_address[] =
	"an address is one of a machine, in IPv4 or IPv6, such as 192.0.2.10 "
	"or 2001:db8::10";
static const char of_link[] =
	"an address of one link (fe80::) is another machine's on each link: take a "
	"global one, or one of the network's own (fd00::)";

bool address_is_v4(struct address address)
{
	const uint8_t head[V4_AT] = { [10] = 0xff, 0xff };

	return !memcmp(address.byte, head, V4_AT);
}

const char *address_check(struct address address)
{
	const uint8_t *byte = address.byte, first = byte[V4_AT];

	/* 0.x is nobody. */
	if (address_is_v4(address))
		return first > 0 && first < V4_GROUPS ? NULL : no_address;
	if (byte[0] == 0xfe && (byte[1] & 0xc0) == 0x80)
		return of_link;
	return address_is_set(address) && byte[0] != V6_GROUPS ? NULL : no_address;
}

const char *address_parse(struct address *address, const char *text, size_t len)
{
	struct address read;
	char copy[ADDRESS_TEXT];
	uint8_t v4[4];

	if (len >= sizeof(copy))
		return no_address;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (memchr(copy, '%', len))
		return of_link;
	if (memchr(copy, '\0', len))
		return no_address;
	if (inet_pton(AF_INET, copy, v4) == 1)
		read = address_v4(v4);
	else if (inet_pton(AF_INET6, copy, read.byte) != 1)
		return no_address;
	*address = read;
	return address_check(read);
}

const char *address_print(struct address address, char text[ADDRESS_TEXT])
{
	const char *printed = address_is_v4(address)
				      ? inet_ntop(AF_INET, address.byte + V4_AT, text, ADDRESS_TEXT)
				      : inet_ntop(AF_INET6, address.byte, text, ADDRESS_TEXT);

	assert(printed == text);
	return printed;
}

struct address address_network(struct address address)
{
	if (!address_is_v4(address))
		memset(address.byte + V6_NETWORK_BYTES, 0, ADDRESS_BYTES - V6_NETWORK_BYTES);
	return address;
}
