/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_GROUP_CHILD_RIG_TEST_H
#define DVS_GROUP_CHILD_RIG_TEST_H

/* The server of a rig, in a child process that can be killed at any moment. For test programs. */

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "os/socket.h"

static pid_t server;	  /* 0: none runs */
static int server_orders; /* to the child, which has the other end */

/* run() writes a byte to its end when the server can be called, and does not return. */
static void server_start(void (*run)(int orders))
{
	int fds[2];
	char c;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		exit(1);
	server = fork();
	if (!server) {
		close(fds[0]);
		run(fds[1]);
	}
	close(fds[1]);
	server_orders = fds[0];
	CHECK_EQ(os_read_full(server_orders, &c, 1, 3000), 0);
}

/* Also when it does not run. The members find that the group is lost. */
static void rig_stop(void)
{
	if (!server)
		return;
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	server = 0;
	close(server_orders);
}

#endif
