/* SPDX-License-Identifier: Apache-2.0 */

/* Neighbours of an interface are told: by an unasked answer of ARP, or of neighbour discovery (RFC 4861, 7.2.6). */

#include "os/interface.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define V4_AT 12

/* -ENODEV: its neighbours know each other in another way. */
static int hardware_of(int fd, uint32_t index, uint8_t hardware[ETH_ALEN])
{
	struct ifreq request = { 0 };

	if (!if_indextoname(index, request.ifr_name) || ioctl(fd, SIOCGIFHWADDR, &request) < 0)
		return -errno;
	if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return -ENODEV;
	memcpy(hardware, request.ifr_hwaddr.sa_data, ETH_ALEN);
	return 0;
}

/* A question and an answer: some neighbours take the one, some the other one. */
static int say_arp(int fd, uint32_t index, const uint8_t hardware[ETH_ALEN], struct address address)
{
	static const uint16_t kinds[] = { ARPOP_REQUEST, ARPOP_REPLY };
	struct sockaddr_ll all = { .sll_family = AF_PACKET,
				   .sll_protocol = htons(ETH_P_ARP),
				   .sll_ifindex = (int)index,
				   .sll_halen = ETH_ALEN };
	struct ether_arp packet = { .ea_hdr = { .ar_hrd = htons(ARPHRD_ETHER),
						.ar_pro = htons(ETH_P_IP),
						.ar_hln = ETH_ALEN,
						.ar_pln = sizeof(packet.arp_spa) } };

	assert(address_is_v4(address));
	memset(all.sll_addr, 0xff, ETH_ALEN);
	memcpy(packet.arp_sha, hardware, ETH_ALEN);
	memset(packet.arp_tha, 0xff, ETH_ALEN);
	memcpy(packet.arp_spa, address.byte + V4_AT, sizeof(packet.arp_spa));
	memcpy(packet.arp_tpa, address.byte + V4_AT, sizeof(packet.arp_tpa));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		packet.ea_hdr.ar_op = htons(kinds[i]);
		if (sendto(fd, &packet, sizeof(packet), 0, (struct sockaddr *)&all, sizeof(all)) <
		    0)
			return -errno;
	}
	return 0;
}

static int announce_v4(uint32_t index, struct address address)
{
	uint8_t hardware[ETH_ALEN];
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return -errno;
	r = hardware_of(fd, index, hardware);
	if (r == 0)
		r = say_arp(fd, index, hardware, address);
	close(fd);
	return r;
}

/* From the address itself, to all neighbours, and no router has passed it on. */
static int aim(int fd, uint32_t index, struct address address)
{
	struct sockaddr_in6 own = { .sin6_family = AF_INET6 };
	int hops = 255;

	assert(!address_is_v4(address));
	memcpy(&own.sin6_addr, address.byte, sizeof(own.sin6_addr));
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof(index)) < 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof(hops)) < 0 ||
	    bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0)
		return -errno;
	return 0;
}

static int announce_v6(uint32_t index, struct address address)
{
	struct {
		struct nd_neighbor_advert advert;
		struct nd_opt_hdr option;
		uint8_t hardware[ETH_ALEN];
	} packet = { .advert = { .nd_na_type = ND_NEIGHBOR_ADVERT,
				 .nd_na_flags_reserved = ND_NA_FLAG_OVERRIDE },
		     .option = { ND_OPT_TARGET_LINKADDR, 1 } };
	struct sockaddr_in6 all = { .sin6_family = AF_INET6, .sin6_scope_id = index };
	int fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6), r;

	_Static_assert(sizeof(packet) == sizeof(struct nd_neighbor_advert) + 8, "one option");
	if (fd < 0)
		return -errno;
	r = hardware_of(fd, index, packet.hardware);
	if (r == 0)
		r = aim(fd, index, address);
	memcpy(&packet.advert.nd_na_target, address.byte, sizeof(packet.advert.nd_na_target));
	inet_pton(AF_INET6, "ff02::1", &all.sin6_addr);
	if (r == 0 &&
	    sendto(fd, &packet, sizeof(packet), 0, (struct sockaddr *)&all, sizeof(all)) < 0)
		r = -errno;
	close(fd);
	return r;
}

int os_interface_announce(uint32_t index, struct address address)
{
	assert(index);
	return address_is_v4(address) ? announce_v4(index, address) : announce_v6(index, address);
}
