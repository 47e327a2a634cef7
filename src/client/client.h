/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CLIENT_CLIENT_H
#define DVS_CLIENT_CLIENT_H

/*
 * One control request to a node daemon and its answers. The node that is asked: the one the caller names; else
 * the one $DVS_NODE names; else the daemon of this network namespace; else the lowest lab node that answers. A
 * named node is asked through its lab socket if there is a lab, else through the daemon of this namespace,
 * which passes the request on.
 *
 * Errors are negative EDVS numbers, with the sentence in *refusal.
 *
 * A daemon that dies is followed by another one as a rule (dvs-keeper), which its callers find at once: the connections
 * of the dead one end when the next one is there. client_rows() and client_call() ask that one what may be asked twice
 * (core/again.h).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/refusal.h"
#include "wire/ctl.h"

#define LAB_FOLDER "/run/dvs/lab"

struct client {
	int fd;
	int pass_on;	 /* node for ctl_request.node; -1: the daemon that we are connected to */
	int asked;	 /* node that the caller named, -1 none */
	bool is_cut;	 /* the daemon ended before it had answered */
	uint8_t *packet; /* CTL_PACKET_MAX bytes, owned */
};

/* A request in which each field has the value that means "not said". */
struct ctl_request client_request(enum ctl_call call);

/* Connects; node is -1 or what -n said. Nothing to close when it fails. */
int client_open(struct client *client, int node, struct refusal *refusal);
void client_close(struct client *client);

int client_send(struct client *client, struct ctl_request *request, const void *payload,
		size_t payload_bytes, struct refusal *refusal);

/*
 * The next answer: its kind, CTL_ROW, CTL_DATA or CTL_END, or a negative error. *reply and *payload are
 * valid until the next call. An END that carries an error is returned as that error. timeout_ms < 0:
 * wait without limit. EDVSINTR: interrupted, after os_self_catch_interrupt().
 */
int client_next(struct client *client, struct ctl_reply **replyp, const void **payload,
		size_t *payload_bytes, int timeout_ms, struct refusal *refusal);

/*
 * After an error of client_send() or client_next(), and client_close(): is the same request to be sent once more, to a
 * client that is opened anew? *times counts the attempts, from 0. The refusal is empty then.
 */
bool client_is_asked_again(const struct client *client, const struct ctl_request *request,
			   unsigned *times, struct refusal *refusal);

/* Copies a row or an answer of another release, whatever length it came in: cut, or zero at its end. */
void client_copy(void *to, size_t size, const void *from, size_t bytes);

/*
 * The whole of a request that is answered by rows: *rows is a new array of *count rows of row_bytes
 * each, to be freed by the caller, also when an error is returned (rows that came before it). request
 * may be sent to node as in client_open(). *value: that of the END, may be NULL.
 */
int client_rows(int node, struct ctl_request *request, size_t row_bytes, void **rows, size_t *count,
		struct refusal *refusal);

/* A request that is answered by an END alone, with a payload of at most `bytes` (zeroed if shorter). */
int client_call(int node, struct ctl_request *request, const void *payload, size_t payload_bytes,
		void *answer, size_t answer_bytes, struct refusal *refusal);

#endif
