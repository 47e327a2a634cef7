/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_WATCH_H
#define DVS_NODE_WATCH_H

/* The bell thread: looks at the node bell until node->bell_stop. arg: struct node; for os/threads.h. */
void *watch_main(void *arg);

#endif
