/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_NETLINK_H
#define DVS_OS_NETLINK_H

/*
 * Netlink sockets as another program has made them: they are looked at, and the same ones made anew. Errors are
 * negative errnos; nothing here blocks.
 */

#include <stdbool.h>
#include <stdint.h>

#define OS_NETLINK_GROUP_WORDS 4u

struct os_netlink {
	uint16_t protocol; /* NETLINK_* */
	bool is_raw;	   /* SOCK_RAW; else SOCK_DGRAM, which is the same */
	uint32_t port;	   /* its own address; 0: none yet */
	uint32_t peer;	   /* that it is connected to; 0: the kernel */
	uint32_t group
		[OS_NETLINK_GROUP_WORDS]; /* those that it hears: bit n of the words together is group n + 1 */
	bool has_groups_more;		  /* than there are words for */
	bool sends_to_groups;
	bool has_data;	/* messages that nobody has received, or a loss that nobody was told of */
	uint64_t netns; /* cookie of its network namespace; 0: not known */
};

/* -EPROTOTYPE: it is none. */
int os_netlink_look(int fd, struct os_netlink *netlink);

/* In the network namespace of the caller; without an address. The caller's, close-on-exec. */
int os_netlink_new(uint16_t protocol, bool is_raw);
int os_netlink_bind(int fd, uint32_t port);
int os_netlink_join(int fd, const uint32_t group[OS_NETLINK_GROUP_WORDS]);

/* The cookie of the caller's network namespace, or 0. */
uint64_t os_netlink_netns(void);

#endif
