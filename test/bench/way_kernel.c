/* SPDX-License-Identifier: Apache-2.0 */

/* What the kernel offers: two system calls on each side for a round trip. */

#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/way.h"

enum end {
	NEAR_IN,
	NEAR_OUT,
	FAR_IN,
	FAR_OUT
};

/* ---- descriptors: pipes, sockets, counters ---- */

static void pass(int in, int out, size_t bytes, int reading_first)
{
	char buffer[WAY_BYTES] = { 1 };
	ssize_t done = reading_first ? read(in, buffer, bytes) : write(out, buffer, bytes);

	if (done != (ssize_t)bytes)
		way_fail("first half of a round trip");
	done = reading_first ? write(out, buffer, bytes) : read(in, buffer, bytes);
	if (done != (ssize_t)bytes)
		way_fail("second half of a round trip");
}

static void fd_serve(struct way_pair *pair)
{
	for (;;)
		pass(pair->end[FAR_IN], pair->end[FAR_OUT], WAY_BYTES, 1);
}

static void fd_trip(struct way_pair *pair)
{
	pass(pair->end[NEAR_IN], pair->end[NEAR_OUT], WAY_BYTES, 0);
}

static void pipe_prepare(struct way_pair *pair)
{
	int there[2], back[2];

	if (pipe(there) < 0 || pipe(back) < 0)
		way_fail("pipe");
	pair->end[NEAR_IN] = back[0];
	pair->end[NEAR_OUT] = there[1];
	pair->end[FAR_IN] = there[0];
	pair->end[FAR_OUT] = back[1];
}

static void unix_prepare(struct way_pair *pair)
{
	int end[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, end) < 0)
		way_fail("socketpair");
	pair->end[NEAR_IN] = pair->end[NEAR_OUT] = end[0];
	pair->end[FAR_IN] = pair->end[FAR_OUT] = end[1];
}

static void eventfd_prepare(struct way_pair *pair)
{
	int there = eventfd(0, 0), back = eventfd(0, 0);

	if (there < 0 || back < 0)
		way_fail("eventfd");
	pair->end[NEAR_IN] = pair->end[FAR_OUT] = back;
	pair->end[NEAR_OUT] = pair->end[FAR_IN] = there;
}

static void eventfd_serve(struct way_pair *pair)
{
	for (;;)
		pass(pair->end[FAR_IN], pair->end[FAR_OUT], sizeof(uint64_t), 1);
}

static void eventfd_trip(struct way_pair *pair)
{
	pass(pair->end[NEAR_IN], pair->end[NEAR_OUT], sizeof(uint64_t), 0);
}

/* ---- POSIX queues ---- */

static mqd_t queue(const struct way_pair *pair, const char *side)
{
	struct mq_attr attr = { .mq_maxmsg = 1, .mq_msgsize = WAY_BYTES };
	char name[64];
	mqd_t mq;

	snprintf(name, sizeof(name), "/local_bench.%d.%d.%s", (int)getpid(), pair->number, side);
	mq = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
	if (mq < 0)
		way_fail("mq_open");
	mq_unlink(name);
	return mq;
}

static void mq_prepare(struct way_pair *pair)
{
	pair->end[NEAR_IN] = queue(pair, "back");
	pair->end[NEAR_OUT] = queue(pair, "there");
}

static void mq_serve(struct way_pair *pair)
{
	char bytes[WAY_BYTES];

	for (;;) {
		if (mq_receive(pair->end[NEAR_OUT], bytes, WAY_BYTES, NULL) < 0 ||
		    mq_send(pair->end[NEAR_IN], bytes, WAY_BYTES, 0) < 0)
			way_fail("POSIX queue, server");
	}
}

static void mq_trip(struct way_pair *pair)
{
	char bytes[WAY_BYTES] = { 1 };

	if (mq_send(pair->end[NEAR_OUT], bytes, WAY_BYTES, 0) < 0 ||
	    mq_receive(pair->end[NEAR_IN], bytes, WAY_BYTES, NULL) < 0)
		way_fail("POSIX queue, client");
}

/* ---- System V queues ---- */

struct parcel {
	long type;
	char bytes[WAY_BYTES];
};

static void sysv_prepare(struct way_pair *pair)
{
	pair->end[NEAR_IN] = msgget(IPC_PRIVATE, 0600);
	pair->end[NEAR_OUT] = msgget(IPC_PRIVATE, 0600);
	if (pair->end[NEAR_IN] < 0 || pair->end[NEAR_OUT] < 0)
		way_fail("msgget");
}

static void sysv_finish(struct way_pair *pair)
{
	msgctl(pair->end[NEAR_IN], IPC_RMID, NULL);
	msgctl(pair->end[NEAR_OUT], IPC_RMID, NULL);
}

static void sysv_serve(struct way_pair *pair)
{
	struct parcel parcel;

	/* The queues are removed when the measurement is over, perhaps before we are killed. */
	while (msgrcv(pair->end[NEAR_OUT], &parcel, WAY_BYTES, 0, 0) >= 0 &&
	       msgsnd(pair->end[NEAR_IN], &parcel, WAY_BYTES, 0) >= 0)
		;
	pause();
}

static void sysv_trip(struct way_pair *pair)
{
	struct parcel parcel = { .type = 1 };

	if (msgsnd(pair->end[NEAR_OUT], &parcel, WAY_BYTES, 0) < 0 ||
	    msgrcv(pair->end[NEAR_IN], &parcel, WAY_BYTES, 0, 0) < 0)
		way_fail("System V queue");
}

const struct way ways_kernel[] = {
	{ "pipe", pipe_prepare, fd_serve, NULL, fd_trip, NULL },
	{ "unix", unix_prepare, fd_serve, NULL, fd_trip, NULL },
	{ "mq", mq_prepare, mq_serve, NULL, mq_trip, NULL },
	{ "sysv", sysv_prepare, sysv_serve, NULL, sysv_trip, sysv_finish },
	{ "eventfd", eventfd_prepare, eventfd_serve, NULL, eventfd_trip, NULL },
	{ 0 },
};
