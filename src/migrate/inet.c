/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/inet.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/inet_members.h"
#include "migrate/inet_queue.h"
#include "migrate/kind.h"
#include "os/inet.h"
#include "os/inet_options.h"
#include "os/pid.h"
#include "os/socket.h"
#include "os/socket_filter.h"

#define HEAD_BYTES offsetof(struct os_inet_option, value)

_Static_assert(HEAD_BYTES == sizeof(struct inet_piece_head),
	       "an option begins as the other pieces do");

static bool is_connection(const struct os_inet *inet)
{
	return !inet->kind.is_udp && !inet->kind.is_raw && inet->state != OS_INET_UNCONNECTED &&
	       inet->state != OS_INET_LISTENS;
}

int inet_find(const struct kind_seen *seen, bool connections, struct os_inet *inet,
	      struct refusal *refusal)
{
	if (seen->socket < 0)
		return 0;
	/* The whole look is for the kind that takes it: those with a connection are what the other kind has left. */
	int r = connections || !os_inet_has_connection(seen->socket)
			? os_inet_look(seen->socket, inet)
			: -EPROTOTYPE;

	if (r == 0)
		return is_connection(inet) == connections; /* it may have changed in between */
	return r == -EPROTOTYPE ? 0
				: refusal_set(refusal, EDVSPROCSTS,
					      "the socket of descriptor %d cannot be looked at: %s",
					      seen->number, strerror(-r));
}

static int append(struct contents *contents, const struct os_inet_options *options)
{
	int r = 0;

	assert(options->count <= OS_INET_OPTIONS_MAX);
	contents_free(contents);
	for (uint32_t i = 0; r == 0 && i < options->count; i++) {
		const struct os_inet_option *option = &options->option[i];

		r = contents_append(contents, option, (uint32_t)HEAD_BYTES + option->bytes);
	}
	return r;
}

/* Many sockets have none, and need no room for one. */
static int take_filter(int fd, int number, struct contents *contents, struct refusal *refusal)
{
	int count = os_socket_filter_count(fd);
	uint8_t *code = count > 0 ? malloc((size_t)count * OS_SOCKET_FILTER_BYTES) : NULL;
	int r = count > 0 && !code ? -ENOMEM : count;

	if (r > 0)
		r = os_socket_filter_look(fd, code, (uint32_t)count);
	if (r == 0 && count > 0)
		r = inet_append_piece(contents, INET_FILTER, code,
				      (uint32_t)count * OS_SOCKET_FILTER_BYTES);
	free(code);
	if (r == 0)
		return 0;
	if (r == -EACCES)
		return refusal_set(
			refusal, EDVSPROCSTS,
			"the socket of descriptor %d has a filter of eBPF (SO_ATTACH_BPF), "
			"which the kernel does not show",
			number);
	return refusal_set(refusal, EDVSPROCSTS,
			   "the filter of the socket of descriptor %d cannot be looked at: %s",
			   number, strerror(-r));
}

static int take_options(int fd, int number, struct contents *contents, struct refusal *refusal)
{
	struct os_inet_options *options = malloc(sizeof(*options));
	int option = 0;
	int r = options ? os_inet_options_look(fd, options) : -ENOMEM;

	if (r == 0)
		r = os_inet_options_try(fd, options, &option);
	if (r == 0)
		r = append(contents, options);
	free(options);
	if (r == 0)
		return take_filter(fd, number, contents, refusal);
	if (r == -ENODEV)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the socket of descriptor %d sends by an interface that is not "
				   "there any more",
				   number);
	return refusal_set(refusal, EDVSPROCSTS,
			   "the socket of descriptor %d has the socket option number %d set, which "
			   "is not carried%s%s",
			   number, option, r == -EXDEV ? "" : ": ",
			   r == -EXDEV ? "" : strerror(-r));
}

int inet_check(pid_t pid, struct description *description,
	       int (*more)(int fd, struct description *description, struct refusal *refusal),
	       struct refusal *refusal)
{
	int fd = os_pid_descriptor(pid, description->number);

	if (fd < 0)
		return 0;
	int r = take_options(fd, description->number, &description->contents, refusal);

	if (r == 0 && more)
		r = more(fd, description, refusal);
	os_close(fd);
	return r;
}

static bool is_option(const uint8_t *piece, uint32_t length)
{
	struct os_inet_option option;

	if (length < HEAD_BYTES || length > sizeof(option))
		return false;
	memcpy(&option, piece, HEAD_BYTES);
	return option.bytes == length - HEAD_BYTES && option.level != INET_NO_LEVEL;
}

int inet_append_piece(struct contents *contents, enum inet_piece which, const void *bytes,
		      uint32_t length)
{
	uint8_t piece[IMAGE_CONTENTS_BYTES_MAX];
	const struct inet_piece_head head = { INET_NO_LEVEL, (uint16_t)which, length };

	assert(length <= sizeof(piece) - sizeof(head));
	memcpy(piece, &head, sizeof(head));
	memcpy(piece + sizeof(head), bytes, length);
	return contents_append(contents, piece, (uint32_t)sizeof(head) + length);
}

bool inet_is_piece(const uint8_t *piece, uint32_t length, enum inet_piece which)
{
	struct inet_piece_head head;

	if (length < sizeof(head))
		return false;
	memcpy(&head, piece, sizeof(head));
	return head.level == INET_NO_LEVEL && head.number == which &&
	       head.bytes == length - sizeof(head);
}

static bool is_filter(const uint8_t *piece, uint32_t length)
{
	uint32_t bytes = length - (uint32_t)sizeof(struct inet_piece_head);

	return inet_is_piece(piece, length, INET_FILTER) && bytes &&
	       bytes % OS_SOCKET_FILTER_BYTES == 0 &&
	       bytes <= OS_SOCKET_FILTER_MOST * OS_SOCKET_FILTER_BYTES;
}

bool inet_are_pieces(const struct contents *contents)
{
	uint32_t at = 0, length, options = 0;
	const uint8_t *piece;

	while ((piece = contents_next(contents, &at, &length))) {
		if (inet_is_piece(piece, length, INET_REST) ||
		    inet_is_piece(piece, length, INET_RECEIVED) ||
		    inet_is_piece(piece, length, INET_SENT) || inet_queue_is_piece(piece, length) ||
		    is_filter(piece, length) || inet_members_is_piece(piece, length))
			continue;
		if (!is_option(piece, length) || ++options > OS_INET_OPTIONS_MAX)
			return false;
	}
	return true;
}

bool inet_find_rest(const struct contents *contents, void *rest, uint32_t bytes)
{
	uint32_t at = 0, length;
	const uint8_t *piece;

	assert(rest && bytes);
	while ((piece = contents_next(contents, &at, &length))) {
		if (!inet_is_piece(piece, length, INET_REST))
			continue;
		if (length != sizeof(struct inet_piece_head) + bytes)
			return false;
		memcpy(rest, piece + sizeof(struct inet_piece_head), bytes);
		return true;
	}
	return false;
}

bool inet_moves(const struct migrate_host *host, struct address address)
{
	return host && host->moves && host->moves(host->ctx, address.byte);
}

bool inet_is_of_family(bool is_v6, struct address address)
{
	return is_v6 || address_is_v4(address) || !address_is_set(address);
}

bool inet_has_transparent(const struct contents *contents, bool is_v6)
{
	uint32_t at = 0, length;
	const uint8_t *piece;

	while ((piece = contents_next(contents, &at, &length))) {
		struct os_inet_option option;

		if (!is_option(piece, length))
			continue;
		memcpy(&option, piece, length);
		if (os_inet_option_is_transparent(&option, is_v6))
			return true;
	}
	return false;
}

/* Before it can be locked, which is an option. */
static int give_filter(int fd, const struct contents *contents)
{
	const uint32_t head = sizeof(struct inet_piece_head);
	uint32_t at = 0, length;
	const uint8_t *piece;
	int r = 0;

	assert(fd >= 0);
	while (r == 0 && (piece = contents_next(contents, &at, &length)))
		if (inet_is_piece(piece, length, INET_FILTER))
			r = os_socket_filter_give(fd, piece + head,
						  (length - head) / OS_SOCKET_FILTER_BYTES);
	return r;
}

int inet_options_give(int fd, const struct contents *contents, struct refusal *refusal)
{
	struct os_inet_options *options = malloc(sizeof(*options));
	uint32_t at = 0, length;
	const uint8_t *piece;
	int number = 0;

	if (!options)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	int filtered = give_filter(fd, contents);

	options->count = 0;
	while ((piece = contents_next(contents, &at, &length))) {
		if (!is_option(piece, length))
			continue;
		assert(options->count < OS_INET_OPTIONS_MAX);
		memcpy(&options->option[options->count++], piece, length);
	}
	int r = filtered ? 0 : os_inet_options_give(fd, options, &number);

	free(options);
	if (filtered)
		return refusal_set(
			refusal, EDVSPROCSTS,
			"the target cannot attach the filter of a socket of the process: "
			"%s",
			strerror(-filtered));
	if (r == 0)
		return 0;
	if (r == -ENODEV)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process has a socket that sends by an interface that the "
				   "target does not have (socket option number %d)",
				   number);
	return refusal_set(refusal, EDVSPROCSTS,
			   "the target cannot set the socket option number %d of a socket of the "
			   "process: %s",
			   number, strerror(-r));
}
