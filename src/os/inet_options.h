/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_INET_OPTIONS_H
#define DVS_OS_INET_OPTIONS_H

/*
 * The options of a socket of TCP, UDP, netlink or packets. Those are known that a fresh socket of its kind tells of.
 * Left out are facts that are no settings, and the interface, the filter and the groups that it belongs to, which
 * os/inet.h, os/inet_groups.h and os/packet.h are asked for. The sizes of its buffers are options where the program has
 * set them. The value of an option that is an interface (IP_UNICAST_IF, IPV6_UNICAST_IF, IPV6_MULTICAST_IF) is the name
 * of it, of 16 bytes.
 */

#include <stdbool.h>
#include <stdint.h>

#define OS_INET_OPTION_BYTES 64
#define OS_INET_OPTIONS_MAX  256

struct os_inet_option {
	uint16_t level, number;
	uint32_t bytes;
	uint8_t value[OS_INET_OPTION_BYTES];
};

struct os_inet_options {
	uint32_t count;
	struct os_inet_option option[OS_INET_OPTIONS_MAX];
};

/*
 * Those of the socket that are not as in a fresh one. 0; -ENODEV: one is an interface that is not here any more; or
 * another negative errno.
 */
int os_inet_options_look(int fd, struct os_inet_options *options);

/*
 * Gives a fresh socket these options; all others are as in a fresh one afterwards. 0, -ENOPROTOOPT: one is not known,
 * -ENODEV: this machine has not the interface of one, -EXDEV: one has not become what it should be, or another
 * negative errno; *number is the option's then.
 */
int os_inet_options_give(int fd, const struct os_inet_options *options, int *number);

/* Whether a socket can be given them, which is tried with a fresh one of the same kind as fd. The same results. */
int os_inet_options_try(int fd, const struct os_inet_options *options, int *number);

/* Whether it does as os_inet_be_foreign() does. */
bool os_inet_option_is_transparent(const struct os_inet_option *option, bool is_v6);

#endif
