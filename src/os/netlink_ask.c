/* SPDX-License-Identifier: Apache-2.0 */
#include "os/netlink_ask.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <time.h>

#define ANSWER_BYTES 32768 /* the most that the kernel puts into one piece of a dump */

struct nlmsghdr *os_netlink_ask_begin(uint8_t buffer[OS_NETLINK_ASK_BYTES], uint16_t type,
				      uint16_t flags)
{
	struct nlmsghdr *head = mnl_nlmsg_put_header(buffer);

	assert(type);
	head->nlmsg_type = type;
	head->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	return head;
}

static struct mnl_socket *open_kernel(int bus)
{
	struct mnl_socket *kernel = mnl_socket_open2(bus, SOCK_CLOEXEC);

	if (kernel && mnl_socket_bind(kernel, 0, MNL_SOCKET_AUTOPID) < 0) {
		mnl_socket_close(kernel);
		return NULL;
	}
	return kernel;
}

int os_netlink_ask(int bus, struct nlmsghdr *head, mnl_cb_t on_answer, void *ctx)
{
	struct mnl_socket *kernel = open_kernel(bus);
	uint8_t buffer[ANSWER_BYTES];
	unsigned port;
	int r = MNL_CB_OK;

	assert(head->nlmsg_len <= OS_NETLINK_ASK_BYTES);
	if (!kernel)
		return -errno;
	port = mnl_socket_get_portid(kernel);
	head->nlmsg_seq = (uint32_t)time(NULL);
	if (mnl_socket_sendto(kernel, head, head->nlmsg_len) < 0)
		r = MNL_CB_ERROR;
	while (r > MNL_CB_STOP) {
		ssize_t length = mnl_socket_recvfrom(kernel, buffer, sizeof(buffer));

		r = length < 0 ? MNL_CB_ERROR
			       : mnl_cb_run(buffer, (size_t)length, head->nlmsg_seq, port,
					    on_answer, ctx);
	}
	r = r < 0 ? -errno : 0;
	mnl_socket_close(kernel);
	return r;
}
