/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_BASE_ADDRESS_H
#define DVS_BASE_ADDRESS_H

/*
 * The address of a machine, of IPv4 or of IPv6, in one form: 16 bytes in network order, an IPv4 address as
 * ::ffff:A.B.C.D. So each address has one form, and equal ones have equal bytes. All 0 is no address; where one is
 * listened at it is all of both families.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ADDRESS_BYTES 16

struct address {
	uint8_t byte[ADDRESS_BYTES];
};

#define ADDRESS_NONE ((struct address){ { 0 } })

/* The longest text, and its end. */
#define ADDRESS_TEXT 46

static inline bool address_same(struct address a, struct address b)
{
	return !memcmp(a.byte, b.byte, ADDRESS_BYTES);
}

static inline bool address_is_set(struct address address)
{
	return !address_same(address, ADDRESS_NONE);
}

/* The IPv4 address of 4 bytes. */
static inline struct address address_v4(const uint8_t byte[4])
{
	return (struct address){ { [10] = 0xff, 0xff, byte[0], byte[1], byte[2], byte[3] } };
}

bool address_is_v4(struct address address);

/* NULL: it can be the address of a machine that others call. Else the rule that it breaks, as the end of a sentence. */
const char *address_check(struct address address);

/* The address that len bytes of text name; NULL, or the rule that they break as above. */
const char *address_parse(struct address *address, const char *text, size_t len);

/* As people write it: 192.0.2.10, 2001:db8::10. Returns the text. */
const char *address_print(struct address address, char text[ADDRESS_TEXT]);

/* An address and the length of its network, as in 192.0.2.10/24. */
struct address_net {
	struct address address;
	uint32_t prefix; /* bits: 1 to 32 of IPv4, 1 to 128 of IPv6 */
};

/* The longest text, and its end. */
#define ADDRESS_NET_TEXT (ADDRESS_TEXT + 4)

/* Both as address_check() and address_parse(); the text has a length. */
const char *address_net_check(const struct address_net *net);
const char *address_net_parse(struct address_net *net, const char *text);
const char *address_net_print(const struct address_net *net, char text[ADDRESS_NET_TEXT]);

/* Whether the address is of the network. */
bool address_net_has(const struct address_net *net, struct address address);

/*
 * The party that a stranger at this address may be. One machine has one IPv4 address as a rule, and all 2^64 addresses
 * of its IPv6 network if it wants: that network stands for it.
 */
struct address address_network(struct address address);

#endif
