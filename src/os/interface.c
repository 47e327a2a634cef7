/* SPDX-License-Identifier: Apache-2.0 */
#include "os/interface.h"

#include <assert.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "os/lock.h"
#include "os/netlink_ask.h"
#include "os/self.h"

#define MARK	    213 /* IFA_PROTO and rtm_protocol: no other program's that is known */
#define V4_AT	    12
#define V4_BYTES    4
#define DUMP_TRIES  100
#define HOLE_METRIC 1 /* before routes that lead elsewhere */
#define ROUTED_MS \
	1000 /* until a worker of the kernel has added the route to an address, which is idle otherwise */

/* ---- the addresses of the machine ---- */

static bool address_of(const struct sockaddr *name, struct address *address)
{
	if (name && name->sa_family == AF_INET)
		*address = address_v4(
			(const uint8_t *)&((const struct sockaddr_in *)(const void *)name)
				->sin_addr);
	else if (name && name->sa_family == AF_INET6)
		memcpy(address->byte, &((const struct sockaddr_in6 *)(const void *)name)->sin6_addr,
		       sizeof(address->byte));
	else
		return false;
	return true;
}

/* net: an address of that network other than its own; NULL: the address itself. */
static int find(const struct address_net *net, struct address wanted,
		struct os_interface *interface)
{
	struct ifaddrs *all;
	struct address address;
	int r = -ENODEV;

	os_lock_wait_begins("a look at the interfaces");
	if (getifaddrs(&all) < 0)
		return -errno;
	for (const struct ifaddrs *i = all; i && r; i = i->ifa_next) {
		if (!address_of(i->ifa_addr, &address) || !(i->ifa_flags & IFF_UP))
			continue;
		if (net ? i->ifa_flags & IFF_LOOPBACK || address_same(address, wanted) ||
				    address_is_v4(address) != address_is_v4(wanted) ||
				    !address_net_has(net, address)
			: !address_same(address, wanted))
			continue;
		snprintf(interface->name, sizeof(interface->name), "%s", i->ifa_name);
		interface->index = if_nametoindex(i->ifa_name);
		r = interface->index ? 0 : -ENODEV;
	}
	freeifaddrs(all);
	return r;
}

int os_interface_find(const struct address_net *net, struct os_interface *interface)
{
	return find(net, net->address, interface);
}

int os_interface_with(struct address address, struct os_interface *interface)
{
	return find(NULL, address, interface);
}

/* ---- a talk with the kernel ---- */

/* Sends it, and has each answer looked at. */
static int ask(struct nlmsghdr *head, mnl_cb_t on_answer, void *ctx)
{
	os_lock_wait_begins("a change of addresses");
	return os_netlink_ask(NETLINK_ROUTE, head, on_answer, ctx);
}

static size_t bytes_of(struct address address)
{
	return address_is_v4(address) ? V4_BYTES : ADDRESS_BYTES;
}

static const uint8_t *first_of(const struct address *address)
{
	return address_is_v4(*address) ? address->byte + V4_AT : address->byte;
}

static uint8_t family_of(struct address address)
{
	return address_is_v4(address) ? AF_INET : AF_INET6;
}

static struct nlmsghdr *about_address(uint8_t *buffer, uint16_t type, uint16_t flags,
				      uint32_t index, struct address address)
{
	struct nlmsghdr *head = os_netlink_ask_begin(buffer, type, (uint16_t)(NLM_F_ACK | flags));
	struct ifaddrmsg *body = mnl_nlmsg_put_extra_header(head, sizeof(*body));

	assert(index);
	body->ifa_family = family_of(address);
	body->ifa_prefixlen = (uint8_t)(bytes_of(address) * 8);
	body->ifa_index = index;
	mnl_attr_put(head, IFA_LOCAL, bytes_of(address), first_of(&address));
	mnl_attr_put(head, IFA_ADDRESS, bytes_of(address), first_of(&address));
	return head;
}

static int on_way(const struct nlmsghdr *head, void *ctx)
{
	const struct rtmsg *body = mnl_nlmsg_get_payload(head);

	*(bool *)ctx = body->rtm_type == RTN_LOCAL;
	return MNL_CB_STOP;
}

bool os_interface_routes_here(uint32_t index, struct address address)
{
	uint8_t buffer[OS_NETLINK_ASK_BYTES];
	struct nlmsghdr *head = os_netlink_ask_begin(buffer, RTM_GETROUTE, 0);
	struct rtmsg *body = mnl_nlmsg_put_extra_header(head, sizeof(*body));
	bool is_local = false;

	body->rtm_family = family_of(address);
	body->rtm_dst_len = (uint8_t)(bytes_of(address) * 8);
	mnl_attr_put(head, RTA_DST, bytes_of(address), first_of(&address));
	if (index)
		mnl_attr_put_u32(head, RTA_OIF, index);
	return ask(head, on_way, &is_local) == 0 && is_local;
}

/* A worker of the kernel adds the route to an IPv6 address: before, packets for it are lost, or leave the machine. */
static int await_route(uint32_t index, struct address address)
{
	for (int ms = 0; !os_interface_routes_here(index, address); ms++) {
		if (ms == ROUTED_MS)
			return -ETIMEDOUT;
		os_self_sleep_ms(1);
	}
	return 0;
}

int os_interface_give(uint32_t index, struct address address, uint32_t seconds)
{
	/* Not preferred: a packet of another program that has chosen no address has another one. */
	const struct ifa_cacheinfo times = { .ifa_valid = seconds,
					     .ifa_prefered = address_is_v4(address) ? seconds : 0 };
	uint8_t buffer[OS_NETLINK_ASK_BYTES];
	struct nlmsghdr *head =
		about_address(buffer, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, index, address);

	if (!address_is_v4(address))
		mnl_attr_put_u32(head, IFA_FLAGS, IFA_F_NODAD | IFA_F_NOPREFIXROUTE);
	mnl_attr_put_u8(head, IFA_PROTO, MARK);
	mnl_attr_put(head, IFA_CACHEINFO, sizeof(times), &times);
	int r = ask(head, NULL, NULL);

	return r ? r : await_route(index, address);
}

int os_interface_take(uint32_t index, struct address address)
{
	uint8_t buffer[OS_NETLINK_ASK_BYTES];

	return ask(about_address(buffer, RTM_DELADDR, 0, index, address), NULL, NULL);
}

static struct nlmsghdr *about_hole(uint8_t *buffer, uint16_t type, uint16_t flags,
				   struct address address)
{
	struct nlmsghdr *head = os_netlink_ask_begin(buffer, type, (uint16_t)(NLM_F_ACK | flags));
	struct rtmsg *body = mnl_nlmsg_put_extra_header(head, sizeof(*body));

	body->rtm_family = family_of(address);
	body->rtm_dst_len = (uint8_t)(bytes_of(address) * 8);
	body->rtm_table = RT_TABLE_MAIN;
	body->rtm_type = RTN_BLACKHOLE;
	body->rtm_protocol = MARK;
	body->rtm_scope = RT_SCOPE_UNIVERSE;
	mnl_attr_put(head, RTA_DST, bytes_of(address), first_of(&address));
	mnl_attr_put_u32(head, RTA_PRIORITY, HOLE_METRIC);
	return head;
}

int os_interface_dig(struct address address)
{
	uint8_t buffer[OS_NETLINK_ASK_BYTES];

	return ask(about_hole(buffer, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, address), NULL,
		   NULL);
}

int os_interface_fill(struct address address)
{
	uint8_t buffer[OS_NETLINK_ASK_BYTES];

	return ask(about_hole(buffer, RTM_DELROUTE, 0, address), NULL, NULL);
}

/* ---- the marked ones ---- */

struct marks {
	struct os_interface_mark *item;
	int count, most;
};

static void note(struct marks *marks, const struct nlattr *name, uint32_t index)
{
	struct address address;
	size_t length = mnl_attr_get_payload_len(name);

	assert(marks->count <= marks->most);
	if (marks->count == marks->most || (length != V4_BYTES && length != ADDRESS_BYTES))
		return;
	if (length == V4_BYTES)
		address = address_v4(mnl_attr_get_payload(name));
	else
		memcpy(address.byte, mnl_attr_get_payload(name), sizeof(address.byte));
	marks->item[marks->count++] = (struct os_interface_mark){ address, index };
}

static int on_address(const struct nlmsghdr *head, void *ctx)
{
	const struct ifaddrmsg *body = mnl_nlmsg_get_payload(head);
	const struct nlattr *attr, *name = NULL;
	bool is_marked = false;

	mnl_attr_for_each(attr, head, sizeof(*body))
	{
		if (mnl_attr_get_type(attr) == IFA_ADDRESS)
			name = attr;
		if (mnl_attr_get_type(attr) == IFA_PROTO)
			is_marked = mnl_attr_get_u8(attr) == MARK;
	}
	if (is_marked && name)
		note(ctx, name, body->ifa_index);
	return MNL_CB_OK;
}

static int on_route(const struct nlmsghdr *head, void *ctx)
{
	const struct rtmsg *body = mnl_nlmsg_get_payload(head);
	const struct nlattr *attr;

	if (body->rtm_protocol != MARK || body->rtm_type != RTN_BLACKHOLE)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, head, sizeof(*body)) if (mnl_attr_get_type(attr) == RTA_DST)
		note(ctx, attr, 0);
	return MNL_CB_OK;
}

/* -EINTR: something changed between two pieces of the answer. */
static int dump_once(uint16_t type, uint8_t family, size_t body_bytes, mnl_cb_t on_answer,
		     struct marks *marks)
{
	uint8_t buffer[OS_NETLINK_ASK_BYTES], *body;
	struct nlmsghdr *head = os_netlink_ask_begin(buffer, type, NLM_F_DUMP);

	body = mnl_nlmsg_put_extra_header(head, body_bytes);
	*body = family; /* which both begin with */
	return ask(head, on_answer, marks);
}

static int dump(uint16_t type, uint8_t family, size_t body_bytes, mnl_cb_t on_answer,
		struct marks *marks)
{
	int before = marks->count, r = -EINTR;

	for (int tries = 0; tries < DUMP_TRIES && r == -EINTR; tries++) {
		marks->count = before;
		r = dump_once(type, family, body_bytes, on_answer, marks);
	}
	return r;
}

int os_interface_marked(struct os_interface_mark *item, int most)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	struct marks marks = { .item = item, .most = most };
	assert(item && most > 0);
	int r = dump(RTM_GETADDR, AF_UNSPEC, sizeof(struct ifaddrmsg), on_address, &marks);

	for (size_t i = 0; i < sizeof(families) && r == 0; i++) {
		r = dump(RTM_GETROUTE, families[i], sizeof(struct rtmsg), on_route, &marks);
		if (r == -EAFNOSUPPORT || r == -EOPNOTSUPP) /* a machine without IPv6 */
			r = 0;
	}
	return r < 0 ? r : marks.count;
}
