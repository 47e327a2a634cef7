/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_MOVE_DIALOGUE_H
#define DVS_NODE_MOVE_DIALOGUE_H

/* Records of wire/move.h on a migration's own connection. Blocking; never with the node lock held. */

#include <stdint.h>

#include "base/refusal.h"
#include "os/secure.h"
#include "wire/move.h"

#include "core/plan.h"

#define DIALOGUE_LOSS_MS 2000 /* os_tcp_notice_loss() on both ends */

/*
 * How long one waits. A step has no limit of its own: when the plan's has passed, its connection is shut
 * down.
 */
#define DIALOGUE_STEP	    (-1)
#define DIALOGUE_LAST_WORDS ((int)(PLAN_LAST_WORDS_NS / 1000000))

/* 0 or negative errno, and the refusal says that the connection to the other node failed. */
int dialogue_send(struct secure *secure, enum move_record record, const void *payload,
		  uint32_t bytes, int timeout_ms, struct refusal *refusal);
/* Reads a record of this kind, of exactly `size` bytes. */
int dialogue_receive(struct secure *secure, enum move_record record, void *payload, uint32_t size,
		     int timeout_ms, struct refusal *refusal);
/* The same in a step, for a record of any size up to MOVE_STATE_MAX; *payloadp is the caller's to free. */
int dialogue_receive_any(struct secure *secure, enum move_record record, uint8_t **payloadp,
			 uint32_t *bytes, struct refusal *refusal);
/* Sends a verdict made of a refusal (error 0: good). */
int dialogue_verdict(struct secure *secure, const struct refusal *refusal, int pid, uint64_t ns);
/* Sends the good verdict that files are lacking. */
int dialogue_want(struct secure *secure, struct refusal *refusal);
/* Waits for one: 0 and *verdict, or what it refuses, in *refusal. */
int dialogue_await(struct secure *secure, struct move_verdict *verdict, int timeout_ms,
		   struct refusal *refusal);

#endif
