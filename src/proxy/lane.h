/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_PROXY_LANE_H
#define DVS_PROXY_LANE_H

/*
 * One end of a lane (wire/lane.h): parts of a data copy, out and in. Every call may block for
 * LANE_SILENT_MS at most, or until lane_shut(), and belongs to the thread that has the lane; only
 * lane_shut() may come from another one. No call is made with the node lock but that. A failure on the way is a
 * negative errno, and the lane is to be freed then.
 *
 * The bytes under way are bounded by the room of the socket; a reader that is slow holds up nobody but its own
 * copy, because each copy under way has a lane of its own.
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/attention.h"
#include "os/secure.h"
#include "wire/lane.h"

#define LANE_SILENT_MS 10000

struct lane;

/* Takes the connection, whatever the result; copies the costs. 0 or -ENOMEM. */
int lane_new(struct lane **lanep, struct secure *secure, const struct attention_costs *costs);
struct lane *lane_free(struct lane *lane); /* returns NULL */
/* It was made with another key than one that is made now. */
bool lane_is_outdated(const struct lane *lane);
/* A thread that waits in a call of this lane is told an error. */
void lane_shut(struct lane *lane);

int lane_send_ask(struct lane *lane, const struct lane_ask *ask);
/* Waits for one without limit of time. -ECONNRESET: the other side is done with the lane. */
int lane_wait_ask(struct lane *lane, struct lane_ask *ask);

/* Room for LANE_DATA_MAX bytes of data, to be filled; then its first `bytes` are sent. */
uint8_t *lane_room(struct lane *lane);
int lane_send(struct lane *lane, uint32_t bytes);
int lane_send_end(struct lane *lane, uint32_t done, int result);

/* The next part; data of it, already unpacked, is at *datap until the next call. */
int lane_receive(struct lane *lane, struct lane_part *part, uint8_t **datap);
/* Has the other side said something? */
bool lane_peek(struct lane *lane);

#endif
