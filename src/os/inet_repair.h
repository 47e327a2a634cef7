/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_INET_REPAIR_H
#define DVS_OS_INET_REPAIR_H

/*
 * Connections of TCP, taken out of the kernel and put into it again without a word to the other end (TCP_REPAIR).
 * Needs CAP_NET_ADMIN. Nothing here blocks; errors are negative errnos.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os/inet.h"

/* Sequence numbers do not count the end of a direction (FIN). */
struct os_inet_stream {
	uint32_t sent;	   /* number after the last byte that was given to the kernel to be sent */
	uint32_t received; /* number after the last byte that has come */
	uint32_t mss;
	uint32_t
		options; /* as TCP_INFO tells them: timestamps, selective acknowledgements, scaled windows */
	uint32_t send_scale, receive_scale;
	uint32_t timestamp;
	uint32_t window[5];		    /* struct tcp_repair_window */
	uint32_t send_bytes, receive_bytes; /* sizes of the buffers, as the kernel counts */
	uint32_t chosen;		    /* which of them the program has set: SO_BUF_LOCK */
	uint32_t ends;			    /* enum os_inet_ends */
	uint32_t unsent; /* of the bytes before `sent`, those that have not left yet */
};

enum os_inet_ends {
	OS_INET_SENT_END = 1,  /* nothing more can be sent */
	OS_INET_GOT_END = 2,   /* the other end sends nothing more */
	OS_INET_READS_END = 4, /* nothing more can be read, by shutdown() */
	OS_INET_ENDS = 7,
};

/* Bytes of a queue, in order; not 0 stops. */
typedef int (*os_inet_each)(void *ctx, bool sending, const uint8_t *bytes, size_t length);

/*
 * The facts of it, and the bytes that nobody has read and that the other end has not acknowledged. The connection is
 * afterwards as it was. -EUCLEAN: it has an urgent byte (MSG_OOB).
 */
int os_inet_repair_look(int fd, struct os_inet_stream *stream, os_inet_each each, void *ctx);

/* The same of one that is over: the sizes of its buffers, and the bytes that nobody has read. It has no numbers. */
int os_inet_repair_look_over(int fd, struct os_inet_stream *stream, os_inet_each each, void *ctx);

/* The number that the asking for a connection has, which has no answer. */
int os_inet_repair_look_start(int fd, struct os_inet_stream *stream);

/*
 * Makes a connection of a fresh socket, whose next byte to be sent has the number `sent`, and whose next one to come
 * has `received`. It stays in repair, where it says nothing, until it leaves; closed before that it says nothing
 * either.
 */
struct os_inet_made {
	bool is_v6;
	struct os_inet_end own, peer;
	uint32_t sent, received;
	const struct os_inet_stream *stream;
};
int os_inet_repair_make(int fd, const struct os_inet_made *made);

/* Puts bytes into a queue, as if they had come, or as if they had been sent and not been acknowledged. */
int os_inet_repair_fill(int fd, bool sending, const uint8_t *bytes, size_t length);

/* The windows of both directions, when the queue is filled. */
int os_inet_repair_window(int fd, const uint32_t window[5]);

/* Into repair: closed now it says nothing. */
int os_inet_repair_silence(int fd);

/*
 * Out of repair: it is a connection as any other one. reuses: SO_REUSEADDR, which repair changes. asks: the other end
 * is asked at once for the number that it has got up to.
 */
int os_inet_repair_leave(int fd, bool reuses, bool asks);

/* Out of repair, in any state: nothing is sent or received by it any more, which its owner sees. */
void os_inet_repair_give_up(int fd);

/*
 * A fresh socket asks for a connection, with the number of an earlier one that has asked for the same. It does not
 * block afterwards. reuses: SO_REUSEADDR.
 */
int os_inet_repair_start(int fd, const struct os_inet_made *made, bool reuses);

/*
 * The other end of it, in repair or out of it, has sent its last byte: made has the numbers that come next now, but
 * sent is that up to which the other end has told that it has got. alone: there is no other end, and the kernel is not
 * to say so. -ETIMEDOUT: something keeps packets from it.
 */
int os_inet_repair_get_end(int fd, const struct os_inet_made *made, bool alone);
/*
 * The connection is over, and nobody is told; it has the error afterwards (ECONNRESET, EPIPE) or none (0). Where
 * something keeps packets from it, and it is to have no error, the other end is told; -ETIMEDOUT if it is to have one.
 */
int os_inet_repair_end(int fd, const struct os_inet_made *made, int error);

/* Gives it bytes to be sent. All or an error. */
int os_inet_repair_send(int fd, const uint8_t *bytes, size_t length);

/* Its buffers and its ends as they were, when all bytes are where they belong. */
int os_inet_repair_finish(int fd, const struct os_inet_stream *stream);

#endif
