/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_COPY_STREAM_H
#define DVS_NODE_COPY_STREAM_H

/*
 * Data copies: workers, each with lanes of its own to other nodes, take parts of a copy
 * from the source to the destination. The memory may be that of a file, or of a page that its process brings
 * by itself: how long its pages take is in others' hands. While one part is read here the parts before it are on their
 * way and are written there, because sockets hold some. Called with the node lock.
 */

struct copies;
struct copy_task;
struct secure;
struct streams;

/* A worker does it, sooner or later; it ends by copy_finish(), or by copy_park() for another turn. */
void stream_start(struct copy_task *task);
/* It is over with this result: its worker lets go within one part. */
void stream_stop(struct copy_task *task, int code);
/* Parts on their way between here and that node are not answered any more: they are tried again. */
void stream_shake(struct copy_task *task, int peer);

/* stream_serve.c: a lane was made to us; takes the connection. */
void stream_serve(struct copies *copies, int from, struct secure *secure);

#endif
