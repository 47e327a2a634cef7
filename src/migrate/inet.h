/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_INET_H
#define DVS_MIGRATE_INET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/refusal.h"
#include "migrate/descriptions.h"

/*
 * Things that the kinds of sockets of TCP and UDP have in common. The options that the program has set are each a piece
 * of the contents: level and number (16 bits each), length (32 bits), value.
 */

/*
 * Source: the options of the socket, and its filter, become the contents, if they can be set again; `more` (or NULL)
 * looks at the socket afterwards. One that was closed meanwhile is passed over: its process still runs, and is read
 * again frozen. 0 or a refusal.
 */
int inet_check(pid_t pid, struct description *description,
	       int (*more)(int fd, struct description *description, struct refusal *refusal),
	       struct refusal *refusal);

struct kind_seen;
struct os_inet;

/*
 * Source: whether the descriptor is a socket of TCP or UDP, with a connection of TCP or without one, as wanted. 1: it
 * is looked at; 0: it is something else; or a refusal.
 */
int inet_find(const struct kind_seen *seen, bool connections, struct os_inet *inet,
	      struct refusal *refusal);

struct migrate_host;

/* Source: whether the address moves with the process. */
bool inet_moves(const struct migrate_host *host, struct address address);

/* Pieces of contents that are no option stand at a level that there is not. */
#define INET_NO_LEVEL 0xffff
enum inet_piece {
	INET_REST = 1,
	INET_RECEIVED,
	INET_SENT,
	INET_DATAGRAM, /* migrate/inet_queue.h */
	INET_FILTER,   /* instructions of os/socket_filter.h */
	INET_GROUP,    /* migrate/inet_members.h */
};
struct inet_piece_head {
	uint16_t level, number;
	uint32_t bytes; /* that follow */
};
/* Source: length is such that head and bytes fit into one record. 0, -ENOMEM or -E2BIG. */
int inet_append_piece(struct contents *contents, enum inet_piece which, const void *bytes,
		      uint32_t length);
bool inet_is_piece(const uint8_t *piece, uint32_t length, enum inet_piece which);

/* Whether contents that came from outside are such pieces and options, as many as there can be. */
bool inet_are_pieces(const struct contents *contents);

/* Finds the one piece INET_REST. False: there is none, or it has another length. */
bool inet_find_rest(const struct contents *contents, void *rest, uint32_t bytes);

/* A socket of IPv4 has addresses of IPv4 only. */
bool inet_is_of_family(bool is_v6, struct address address);

/* Whether the program has set IP_TRANSPARENT, or IPV6_TRANSPARENT. */
bool inet_has_transparent(const struct contents *contents, bool is_v6);

/* Target: sets those among the contents, OS_INET_OPTIONS_MAX at most, and the filter. Others are passed over. */
int inet_options_give(int fd, const struct contents *contents, struct refusal *refusal);

#endif
