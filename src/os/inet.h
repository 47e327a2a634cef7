/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_INET_H
#define DVS_OS_INET_H

/*
 * Sockets of TCP, UDP, UDP-Lite, and raw ones, over IPv4 and IPv6, as another program has made them: they are looked
 * at, and the same ones made anew. Ports are in host order. Errors are negative errnos; nothing here blocks.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/address.h"

#define OS_INET_DEVICE_BYTES 16 /* with the end of the text */

enum os_inet_state {
	OS_INET_UNCONNECTED,
	OS_INET_LISTENS,
	OS_INET_CONNECTED, /* it has a peer; of TCP, both ends may have been shut, and the kernel still works on that */
	OS_INET_STARTS,	 /* of TCP: it has asked for a connection, and has no answer */
	OS_INET_OVER,	 /* its connection is over; the peer is the one that it had */
	OS_INET_BETWEEN, /* a connection of TCP that is being accepted */
};

/* An address of IPv4 is one of the form ::ffff:A.B.C.D, also where the socket is one of IPv6. */
struct os_inet_end {
	struct address address; /* 0.0.0.0, or ADDRESS_NONE: none */
	uint16_t port;		/* 0: none */
};

/* The facts that decide which other sockets it can be bound beside. */
struct os_inet_kind {
	bool is_v6, is_udp;
	bool is_lite;	   /* UDP-Lite, which is UDP as well */
	bool is_raw;	   /* SOCK_RAW; its port is the protocol */
	uint16_t protocol; /* of a raw one */
	bool reuses_address, reuses_port, is_v6_only;
	bool may_be_foreign; /* bound to an address that the machine does not have (IP_FREEBIND, IP_TRANSPARENT) */
	uint32_t uid, gid;		   /* its owner */
	char device[OS_INET_DEVICE_BYTES]; /* the interface that it is bound to, or "" */
};

struct os_inet {
	struct os_inet_kind kind;
	enum os_inet_state state;
	struct os_inet_end own, peer;
	uint32_t backlog,
		waiting; /* of one that listens: its limit, and connections that nobody has accepted */
	bool has_error; /* one that nobody was told of */
	int error; /* the same, of a connection that is over: ECONNRESET, EPIPE, 0: none, -1: another one */
	bool is_shut;  /* nothing more can be read, by shutdown() or by the other end */
	bool has_data; /* UDP, raw: datagrams that nobody has received */
	bool has_part; /* UDP: a datagram that is not complete (UDP_CORK, MSG_MORE) */
};

/* Whether it is such a socket; MPTCP and the like are others. */
bool os_inet_is(int fd);
int os_inet_look(int fd, struct os_inet *inet);
/* Of one of TCP that was looked at: its state with its error, the group that it belongs to, and its interface. */
int os_inet_look_again(int fd, struct os_inet *inet);

/* Whether nothing more can be sent by one of UDP that was looked at (shutdown). It takes a netlink socket. */
bool os_inet_writes_end(int fd, const struct os_inet *inet);

/* Whether it is one of TCP that has a connection, be it one that is being made, or that is over. */
bool os_inet_has_connection(int fd);

/* Whether the address is unset: no end is bound to it. */
bool os_inet_is_any(struct address address);

/* Whether it is an address of one link (fe80::, 169.254.), which means something beside an interface alone. */
bool os_inet_is_of_link(struct address address);

/* A new one with its owner and its interface; the options that kind names are not set. The caller's, close-on-exec. */
int os_inet_new(const struct os_inet_kind *kind);
/* Lets it be bound to an address that this machine does not have yet, and speak from there (IP_TRANSPARENT). */
int os_inet_be_foreign(int fd, bool is_v6, bool foreign);
/* SO_REUSEPORT */
int os_inet_share_port(int fd, bool shares);
int os_inet_bind(int fd, bool is_v6, const struct os_inet_end *own);
int os_inet_connect(int fd, bool is_v6, const struct os_inet_end *peer);
/* Ends one direction or both, of UDP, be it connected or not. */
void os_inet_shut(int fd, bool reads, bool writes);
/* Beside connections in repair that have its port, too: those that a listener has accepted do not stand in its way. */
int os_inet_listen(int fd, uint32_t backlog);

/* Whether such a socket could be bound so now: 0, or why not. */
int os_inet_try(const struct os_inet_kind *kind, const struct os_inet_end *own);

#endif
