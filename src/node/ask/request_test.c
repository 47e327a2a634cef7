/* SPDX-License-Identifier: Apache-2.0 */
#include "node/ask/request.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "dvk.h"
#include "node/ask/asker_test.h"
#include "node/state/order.h"
#include "os/loop.h"
#include "os/self.h"
#include "os/socket.h"

#define OWN 2

static struct os_loop *loop;
static struct order order;
static struct requests requests;
static struct ctl_counters counters;
static struct answer answer;
static struct request *dispatched;
static unsigned dispatches;

static void dispatch(struct request *request)
{
	dispatched = request;
	dispatches++;
	os_loop_stop(loop);
}

static void set_up(void)
{
	CHECK_EQ(os_loop_new(&loop, NULL), 0);
	order = (struct order){ .self = OWN };
	requests = (struct requests){
		.order = &order, .loop = loop, .dispatch = dispatch, .counters = &counters
	};
	dispatched = NULL;
	dispatches = 0;
}

static void tear_down(void)
{
	CHECK(!requests.clients);
	loop = os_loop_free(loop);
}

/* A client of this uid, which is this program; the other end of its connection. */
static int connect_as(uid_t uid)
{
	struct os_peer peer = { .pid = os_self_pid(), .uid = uid };
	int pair[2];

	CHECK_EQ(os_unix_pair(OS_PACKET, pair), 0);
	os_set_nonblock(pair[0], 1);
	request_accept(&requests, pair[0], &peer);
	return pair[1];
}

static int parse(struct ctl_request head, uint32_t bytes)
{
	uint8_t packet[sizeof(head) + 8] = { 0 };
	struct request *request = asker_request(&requests, 0, &answer);
	int r;

	memcpy(packet, &head, sizeof(head));
	r = request_parse(request, packet, bytes);
	if (r == 0) {
		CHECK_EQ(request->head.name[sizeof(request->head.name) - 1], 0);
		CHECK_EQ(request->payload != NULL, request->head.payload_bytes != 0);
	}
	request_end(request, 0, NULL, 0, NULL, 0);
	return r;
}

static void test_the_first_words(void)
{
	struct ctl_request head = { .magic = CTL_MAGIC,
				    .version = CTL_VERSION,
				    .payload_bytes = 8 };

	set_up();
	memset(head.name, 'x', sizeof(head.name));
	CHECK_EQ(parse(head, sizeof(head) + 8), 0);
	CHECK(parse(head, sizeof(head) + 7) < 0);
	CHECK(parse(head, sizeof(head) - 1) < 0);
	head.payload_bytes = 9;
	CHECK(parse(head, sizeof(head) + 8) < 0);
	head.payload_bytes = 0;
	CHECK_EQ(parse(head, sizeof(head)), 0);
	head.version++;
	CHECK(parse(head, sizeof(head)) < 0);
	head.version--;
	head.magic++;
	CHECK(parse(head, sizeof(head)) < 0);
	tear_down();
}

static void test_a_client(void)
{
	struct ctl_request head = { .magic = CTL_MAGIC, .version = CTL_VERSION, .call = CTL_NODES };
	struct ctl_reply reply;
	int fd;

	set_up();
	fd = connect_as(1000);
	CHECK_EQ(os_packet_send(fd, &head, sizeof(head), NULL, 0), 0);
	CHECK_EQ(os_loop_run(loop), 0);
	CHECK_OR_RETURN(dispatched);
	CHECK_EQ(dispatched->uid, 1000);
	CHECK_EQ(dispatched->head.call, CTL_NODES);
	request_fail(dispatched, EDVSBADDCID, "there is no DC %d", 99);
	CHECK_EQ(os_packet_recv(fd, &reply, sizeof(reply), NULL, NULL), sizeof(reply));
	CHECK_EQ(reply.packet, CTL_END);
	CHECK_EQ(reply.error, EDVSBADDCID);
	CHECK(!strcmp(reply.sentence, "there is no DC 99"));
	os_close(fd);
	tear_down();
}

static void stop(void *ctx)
{
	(void)ctx;
	os_loop_stop(loop);
}

static void run_for_a_while(void)
{
	struct os_source *timer;

	CHECK_EQ(os_source_timer(loop, 50000, stop, NULL, &timer), 0);
	CHECK_EQ(os_loop_run(loop), 0);
	os_source_free(timer);
}

static void test_another_release(void)
{
	struct ctl_request head = { .magic = CTL_MAGIC, .version = CTL_VERSION + 1 };
	struct ctl_reply reply;
	int fd;

	set_up();
	fd = connect_as(1000);
	CHECK_EQ(os_packet_send(fd, &head, sizeof(head), NULL, 0), 0);
	run_for_a_while();
	CHECK_EQ(dispatches, 0);
	CHECK_EQ(os_packet_recv(fd, &reply, sizeof(reply), NULL, NULL), sizeof(reply));
	CHECK_EQ(reply.error, EDVSVERSION);
	os_close(fd);
	tear_down();
}

static unsigned cancels;

static void note_cancel(struct request *request)
{
	(void)request;
	cancels++;
}

/* Its keeper is told, and its answer goes nowhere. */
static void test_a_client_that_goes_away(void)
{
	struct ctl_request head = { .magic = CTL_MAGIC, .version = CTL_VERSION };
	struct request *kept = NULL;
	int fd, silent;

	set_up();
	cancels = 0;
	silent = connect_as(1000);
	fd = connect_as(1000);
	CHECK_EQ(os_packet_send(fd, &head, sizeof(head), NULL, 0), 0);
	CHECK_EQ(os_loop_run(loop), 0);
	CHECK_OR_RETURN(dispatched);
	request_keep(&kept, dispatched, NULL, note_cancel);
	CHECK(kept == dispatched);
	os_close(fd);
	os_close(silent); /* this one has said nothing: nobody keeps it */
	run_for_a_while();
	CHECK_EQ(cancels, 1);
	CHECK_EQ(dispatched->fd, -1);
	CHECK(request_unkeep(&kept, dispatched));
	CHECK(!request_unkeep(&kept, dispatched));
	request_end(dispatched, 0, NULL, 0, NULL, 0);
	tear_down();
}

static unsigned parts;
static int64_t reaches;

static void note_part(void *asker, int node, const struct ctl_reply *reply, const void *payload)
{
	(void)asker;
	(void)node;
	(void)payload;
	if (reply->packet != CTL_DATA)
		return;
	parts++;
	CHECK_EQ(reply->value - reaches, reply->payload_bytes);
	reaches = reply->value;
}

/* Long data goes in parts, and each part says how far it reaches. */
static void test_data(void)
{
	static uint8_t bytes[100000];
	struct request *request;

	set_up();
	request = asker_request(&requests, CTL_LOGS, &answer);
	request->told = note_part;
	request->data_sent = 1000;
	parts = 0;
	reaches = 1000;
	request_data(request, bytes, sizeof(bytes));
	CHECK_EQ(request->data_sent, 101000);
	CHECK_EQ(reaches, 101000);
	CHECK_EQ(parts, 4);
	request_end(request, 0, NULL, 0, NULL, 0);
	tear_down();
}

static bool is_open(int fd)
{
	return os_poll(fd, OS_READ, 0) < 0;
}

/* For a newcomer: the oldest that has said nothing, and of root only if there is no other. */
static void test_evicting(void)
{
	int root, first, second;

	set_up();
	CHECK(!request_evict_silent(&requests));
	root = connect_as(0);
	first = connect_as(1000);
	second = connect_as(1001);
	CHECK(request_evict_silent(&requests));
	CHECK(is_open(root) && !is_open(first) && is_open(second));
	CHECK(request_evict_silent(&requests));
	CHECK(is_open(root) && !is_open(second));
	CHECK(request_evict_silent(&requests));
	CHECK(!is_open(root));
	os_close(root);
	os_close(first);
	os_close(second);
	tear_down();
}

static void test_overdue_first_words(void)
{
	int old, young;

	set_up();
	CHECK(!request_drop_overdue(&requests));
	old = connect_as(1000);
	requests.clients->since_ns = 0;
	young = connect_as(1000);
	CHECK(request_drop_overdue(&requests));
	CHECK(!is_open(old) && is_open(young));
	requests.clients->head.magic = CTL_MAGIC; /* it has said something */
	requests.clients->since_ns = 0;
	CHECK(!request_drop_overdue(&requests));
	CHECK(is_open(young));
	request_end(requests.clients, 0, NULL, 0, NULL, 0);
	os_close(old);
	os_close(young);
	tear_down();
}

/* The number of a client that has ended may be another process's by now: it gets no descriptors. */
static void test_descriptors_for_one_that_has_ended(void)
{
	struct request *request;
	struct ctl_reply reply;
	int fd;

	set_up();
	fd = connect_as(1000);
	request = requests.clients;
	request->pid = 1;
	CHECK(!request_caller_is_there(request));
	request_end(request, 7, NULL, 0, &fd, 1);
	CHECK_EQ(os_packet_recv(fd, &reply, sizeof(reply), NULL, NULL), sizeof(reply));
	CHECK_EQ(reply.error, EDVSBADPID);
	CHECK_EQ(reply.fds, 0);
	os_close(fd);
	tear_down();
}

int main(void)
{
	TEST(test_the_first_words);
	TEST(test_a_client);
	TEST(test_another_release);
	TEST(test_a_client_that_goes_away);
	TEST(test_data);
	TEST(test_evicting);
	TEST(test_overdue_first_words);
	TEST(test_descriptors_for_one_that_has_ended);
	return test_end();
}
