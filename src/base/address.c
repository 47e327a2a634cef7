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

static const char no_length[] =
	"the length of a network follows, as in 192.0.2.10/24 or 2001:db8::10/64";

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

#define V4_BITS (V4_AT * 8) /* that all IPv4 addresses have in common */

static uint32_t bits_in_form(const struct address_net *net)
{
	return net->prefix + (address_is_v4(net->address) ? V4_BITS : 0);
}

const char *address_net_check(const struct address_net *net)
{
	const char *wrong = address_check(net->address);

	if (wrong)
		return wrong;
	return net->prefix && net->prefix <= ADDRESS_BYTES * 8 &&
			       bits_in_form(net) <= ADDRESS_BYTES * 8
		       ? NULL
		       : no_length;
}

/* Up to three digits, which end the text; 0: it is something else. */
static uint32_t length_of(const char *text)
{
	uint32_t length = 0;
	int digits = 0;

	for (; text[digits] >= '0' && text[digits] <= '9' && digits < 3; digits++)
		length = length * 10 + (uint32_t)(text[digits] - '0');
	return text[digits] ? 0 : length;
}

const char *address_net_parse(struct address_net *net, const char *text)
{
	struct address_net read = { .prefix = 0 };
	size_t end = 0;
	const char *wrong;

	while (text[end] && text[end] != '/')
		end++;
	wrong = address_parse(&read.address, text, end);
	if (wrong)
		return wrong;
	read.prefix = text[end] ? length_of(text + end + 1) : 0;
	wrong = address_net_check(&read);
	if (!wrong)
		*net = read;
	return wrong;
}

const char *address_net_print(const struct address_net *net, char text[ADDRESS_NET_TEXT])
{
	size_t at = 0;

	assert(net->prefix < 1000);
	address_print(net->address, text);
	while (text[at])
		at++;
	text[at++] = '/';
	for (uint32_t unit = 100; unit; unit /= 10)
		if (net->prefix >= unit || unit == 1)
			text[at++] = (char)('0' + net->prefix / unit % 10);
	text[at] = 0;
	return text;
}

bool address_net_has(const struct address_net *net, struct address address)
{
	uint32_t bits = bits_in_form(net), whole = bits / 8;

	assert(bits <= ADDRESS_BYTES * 8);
	if (memcmp(net->address.byte, address.byte, whole))
		return false;
	return !(bits % 8) || !((net->address.byte[whole] ^ address.byte[whole]) >> (8 - bits % 8));
}
