/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_MOVE_CARRY_H
#define DVS_NODE_MOVE_CARRY_H

/*
 * The conversations of a moving process: its lines, notifications, doorbell and status, taken from the
 * pages at the source and merged into the pages at the target. Node lock held.
 */

#include <stdint.h>

#include "wire/move.h"

struct node;
struct binding;

/* After exchange_hold(): everything into one block, owned by the caller. 0 or -ENOMEM. */
int carry_pack(struct binding *process, uint32_t move, uint8_t **bytesp, uint32_t *lenp);
/* Checks what arrived: sizes and counts against len. 0 or -EBADMSG. */
int carry_check(const uint8_t *bytes, uint32_t len);
/* After the pages of binding_take() exist and the commit was applied. */
void carry_unpack(struct binding *process, const uint8_t *bytes);
/* The part that the status page must show before the process runs. */
void carry_unpack_status(struct binding *process, const uint8_t *bytes);

#endif
