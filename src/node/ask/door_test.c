/* SPDX-License-Identifier: Apache-2.0 */

/* The door: connections come in, wait before it, or find that no descriptor is left. */

#include "node/ask/door.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/test.h"
#include "os/turn_test.h"
#include "node/ask/request.h"
#include "node/state/order.h"
#include "os/loop.h"
#include "os/socket.h"

static struct requests requests;
static struct order order;
static struct ctl_counters counters;
static struct door *door;
static char name[64], folder[] = "/tmp/dvs.door.XXXXXX", path[64];
static unsigned dispatched;

static unsigned crowd; /* how many more come, each when the one before it is served */

static void comes_next(void)
{
	struct ctl_request head = { .magic = CTL_MAGIC, .version = CTL_VERSION, .call = CTL_PS };
	int client = os_unix_connect(name, OS_PACKET, 1000);

	crowd--;
	CHECK(client >= 0 && os_packet_send(client, &head, sizeof(head), NULL, 0) >= 0);
	os_close(client);
}

static void dispatch(struct request *request)
{
	dispatched++;
	if (crowd)
		comes_next();
	request_end(request, 7, NULL, 0, NULL, 0);
}

/* with_path: the command line's socket as well. */
static void set_up(bool with_path)
{
	int fds[2] = { -1, -1 };

	memset(&requests, 0, sizeof(requests));
	requests.order = &order;
	requests.counters = &counters;
	requests.dispatch = dispatch;
	dispatched = 0;
	CHECK_EQ(os_loop_new(&requests.loop, NULL), 0);
	fds[0] = os_unix_listen(name, OS_PACKET);
	CHECK(fds[0] >= 0);
	if (with_path)
		fds[1] = os_unix_listen(path, OS_PACKET);
	CHECK_EQ(door_adopt(&requests, path, fds, &door), 0);
}

static void tear_down(void)
{
	turn_of(requests.loop);
	CHECK(!requests.clients);
	door = door_free(door);
	os_loop_free(requests.loop);
}

static int connects(const char *to)
{
	int fd = os_unix_connect(to, OS_PACKET, 1000);

	CHECK(fd >= 0);
	os_set_nonblock(fd, 1);
	return fd;
}

/* It asks: whether it was answered. */
static bool is_served(int client)
{
	struct ctl_request head = { .magic = CTL_MAGIC, .version = CTL_VERSION, .call = CTL_PS };
	struct ctl_reply reply = { 0 };

	if (os_packet_send(client, &head, sizeof(head), NULL, 0) < 0)
		return false;
	turn_of(requests.loop);
	return os_packet_recv(client, &reply, sizeof(reply), NULL, NULL) == sizeof(reply) &&
	       reply.value == 7;
}

static bool is_closed(int client)
{
	uint8_t byte;

	return os_packet_recv(client, &byte, 1, NULL, NULL) == 0;
}

static void test_both_sockets_let_in(void)
{
	int client[3], fds[2];

	set_up(true);
	CHECK(!strcmp(door_path(door), path));
	door_fds(door, fds);
	CHECK(fds[0] >= 0 && fds[1] >= 0);
	for (int i = 0; i < 3; i++) /* all that wait, at once */
		client[i] = connects(i == 1 ? path : name);
	for (int i = 0; i < 3; i++) {
		CHECK(is_served(client[i]));
		os_close(client[i]);
	}
	CHECK_EQ(dispatched, 3);
	tear_down();
	CHECK(access(path, F_OK) != 0); /* the next daemon finds no leftover */
}

static void test_without_a_path(void)
{
	int client;

	set_up(false);
	CHECK(!strcmp(door_path(door), ""));
	client = connects(name);
	turn_of(requests.loop);
	CHECK(requests.clients && requests.clients->pid == getpid());
	CHECK(requests.clients && requests.clients->uid == getuid());
	CHECK(is_served(client));
	os_close(client);
	tear_down();
}

static void test_clients_wait_at_the_door(void)
{
	int client[2];

	set_up(true);
	door_pause(door, true);
	client[0] = connects(name);
	client[1] = connects(path);
	for (int i = 0; i < 2; i++)
		CHECK(!is_served(client[i]));
	CHECK(!requests.clients);
	door_pause(door, false);
	turn_of(requests.loop); /* they come in, and their words are read then */
	turn_of(requests.loop);
	CHECK_EQ(dispatched, 2);
	for (int i = 0; i < 2; i++)
		os_close(client[i]);
	tear_down();
}

/* As long as one comes after the other, the rest of the daemon has its turns nevertheless. */
static void test_crowd(void)
{
	const unsigned many = 1000;

	set_up(false);
	crowd = many;
	comes_next();
	turn_of(requests.loop);
	CHECK(dispatched > 0);
	CHECK(dispatched < many); /* the timer had its turn */
	crowd = 0;
	turn_of(requests.loop);
	tear_down();
}

/* This process may open no more descriptors than it has. */
static struct rlimit limit_to_those_open(void)
{
	struct rlimit limit = { 0 }, now;
	int next = os_dup(STDOUT_FILENO);

	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	now = limit;
	now.rlim_cur = (rlim_t)next;
	os_close(next);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &now), 0);
	return limit;
}

/* One that has said nothing goes; if there is none, the new one is closed, and the loop does not turn for ever. */
static void test_descriptors_run_out(void)
{
	struct rlimit limit;
	int silent, next, last;

	set_up(false);
	silent = connects(name);
	turn_of(requests.loop);
	CHECK(requests.clients);
	next = connects(name);
	limit = limit_to_those_open();
	turn_of(requests.loop);
	CHECK(is_closed(silent));
	CHECK(requests.clients && !requests.clients->next_client);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	requests.clients->head.magic = CTL_MAGIC; /* it has asked, and waits */
	last = connects(name);
	limit = limit_to_those_open();
	turn_of(requests.loop);
	CHECK(is_closed(last));
	CHECK(!is_closed(next));
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	os_close(last);
	last = connects(name); /* the spare descriptor is there again */
	limit = limit_to_those_open();
	turn_of(requests.loop);
	CHECK(is_closed(last));
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	os_close(last);
	os_close(silent);
	requests.clients->head.magic = 0;
	os_close(next);
	tear_down();
}

/* As long as there are connections that have said nothing, they are looked at every two seconds. */
static void test_first_words_are_overdue(void)
{
	struct os_source *timer;
	int client;

	set_up(false);
	client = connects(name);
	turn_of(requests.loop);
	CHECK_OR_RETURN(requests.clients);
	requests.clients->since_ns -= INT64_C(10000000000);
	CHECK(!is_closed(client));
	CHECK_EQ(os_source_timer(requests.loop, 2300000, turn_stop, requests.loop, &timer), 0);
	CHECK_EQ(os_loop_run(requests.loop), 0);
	os_source_free(timer);
	CHECK(is_closed(client));
	CHECK(!requests.clients);
	os_close(client);
	tear_down();
}

int main(void)
{
	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof(path), "%s/socket", folder);
	snprintf(name, sizeof(name), "@dvs.door.%d", (int)getpid());
	TEST(test_both_sockets_let_in);
	TEST(test_without_a_path);
	TEST(test_clients_wait_at_the_door);
	TEST(test_crowd);
	TEST(test_descriptors_run_out);
	TEST(test_first_words_are_overdue);
	rmdir(folder);
	return test_end();
}
