/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_ASK_DOOR_H
#define DVS_NODE_ASK_DOOR_H

/* The control sockets: the abstract name for programs, a path for the command line. */

#include <stdbool.h>

struct requests;
struct door;

/* path may be NULL. 0 or negative errno (-EADDRINUSE: another daemon serves this network namespace). */
int door_new(struct requests *requests, const char *path, struct door **doorp);
/* With sockets that listen already: the abstract name's, and the path's or -1. Takes them. */
int door_adopt(struct requests *requests, const char *path, const int fds[2], struct door **doorp);
/* Of the socket in the file system; "" if there is none. */
const char *door_path(const struct door *door);
void door_fds(const struct door *door, int fds[2]);
/* Whether who connects waits at the door. */
void door_pause(struct door *door, bool pause);
struct door *door_free(struct door *door);

#endif
