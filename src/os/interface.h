/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_INTERFACE_H
#define DVS_OS_INTERFACE_H

/*
 * Addresses that this program gives to interfaces of its machine (of the network namespace that it is in), for a
 * time: the kernel takes an address away by itself when the time is over and was not prolonged. They have a mark, by
 * which they are found again. Each is one address with no network around it: neither routes nor the source addresses of
 * others change with it.
 *
 * A *hole* drops packets for an address that the machine does not have, silently: no reset, no word of ICMP, no answer
 * to a search for the address's owner. An address that the machine has goes before a hole.
 *
 * Results are 0 or negative errnos. All may wait for the kernel's lock of the network. Needed: CAP_NET_ADMIN, for
 * os_interface_announce() CAP_NET_RAW.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"

#define OS_INTERFACE_NAME 16

struct os_interface {
	uint32_t index;
	char name[OS_INTERFACE_NAME];
};

/* The first one that is up and has an address of that network, other than the given address itself. -ENODEV. */
int os_interface_find(const struct address_net *net, struct os_interface *interface);
/* The one that has this address. -ENODEV. */
int os_interface_with(struct address address, struct os_interface *interface);

/*
 * The address is usable at once: it waits until packets come to it, for a second at most. -ETIMEDOUT: the machine has
 * it, and no packet for it comes. Again: its time begins anew.
 */
int os_interface_give(uint32_t index, struct address address, uint32_t seconds);
/* Whether packets for it stay on this machine, by the routes of the interface, or of those without one (0). */
bool os_interface_routes_here(uint32_t index, struct address address);
int os_interface_take(uint32_t index, struct address address); /* -EADDRNOTAVAIL: it is not there */
int os_interface_dig(struct address address);		       /* a hole; -EEXIST */
int os_interface_fill(struct address address);		       /* no hole; -ESRCH */

struct os_interface_mark {
	struct address address;
	uint32_t index; /* of the interface; 0: it is a hole */
};
/* Those with the mark, `most` of them at most. How many, or negative errno. */
int os_interface_marked(struct os_interface_mark *marks, int most);

/* Says on its network that the address is here now, so that neighbours forget where it was. */
int os_interface_announce(uint32_t index, struct address address);

#endif
