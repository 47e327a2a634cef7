/* SPDX-License-Identifier: Apache-2.0 */

/* The obstacles to a request about an image, and the file that is taken. */

#include "node/move/image.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/refusal.h"
#include "dvk.h"
#include "node/ask/asker_test.h"
#include "node/move/move.h"
#include "node/state/order.h"
#include "os/lock.h"
#include "os/pid.h"
#include "os/socket.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct order order;
static struct moves moves;
static struct requests requests;
static struct ctl_counters counters;
static struct answer answer;

static void set_up(void)
{
	order = (struct order){ .self = 2 };
	requests = (struct requests){ .order = &order, .moves = &moves, .counters = &counters };
	moves = (struct moves){ .lock = &lock, .order = &order, .requests = &requests };
}

static void test_no_key(void)
{
	set_up();
	CHECK(!image_may(asker_request(&requests, CTL_IMAGE, &answer)));
	CHECK_EQ(answer.ends, 1);
	CHECK_EQ(answer.error, EDVSINVAL);
}

/* A user has a part of the memory: of images at once, few. */
static void test_share(void)
{
	struct request *request;
	unsigned may = 0;

	set_up();
	moves.keys = (struct secure_keys *)&order;
	for (unsigned i = 0; i < share_most(SHARE_IMAGES); i++) {
		request = asker_request(&requests, CTL_IMAGE, &answer);
		request->uid = 7;
		may += image_may(request);
		request_end(request, 0, NULL, 0, NULL, 0);
	}
	CHECK_EQ(may, share_most(SHARE_IMAGES));
	CHECK(share_most(SHARE_IMAGES) < share_most(SHARE_MOVES));
	request = asker_request(&requests, CTL_IMAGE, &answer);
	request->uid = 7;
	CHECK(!image_may(request));
	CHECK_EQ(answer.error, EDVSUSERFULL);
	while (may--)
		share_give(&requests.shares, 7, SHARE_IMAGES);
}

/* A descriptor, or -1; the process that asks is this one, if the request says so. */
static int taken(int number, pid_t pid)
{
	struct refusal refusal = REFUSAL_NONE;
	struct os_peer peer;
	struct request request = { .requests = &requests, .pidfd = -1, .head.cmd = number };
	int pair[2], fd;

	CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	CHECK_EQ(os_unix_peer(pair[0], &peer), 0);
	os_peer_watch(pair[0], &peer);
	request.fd = pair[0];
	request.pid = pid;
	request.uid = peer.uid;
	request.start = peer.start;
	fd = image_open(&moves, &request, &refusal);
	CHECK_EQ(refusal.error, fd < 0 ? EDVSINVAL : 0);
	os_close(request.pidfd);
	close(pair[0]);
	close(pair[1]);
	return fd;
}

static void test_open(void)
{
	int file = memfd_create("file", MFD_CLOEXEC), ends[2], fd;
	char byte = 0;

	set_up();
	CHECK_EQ(write(file, "x", 1), 1);
	fd = taken(file, getpid());
	CHECK_OR_RETURN(fd >= 0);
	CHECK(fd != file);
	CHECK_EQ(pread(fd, &byte, 1, 0), 1);
	CHECK_EQ(byte, 'x');
	close(fd);
	CHECK_EQ(taken(file, 0), -1); /* the asker is not known */
	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(taken(ends[0], getpid()), -1);
	close(ends[0]);
	close(ends[1]);
	close(file);
	CHECK_EQ(taken(file, getpid()), -1);
}

int main(void)
{
	TEST(test_no_key);
	TEST(test_share);
	TEST(test_open);
	return test_end();
}
