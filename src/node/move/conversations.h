/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_MOVE_CONVERSATIONS_H
#define DVS_NODE_MOVE_CONVERSATIONS_H

/*
 * The conversations of a moving process: its lines, notifications, doorbell and status, taken from the
 * pages at the source and merged into the pages at the target. Node lock held.
 */

#include <stdint.h>

#include "wire/move.h"

struct node;
struct binding;
struct task;

/*
 * After exchange_hold(): everything into one block, owned by the caller; with the log of that task, unless it is NULL.
 * 0 or -ENOMEM.
 */
int conversations_pack(struct binding *binding, const struct task *logged, uint32_t move,
		       uint8_t **bytesp, uint32_t *lenp);
/* Checks what arrived: sizes and counts against len. 0 or -EBADMSG. */
int conversations_check(const uint8_t *bytes, uint32_t len);
/* After the pages of binding_take() exist and the commit was applied. */
void conversations_unpack(struct binding *binding, const uint8_t *bytes);
/* The part that wakes it, for one whose conversations are over. */
void conversations_unpack_bell(struct binding *binding, const uint8_t *bytes);
/* The part that the status page must show before the process runs. */
void conversations_unpack_status(struct binding *binding, const uint8_t *bytes);

#endif
