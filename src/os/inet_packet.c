/* SPDX-License-Identifier: Apache-2.0 */
#include "os/inet_packet.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "os/socket.h"

#define V4_AT	  (ADDRESS_BYTES - sizeof(struct in_addr))
#define HOPS	  64
#define HEAD_MOST sizeof(struct ip6_hdr)

/* The sum of 16-bit words of which headers keep the complement. */
static uint32_t add(uint32_t sum, const void *bytes, size_t length)
{
	const uint8_t *byte = bytes;

	for (size_t i = 0; i + 1 < length; i += 2)
		sum += (uint32_t)byte[i] << 8 | byte[i + 1];
	if (length % 2)
		sum += (uint32_t)byte[length - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Of addresses, length and protocol, which count as well. */
static uint32_t sum_of(const struct os_inet_way *way, uint8_t protocol, const void *bytes,
		       size_t length)
{
	/* An IPv4 address and the same one of IPv6 would differ by their constant part alone. */
	size_t at = address_is_v4(way->to.address) ? V4_AT : 0;
	uint32_t sum = add(protocol, way->from.address.byte + at, ADDRESS_BYTES - at);

	sum = add(sum, way->to.address.byte + at, ADDRESS_BYTES - at);
	sum = add(sum + (uint32_t)length, bytes, length);
	return ~sum & 0xffff;
}

/* The header that stands before it. Its length. */
static size_t put_head(uint8_t *head, const struct os_inet_way *way, uint8_t protocol,
		       size_t length)
{
	if (address_is_v4(way->to.address)) {
		struct iphdr v4 = { .version = 4,
				    .ihl = sizeof(v4) / 4,
				    .tot_len = htons((uint16_t)(sizeof(v4) + length)),
				    .ttl = HOPS,
				    .protocol = protocol };

		memcpy(&v4.saddr, way->from.address.byte + V4_AT, sizeof(v4.saddr));
		memcpy(&v4.daddr, way->to.address.byte + V4_AT, sizeof(v4.daddr));
		memcpy(head, &v4, sizeof(v4)); /* the kernel adds the sum */
		return sizeof(v4);
	}
	struct ip6_hdr v6 = { .ip6_hlim = HOPS,
			      .ip6_nxt = protocol,
			      .ip6_plen = htons((uint16_t)length) };

	v6.ip6_vfc = 6 << 4;
	memcpy(&v6.ip6_src, way->from.address.byte, sizeof(v6.ip6_src));
	memcpy(&v6.ip6_dst, way->to.address.byte, sizeof(v6.ip6_dst));
	memcpy(head, &v6, sizeof(v6));
	return sizeof(v6);
}

static int put_out(const struct os_inet_way *way, const uint8_t *packet, size_t length)
{
	bool is_v4 = address_is_v4(way->to.address);
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);

	if (fd < 0)
		return -errno;
	memcpy(&v4.sin_addr, way->to.address.byte + V4_AT, sizeof(v4.sin_addr));
	memcpy(&v6.sin6_addr, way->to.address.byte, sizeof(v6.sin6_addr));
	const int room = 1 << 20; /* for the largest one, whatever the machine's default is */

	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	ssize_t sent =
		is_v4 ? sendto(fd, packet, length, MSG_DONTWAIT, (struct sockaddr *)&v4, sizeof(v4))
		      : sendto(fd, packet, length, MSG_DONTWAIT, (struct sockaddr *)&v6,
			       sizeof(v6));
	int r = sent < 0 ? -errno : 0;

	os_close(fd);
	return r;
}

static bool is_way(const struct os_inet_way *way)
{
	return address_is_v4(way->from.address) == address_is_v4(way->to.address) && way->to.port;
}

int os_inet_packet_segment(const struct os_inet_way *way, const struct os_inet_segment *segment)
{
	uint8_t packet[HEAD_MOST + sizeof(struct tcphdr)];
	struct tcphdr head = { .th_sport = htons(way->from.port),
			       .th_dport = htons(way->to.port),
			       .th_seq = htonl(segment->number),
			       .th_ack = htonl(segment->acknowledged),
			       .th_off = sizeof(head) / 4,
			       .th_flags = (uint8_t)segment->kind,
			       .th_win = htons(segment->window) };

	if (!is_way(way))
		return -EINVAL;
	head.th_sum = htons((uint16_t)sum_of(way, IPPROTO_TCP, &head, sizeof(head)));
	size_t before = put_head(packet, way, IPPROTO_TCP, sizeof(head));

	memcpy(packet + before, &head, sizeof(head));
	return put_out(way, packet, before + sizeof(head));
}

int os_inet_packet_datagram(const struct os_inet_way *way, const uint8_t *bytes, size_t length)
{
	struct udphdr head = { .uh_sport = htons(way->from.port),
			       .uh_dport = htons(way->to.port),
			       .uh_ulen = htons((uint16_t)(sizeof(head) + length)) };

	const uint8_t protocol = way->is_lite ? IPPROTO_UDPLITE : IPPROTO_UDP;

	if (!is_way(way) || length > OS_INET_DATAGRAM_MAX)
		return -EINVAL;
	uint8_t *packet = malloc(HEAD_MOST + sizeof(head) + length);

	if (!packet)
		return -ENOMEM;
	size_t before = put_head(packet, way, protocol, sizeof(head) + length);
	uint8_t *body = packet + before;

	memcpy(body, &head, sizeof(head));
	if (length)
		memcpy(body + sizeof(head), bytes, length);
	/* Of UDP-Lite the length in the header says that the sum is that of all. */
	uint32_t sum = sum_of(way, protocol, body, sizeof(head) + length);

	/* 0 says that there is none. */
	head.uh_sum = htons((uint16_t)(sum ? sum : 0xffff));
	memcpy(body, &head, sizeof(head));
	int r = put_out(way, packet, before + sizeof(head) + length);

	free(packet);
	return r;
}
