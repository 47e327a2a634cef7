/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_ASK_REATTACH_H
#define DVS_NODE_ASK_REATTACH_H

/*
 * Requests for another node while its link is down, for as long as its daemon takes to be restarted or longer. A
 * follower of a process there (`dvs logs -f`, `dvs run --wait`) stays attached without limit, and its request is sent
 * again with the byte that it had got to. A request that was not sent yet, or that may be asked twice, waits for a
 * second. Everything else fails. Node lock held.
 */

#include <stdbool.h>

#include "core/again.h"
#include <stdint.h>

struct request;
struct requests;

/* Whether somebody follows, and was answered far enough to be attached again. */
bool reattach_possible(const struct request *request);
/*
 * May a restarted daemon know nothing of this request, which another node has not answered yet? Askers inside this
 * daemon and followers ask again, and so does another node, which this one only passed the request on for, if the call
 * changes nothing.
 */
bool reattach_without(const struct request *request);
/*
 * The link to node request->head.node is down; fate: how far the request had come. Keeps it if it may be asked
 * again. False: the request is the caller's, untouched.
 */
bool reattach_keep(struct request *request, enum again_fate fate);
/* One who followed before this daemon was restarted, with the generation of the endpoint. */
void reattach_adopt(struct request *request, int owner, uint32_t generation);
/* The link to a node is up. */
void reattach_on_link(struct requests *requests, int peer);
/* A node has left the cluster: its processes have ended. */
void reattach_on_left(struct requests *requests, int peer);

#endif
