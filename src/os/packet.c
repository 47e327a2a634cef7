/* SPDX-License-Identifier: Apache-2.0 */
/* Facts that a socket does not tell itself, the kernel tells of all packet sockets in a list (packet_diag). */
#include "os/packet.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/packet_diag.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/netlink_ask.h"
#include "os/socket.h"

#define TRIES 5 /* of a list that changes while it is read */

_Static_assert(OS_PACKET_DEVICE_BYTES == IF_NAMESIZE, "the name of an interface");
_Static_assert(sizeof(struct os_packet_ring) == sizeof(struct packet_diag_ring) &&
		       sizeof(struct os_packet_ring) == sizeof(struct tpacket_req3),
	       "the kernel tells and takes a ring in one layout");

struct search {
	uint32_t inode;
	bool is_found;
	int error;
	struct os_packet *packet;
};

bool os_packet_is_type(uint16_t type)
{
	return type == SOCK_RAW || type == SOCK_DGRAM || type == SOCK_PACKET;
}

static int name_device(uint32_t index, char device[OS_PACKET_DEVICE_BYTES])
{
	memset(device, 0, OS_PACKET_DEVICE_BYTES);
	return !index || if_indextoname(index, device) ? 0 : -ENODEV;
}

static int take_members(struct os_packet *packet, const struct nlattr *attr)
{
	const uint8_t *at = mnl_attr_get_payload(attr);
	size_t count = mnl_attr_get_payload_len(attr) / sizeof(struct packet_diag_mclist);

	if (count > OS_PACKET_MEMBERS_MAX)
		return -E2BIG;
	packet->member_count = (uint32_t)count;
	for (size_t i = 0; i < count; i++) {
		struct os_packet_member *member = &packet->member[i];
		struct packet_diag_mclist told;

		memcpy(&told, at + i * sizeof(told), sizeof(told));
		member->type = told.pdmc_type;
		member->length = told.pdmc_alen;
		member->count = told.pdmc_count;
		memcpy(member->address, told.pdmc_addr, sizeof(member->address));
		if (told.pdmc_count > OS_PACKET_COUNT_MAX)
			return -E2BIG;
		if (name_device(told.pdmc_index, member->device))
			return -ENODEV;
	}
	return 0;
}

static void copy(void *to, size_t bytes, const struct nlattr *attr)
{
	size_t told = mnl_attr_get_payload_len(attr);

	memcpy(to, mnl_attr_get_payload(attr), told < bytes ? told : bytes);
}

static int take_attribute(struct os_packet *packet, const struct nlattr *attr)
{
	struct packet_diag_info info = { 0 };

	switch (mnl_attr_get_type(attr)) {
	case PACKET_DIAG_INFO:
		copy(&info, sizeof(info), attr);
		return name_device(info.pdi_index, packet->device);
	case PACKET_DIAG_MCLIST:
		return take_members(packet, attr);
	case PACKET_DIAG_RX_RING:
		copy(&packet->received, sizeof(packet->received), attr);
		return 0;
	case PACKET_DIAG_TX_RING:
		copy(&packet->sent, sizeof(packet->sent), attr);
		return 0;
	}
	return 0;
}

static int on_socket(const struct nlmsghdr *head, void *ctx)
{
	struct search *search = ctx;
	struct packet_diag_msg told;
	const struct nlattr *attr;

	if (mnl_nlmsg_get_payload_len(head) < sizeof(told))
		return MNL_CB_OK;
	memcpy(&told, mnl_nlmsg_get_payload(head), sizeof(told));
	if (told.pdiag_ino != search->inode)
		return MNL_CB_OK;
	search->is_found = true;
	search->packet->type = told.pdiag_type;
	search->packet->protocol = told.pdiag_num;
	mnl_attr_for_each(attr, head, sizeof(told))
	{
		if (!search->error)
			search->error = take_attribute(search->packet, attr);
	}
	return MNL_CB_OK;
}

static int search_once(struct search *search)
{
	uint8_t buffer[OS_NETLINK_ASK_BYTES];
	struct nlmsghdr *head = os_netlink_ask_begin(buffer, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
	struct packet_diag_req *body = mnl_nlmsg_put_extra_header(head, sizeof(*body));

	assert(search->inode);
	body->sdiag_family = AF_PACKET;
	body->pdiag_show = PACKET_SHOW_INFO | PACKET_SHOW_MCLIST | PACKET_SHOW_RING_CFG;
	body->pdiag_cookie[0] = body->pdiag_cookie[1] = UINT32_MAX;
	search->is_found = false;
	search->error = 0;
	*search->packet = (struct os_packet){ 0 };
	return os_netlink_ask(NETLINK_SOCK_DIAG, head, on_socket, search);
}

static int number_of(int fd, int level, int option)
{
	int value = 0;
	socklen_t bytes = sizeof(value);

	return getsockopt(fd, level, option, &value, &bytes) ? 0 : value;
}

static bool is_by_program(uint32_t fanout)
{
	uint32_t type = fanout >> 16 & 0xff;

	return type == PACKET_FANOUT_CBPF || type == PACKET_FANOUT_EBPF;
}

static int look_at_rest(int fd, struct os_packet *packet)
{
	struct pollfd seen = { .fd = fd, .events = POLLIN };

	packet->fanout = (uint32_t)number_of(fd, SOL_PACKET, PACKET_FANOUT);
	if (poll(&seen, 1, 0) < 0)
		return -errno;
	packet->has_data = seen.revents & POLLIN;
	if (packet->fanout && is_by_program(packet->fanout))
		return -EACCES;
	return seen.revents & POLLERR ? -ENOTCONN : 0;
}

int os_packet_look(int fd, struct os_packet *packet)
{
	struct search search = { .packet = packet };
	struct stat status;
	int r = -EINTR;

	assert(fd >= 0);
	if (number_of(fd, SOL_SOCKET, SO_DOMAIN) != AF_PACKET)
		return -EPROTOTYPE;
	if (fstat(fd, &status))
		return -errno;
	search.inode = (uint32_t)status.st_ino;
	for (int i = 0; i < TRIES && r == -EINTR; i++)
		r = search_once(&search);
	if (r == -ENOENT || (r == 0 && !search.is_found))
		r = -EOPNOTSUPP;
	if (r == 0)
		r = search.error;
	return r ? r : look_at_rest(fd, packet);
}

int os_packet_new(const struct os_packet *packet, uint32_t uid, uint32_t gid)
{
	/* One of the old kind is told its protocol in no other way. */
	int protocol = packet->type == SOCK_PACKET ? htons(packet->protocol) : 0;
	int fd = socket(AF_PACKET, packet->type | SOCK_CLOEXEC, protocol);
	int r = fd < 0 || fchown(fd, uid, gid) ? -errno : 0;

	if (r == 0)
		return fd;
	os_close(fd);
	return r;
}

static int bind_old(int fd, const struct os_packet *packet)
{
	struct sockaddr name = { .sa_family = AF_PACKET };

	if (!packet->device[0])
		return 0;
	memcpy(name.sa_data, packet->device, sizeof(name.sa_data) - 1);
	return bind(fd, &name, sizeof(name)) ? -errno : 0;
}

static int bind_to(int fd, const struct os_packet *packet, uint32_t index)
{
	const struct sockaddr_ll name = { .sll_family = AF_PACKET,
					  .sll_protocol = htons(packet->protocol),
					  .sll_ifindex = (int)index };

	if (packet->type == SOCK_PACKET)
		return bind_old(fd, packet);
	if (!packet->protocol && !index)
		return 0;
	return bind(fd, (const struct sockaddr *)&name, sizeof(name)) ? -errno : 0;
}

static int join(int fd, const struct os_packet_member *member)
{
	struct {
		struct packet_mreq mreq;
		uint8_t rest[sizeof(member->address)];
	} request = { 0 };
	int r = 0;

	request.mreq.mr_ifindex = (int)if_nametoindex(member->device);
	request.mreq.mr_type = member->type;
	request.mreq.mr_alen = member->length;
	memcpy((uint8_t *)&request + offsetof(struct packet_mreq, mr_address), member->address,
	       sizeof(member->address));
	for (uint32_t i = 0; i < member->count && r == 0; i++)
		r = setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof(request))
			    ? -errno
			    : 0;
	return r;
}

static int give_ring(int fd, int option, const struct os_packet_ring *ring)
{
	if (!ring->blocks)
		return 0;
	return setsockopt(fd, SOL_PACKET, option, ring, sizeof(*ring)) ? -errno : 0;
}

int os_packet_begin(int fd, const struct os_packet *packet)
{
	uint32_t index = if_nametoindex(packet->device);
	int r = give_ring(fd, PACKET_RX_RING, &packet->received);

	assert(packet->member_count <= OS_PACKET_MEMBERS_MAX);
	if (packet->device[0] && !index)
		return -ENODEV;
	if (r == 0)
		r = give_ring(fd, PACKET_TX_RING, &packet->sent);
	if (r == 0)
		r = bind_to(fd, packet, index);
	/* The last one that was joined is told first. */
	for (uint32_t i = packet->member_count; i > 0 && r == 0; i--)
		r = join(fd, &packet->member[i - 1]);
	if (r == 0 && packet->fanout &&
	    setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &packet->fanout, sizeof(packet->fanout)))
		r = -errno;
	return r;
}

bool os_packet_has_device(const char *device)
{
	return !device[0] || if_nametoindex(device);
}
