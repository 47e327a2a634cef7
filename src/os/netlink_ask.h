/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_NETLINK_ASK_H
#define DVS_OS_NETLINK_ASK_H

/* Questions to the kernel by netlink, each by a socket of its own, with libmnl. The kernel answers at once. */

#include <libmnl/libmnl.h>
#include <stdint.h>

#define OS_NETLINK_ASK_BYTES 1024 /* of a question, at most */

/* A question begins in the buffer; its body and its attributes are put behind the head. */
struct nlmsghdr *os_netlink_ask_begin(uint8_t buffer[OS_NETLINK_ASK_BYTES], uint16_t type,
				      uint16_t flags);

/*
 * Asks on the bus (NETLINK_*), and has each answer looked at, until that gives MNL_CB_STOP. One that is neither to be
 * acknowledged (NLM_F_ACK) nor a dump has no end of its own. 0, or a negative errno, also one of the kernel's; -EINTR:
 * something changed between two pieces of a dump.
 */
int os_netlink_ask(int bus, struct nlmsghdr *head, mnl_cb_t on_answer, void *ctx);

#endif
