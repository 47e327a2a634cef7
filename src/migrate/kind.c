/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/kind.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

/* In the order in which they are tried: the node's own first, whatever they are; a file is what remains. */
static const struct {
	uint32_t kind; /* 0: none that is carried */
	const struct kind *row;
} kinds[] = {
	{ IMAGE_DESCRIPTION_FOREIGN, &kind_foreign },
	{ IMAGE_DESCRIPTION_EVENTFD, &kind_eventfd },
	{ IMAGE_DESCRIPTION_EPOLL, &kind_epoll },
	{ IMAGE_DESCRIPTION_PIPE, &kind_pipe },
	{ IMAGE_DESCRIPTION_TIMERFD, &kind_timerfd },
	{ IMAGE_DESCRIPTION_SIGNALFD, &kind_signalfd },
	{ IMAGE_DESCRIPTION_INOTIFY, &kind_inotify },
	{ IMAGE_DESCRIPTION_PIDFD, &kind_pidfd },
	{ IMAGE_DESCRIPTION_UNIX_STREAM, &kind_unix_stream },
	{ IMAGE_DESCRIPTION_INET_SOCKET, &kind_inet_socket },
	{ IMAGE_DESCRIPTION_INET_CONNECTION, &kind_inet_connection },
	{ IMAGE_DESCRIPTION_UNIX_MESSAGES, &kind_unix_messages },
	{ IMAGE_DESCRIPTION_UNIX_SOCKET, &kind_unix_socket },
	{ IMAGE_DESCRIPTION_UNIX_CONNECTION, &kind_unix_connection },
	{ IMAGE_DESCRIPTION_FIFO, &kind_fifo },
	{ IMAGE_DESCRIPTION_TERMINAL_MASTER, &kind_terminal_master },
	{ IMAGE_DESCRIPTION_TERMINAL, &kind_terminal },
	{ IMAGE_DESCRIPTION_KERNEL_FILE, &kind_kernel_file },
	{ IMAGE_DESCRIPTION_MQUEUE, &kind_mqueue },
	{ IMAGE_DESCRIPTION_NETLINK, &kind_netlink },
	{ IMAGE_DESCRIPTION_PACKET, &kind_packet },
	{ 0, &kind_refused },
	{ IMAGE_DESCRIPTION_FILE, &kind_file },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

const struct kind *kind_of(uint32_t kind)
{
	assert(kind);
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].kind == kind)
			return kinds[i].row;
	return NULL;
}

void kind_find_alone(const struct kind_seen *seen, struct kind_known *known)
{
	*known = (struct kind_known){ 0 };
	assert(!seen->known);
	for (size_t i = 0; i < KINDS && !known->row; i++) {
		if (!kinds[i].row->finds_alone)
			continue;
		if (kinds[i].row->find(seen, &known->image, &known->refusal) == 0)
			continue;
		known->image.kind = kinds[i].kind;
		known->row = kinds[i].row;
	}
}

/* The answer of one row; those that were asked before are not asked again. */
static int ask(const struct kind *row, const struct kind_seen *seen,
	       struct image_description *image, struct refusal *refusal)
{
	const struct kind_known *known = seen->known;

	if (!known || !row->finds_alone)
		return row->find(seen, image, refusal);
	if (known->row != row)
		return 0;
	memcpy(image->body, known->image.body, sizeof(image->body));
	return known->refusal.error ? refusal_set_number(refusal, known->refusal.error, "%s",
							 known->refusal.reason)
				    : 1;
}

int kind_find(const struct kind_seen *seen, struct image_description *image,
	      const struct kind **row, struct refusal *refusal)
{
	for (size_t i = 0; i < KINDS; i++) {
		int r = ask(kinds[i].row, seen, image, refusal);

		if (r == 0)
			continue;
		image->kind = kinds[i].kind;
		*row = kinds[i].row;
		return r < 0 ? r : 0;
	}
	assert(!"a file is what remains");
	return 0;
}
