/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_PACKET_H
#define DVS_OS_PACKET_H

/*
 * Packet sockets (AF_PACKET) as another program has made them: they are looked at, and the same ones made anew. An
 * interface is known by its name. Errors are negative errnos; nothing here blocks. Making one needs CAP_NET_RAW.
 */

#include <stdbool.h>
#include <stdint.h>

#define OS_PACKET_DEVICE_BYTES 16
#define OS_PACKET_MEMBERS_MAX  16
#define OS_PACKET_COUNT_MAX    65536u

/* An address, or all of them, that the interface takes packets for besides its own (PACKET_ADD_MEMBERSHIP). */
struct os_packet_member {
	char device[OS_PACKET_DEVICE_BYTES];
	uint16_t type, length;
	uint32_t count; /* how often it was asked for */
	uint8_t address[32];
};

/* A ring of packets in memory that the process may map; without blocks there is none. */
struct os_packet_ring {
	uint32_t block_bytes, blocks, frame_bytes, frames, retire_ms, private_bytes, features;
};

struct os_packet {
	uint16_t type;	   /* SOCK_RAW, SOCK_DGRAM, SOCK_PACKET */
	uint16_t protocol; /* that it hears, as ETH_P_*; 0: none */
	uint32_t member_count;
	char device[OS_PACKET_DEVICE_BYTES]; /* that it is bound to, or "" */
	struct os_packet_member member[OS_PACKET_MEMBERS_MAX];
	struct os_packet_ring received, sent;
	uint32_t fanout; /* the group that shares its packets, as PACKET_FANOUT; 0: none */
	bool has_data;	 /* packets that nobody has received */
};

bool os_packet_is_type(uint16_t type);

/*
 * -EPROTOTYPE: it is none; -ENODEV: its interface is not there any more; -E2BIG: it has more members; -ENOTCONN: it has
 * an error that nobody was told of; -EACCES: a program, which the kernel does not show, shares its packets out;
 * -EOPNOTSUPP: the kernel does not tell.
 */
int os_packet_look(int fd, struct os_packet *packet);

/* One that hears nothing yet, but for SOCK_PACKET. The caller's, close-on-exec. */
int os_packet_new(const struct os_packet *packet, uint32_t uid, uint32_t gid);

/* It hears now; -ENODEV: this machine has not its interface. Options, as the version of its rings, are set before. */
int os_packet_begin(int fd, const struct os_packet *packet);

/* Whether this machine has the interface, which may be "". */
bool os_packet_has_device(const char *device);

#endif
