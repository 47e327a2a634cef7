/* SPDX-License-Identifier: Apache-2.0 */
#include "node/ask/door.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/test.h"
#include "node/ask/request.h"
#include "node/state/order.h"
#include "os/loop.h"
#include "os/socket.h"

static struct os_loop *loop;
static struct order order;
static struct requests requests;
static char name[40];

static void set_up(void)
{
	int fds[2] = { -1, -1 };

	CHECK_EQ(os_loop_new(&loop, NULL), 0);
	requests = (struct requests){ .order = &order, .loop = loop };
	snprintf(name, sizeof(name), "@dvs-door-test-%d", getpid());
	fds[0] = os_unix_listen(name, OS_PACKET);
	CHECK(fds[0] >= 0);
	CHECK_EQ(door_adopt(&requests, "", fds, &requests.door), 0);
}

static void tear_down(void)
{
	requests.door = door_free(requests.door);
	while (request_evict_silent(&requests))
		;
	CHECK(!requests.clients);
	loop = os_loop_free(loop);
}

static void stop(void *ctx)
{
	(void)ctx;
	os_loop_stop(loop);
}

static int clients(void)
{
	struct os_source *timer;
	int count = 0;

	CHECK_EQ(os_source_timer(loop, 20000, stop, NULL, &timer), 0);
	CHECK_EQ(os_loop_run(loop), 0);
	os_source_free(timer);
	for (const struct request *r = requests.clients; r; r = r->next_client)
		count++;
	return count;
}

static void test_who_connects_is_let_in(void)
{
	int first, second;

	set_up();
	first = os_unix_connect(name, OS_PACKET, 0);
	second = os_unix_connect(name, OS_PACKET, 0);
	CHECK_EQ(clients(), 2);
	CHECK_EQ(requests.clients->pid, getpid());
	CHECK_EQ(requests.clients->uid, getuid());
	CHECK(!strcmp(door_path(requests.door), "")); /* it has none in the file system */
	os_close(first);
	os_close(second);
	CHECK_EQ(clients(), 0);
	tear_down();
}

/* Nobody is turned away meanwhile. */
static void test_a_pause(void)
{
	int fd;

	set_up();
	door_pause(requests.door, true);
	fd = os_unix_connect(name, OS_PACKET, 0);
	CHECK(fd >= 0);
	CHECK_EQ(clients(), 0);
	door_pause(requests.door, false);
	CHECK_EQ(clients(), 1);
	os_close(fd);
	tear_down();
}

/* One that has said nothing makes room; without such a one the newcomer is turned away, and the loop can sleep. */
static void test_descriptors_run_out(void)
{
	struct rlimit before, none;
	int old, wanting, refused, lowest;
	char byte;

	set_up();
	old = os_unix_connect(name, OS_PACKET, 0);
	CHECK_EQ(clients(), 1);
	wanting = os_unix_connect(name, OS_PACKET, 0);
	lowest = os_dup(wanting);
	os_close(lowest);
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = (rlim_t)lowest;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
	CHECK_EQ(clients(), 1);
	CHECK_EQ(os_read_full(old, &byte, 1, 0) < 0, 1); /* the old one's end */
	CHECK(os_poll(old, OS_READ, 0) == 0);
	CHECK(os_poll(wanting, OS_READ, 0) < 0);
	requests.clients->head.magic = CTL_MAGIC; /* it has said something */
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
	refused = os_unix_connect(name, OS_PACKET, 0);
	lowest = os_dup(refused);
	os_close(lowest);
	none.rlim_cur = (rlim_t)lowest;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
	CHECK_EQ(clients(), 1);
	CHECK(os_poll(wanting, OS_READ, 0) < 0);
	CHECK(os_poll(refused, OS_READ, 0) == 0);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
	requests.clients->head.magic = 0;
	os_close(old);
	os_close(wanting);
	os_close(refused);
	tear_down();
}

int main(void)
{
	TEST(test_who_connects_is_let_in);
	TEST(test_a_pause);
	TEST(test_descriptors_run_out);
	return test_end();
}
