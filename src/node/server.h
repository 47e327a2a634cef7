/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_SERVER_H
#define DVS_NODE_SERVER_H

/* The control sockets: the abstract name for programs, a path for the command line. */

struct node;
struct server;

/* path may be NULL. 0 or negative errno (-EADDRINUSE: another daemon serves this network namespace). */
int server_new(struct node *node, const char *path, struct server **serverp);
struct server *server_free(struct server *server);

#endif
