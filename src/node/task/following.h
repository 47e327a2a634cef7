/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_TASK_FOLLOWING_H
#define DVS_NODE_TASK_FOLLOWING_H

/* The requests that follow what a task writes, or wait for its end. Node lock held. */

#include <stdint.h>

struct tasks;
struct output;
struct request;
struct task;

/* Gives a task its output (owned from now on), whose first byte is the task's byte number `start`. */
void following_take_output(struct task *task, struct output *output, uint64_t start);
/* Takes it from the task, which may be freed then: the caller owns it, or gets NULL. Nobody hears of its bytes. */
struct output *following_give_output(struct task *task);
/* Sends what is kept of its output from byte `from` on. */
void following_send(struct task *task, struct request *request, uint64_t from);

/* The request sees new bytes, and the end. */
void following_add(struct task *task, struct request *request);
/* The request waits for the end, and gets the wait status. */
void following_await_end(struct task *task, struct request *request);

/* Another node gives up this request of a client of its own. */
void following_cancel(struct tasks *tasks, int from, uint64_t id);
/* Those of another node, which asks again when it can; and what waited for the end is given up. */
void following_drop(struct tasks *tasks, int from);
/* The task has ended, also while its endpoint is still held; or is forgotten. */
void following_end(struct task *task);
/* It runs on another node from now on. */
void following_move(struct task *task, int to);

#endif
