/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_ASK_SERVER_H
#define DVS_NODE_ASK_SERVER_H

/* The control sockets: the abstract name for programs, a path for the command line. */

#include <stdbool.h>

struct node;
struct server;

/* path may be NULL. 0 or negative errno (-EADDRINUSE: another daemon serves this network namespace). */
int server_new(struct node *node, const char *path, struct server **serverp);
/* With sockets that listen already: the abstract name's, and the path's or -1. Takes them. */
int server_adopt(struct node *node, const char *path, const int fds[2], struct server **serverp);
/* Of the socket in the file system; "" if there is none. */
const char *server_path(const struct server *server);
void server_fds(const struct server *server, int fds[2]);
/* Whether who connects waits at the door. */
void server_pause(struct server *server, bool pause);
struct server *server_free(struct server *server);

#endif
