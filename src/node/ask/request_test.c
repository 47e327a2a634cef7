/* SPDX-License-Identifier: Apache-2.0 */

/* Connections of clients: which words are a request, one user's part, and which connection makes room for another. */

#include "node/ask/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/refusal.h"
#include "base/test.h"
#include "os/turn_test.h"
#include "dvk.h"
#include "node/ask/asker_test.h"
#include "node/state/order.h"
#include "os/loop.h"
#include "os/socket.h"
#include "os/thread.h"

#define USER	1000
#define CLIENTS 64
#define MOST	16 /* of one user, with the descriptors that set_up() leaves */

static struct requests requests;
static struct order order;
static struct ctl_counters counters;
static int
	client[CLIENTS]; /* the far end of each connection, in the order in which they were made */
static int count;
static struct request *dispatched, *cancelled;

static void dispatch(struct request *request)
{
	dispatched = request;
}

static void on_cancel(struct request *request)
{
	cancelled = request;
}

static void set_up(void)
{
	struct rlimit limit = { 0 };

	memset(&requests, 0, sizeof(requests));
	memset(&counters, 0, sizeof(counters));
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 8 * MOST;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	CHECK_EQ(os_loop_new(&requests.loop, NULL), 0);
	requests.order = &order;
	requests.counters = &counters;
	requests.dispatch = dispatch;
	count = 0;
	dispatched = cancelled = NULL;
}

static void tear_down(void)
{
	while (count)
		os_close(client[--count]);
	turn_of(requests.loop);
	CHECK(!requests.clients);
	os_loop_free(requests.loop);
}

/* A process of that user connects: the number of the connection. */
static int connects(uid_t uid)
{
	struct os_peer peer = { .uid = uid, .gid = uid };
	int fds[2] = { -1, -1 };

	peer.pid = os_process_id();
	CHECK_EQ(os_unix_pair(OS_PACKET, fds), 0);
	os_set_nonblock(fds[0], 1);
	os_set_nonblock(fds[1], 1);
	client[count] = fds[1];
	request_accept(&requests, fds[0], &peer);
	return count++;
}

static struct ctl_request words(int call)
{
	return (struct ctl_request){ .magic = CTL_MAGIC,
				     .version = CTL_VERSION,
				     .call = (uint16_t)call };
}

/* It says that, and is heard. */
static struct request *says(int number, const struct ctl_request *head)
{
	dispatched = NULL;
	CHECK_EQ(os_packet_send(client[number], head, sizeof(*head), NULL, 0), 0);
	turn_of(requests.loop);
	return dispatched;
}

static struct request *asks(int number, int call)
{
	struct ctl_request head = words(call);
	struct request *request = says(number, &head);

	CHECK(request);
	return request;
}

/* The next packet for a client: its length, 0 once it is closed. */
static ssize_t hears(int number, struct ctl_reply *reply)
{
	uint8_t packet[sizeof(*reply) + 40000];
	ssize_t len = os_packet_recv(client[number], packet, sizeof(packet), NULL, NULL);

	memset(reply, 0, sizeof(*reply));
	if (len >= (ssize_t)sizeof(*reply))
		memcpy(reply, packet, sizeof(*reply));
	return len;
}

static bool is_closed(int number)
{
	struct ctl_reply reply;

	return hears(number, &reply) == 0;
}

/* The error by which the connection has ended. */
static int refused(int number)
{
	struct ctl_reply reply;

	CHECK_EQ(hears(number, &reply), sizeof(reply));
	CHECK_EQ(reply.packet, CTL_END);
	CHECK(is_closed(number));
	return reply.error;
}

static void end(struct request *request)
{
	if (request)
		request_end(request, 0, NULL, 0, NULL, 0);
}

static int parse(struct ctl_request head, uint32_t bytes)
{
	uint8_t packet[sizeof(head) + 8] = { 0 };
	struct answer answer;
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

static void test_first_words_and_their_length(void)
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

static void test_words_are_a_request(void)
{
	uint8_t packet[sizeof(struct ctl_request) + 4];
	struct ctl_request head = words(CTL_PS);
	struct request *request;

	set_up();
	memset(head.name, 'n', sizeof(head.name));
	head.payload_bytes = 4;
	memcpy(packet, &head, sizeof(head));
	memcpy(packet + sizeof(head), "more", 4);
	connects(USER);
	CHECK_EQ(os_packet_send(client[0], packet, sizeof(packet), NULL, 0), 0);
	turn_of(requests.loop);
	request = dispatched;
	if (request) {
		CHECK_EQ(request->head.call, CTL_PS);
		CHECK_EQ(request->uid, USER); /* as the kernel says */
		CHECK_EQ(strlen(request->head.name), sizeof(head.name) - 1);
		CHECK(request->payload && !memcmp(request->payload, "more", 4));
	}
	CHECK(request);
	end(request);
	tear_down();
}

static void test_words_that_are_none(void)
{
	struct ctl_request head = words(CTL_PS);

	set_up();
	head.version++;
	CHECK(!says(connects(USER), &head));
	CHECK_EQ(refused(0), EDVSVERSION);
	head = words(CTL_PS);
	head.magic++;
	CHECK(!says(connects(USER), &head));
	CHECK_EQ(refused(1), EDVSVERSION);
	head = words(CTL_PS);
	head.payload_bytes = 1;
	CHECK(!says(connects(USER), &head));
	CHECK_EQ(refused(2), EDVSVERSION);
	connects(USER);
	CHECK_EQ(os_packet_send(client[3], &head, sizeof(head) - 1, NULL, 0), 0);
	turn_of(requests.loop);
	CHECK(!dispatched);
	CHECK_EQ(refused(3), EDVSVERSION);
	CHECK(!requests.clients);
	tear_down();
}

/* A client that closes has cancelled its request, which is ended by its keeper, and its answer goes nowhere. */
static void test_client_goes_away(void)
{
	struct request *request;

	set_up();
	connects(USER);
	client[0] = os_close(client[0]);
	turn_of(requests.loop);
	CHECK(!requests.clients); /* it had not said anything */
	request = asks(connects(USER), CTL_LOGS);
	request->cancelled = on_cancel;
	client[1] = os_close(client[1]);
	turn_of(requests.loop);
	CHECK(cancelled == request);
	CHECK_EQ(request->fd, -1);
	CHECK(!requests.clients);
	end(request);
	tear_down();
}

/* A second packet ends the request of the first one; of a move it is the wish to cancel it, and the client waits. */
static void test_a_second_packet(void)
{
	struct ctl_request head = words(CTL_MOVE);
	struct request *request;
	struct ctl_reply reply;

	set_up();
	request = asks(connects(USER), CTL_MOVE);
	request->cancelled = on_cancel;
	CHECK(!says(0, &head));
	CHECK(cancelled == request);
	CHECK(request->fd >= 0);
	end(request);
	CHECK_EQ(hears(0, &reply), sizeof(reply));
	cancelled = NULL;
	request = asks(connects(USER), CTL_LOGS);
	request->cancelled = on_cancel;
	CHECK(!says(1, &head));
	CHECK(cancelled == request);
	CHECK_EQ(request->fd, -1);
	CHECK(is_closed(1));
	end(request);
	tear_down();
}

/* One user's connections take the place of that user's oldest one that has said nothing. */
static void test_a_user_has_too_many(void)
{
	struct request *kept[MOST + 1];
	int root, other;

	set_up();
	root = connects(0);
	other = connects(USER + 1);
	for (int i = 0; i < MOST; i++)
		connects(USER);
	kept[0] = asks(2, CTL_LOGS);
	CHECK_OR_RETURN(count == MOST + 2);
	connects(USER);
	CHECK(is_closed(3)); /* the oldest that is silent: the one before has asked */
	for (int i = 4; i < count; i++)
		kept[i - 3] = asks(i, CTL_LOGS);
	connects(USER);
	CHECK_EQ(refused(count - 1), EDVSUSERFULL); /* all others wait for answers */
	kept[MOST] = asks(other, CTL_PS);
	for (int i = 0; i <= MOST; i++)
		end(kept[i]);
	end(asks(root, CTL_PS));
	tear_down();
}

static void test_root_has_as_many_as_it_likes(void)
{
	set_up();
	for (int i = 0; i < MOST + 2; i++)
		connects(0);
	for (int i = 0; i < MOST + 2; i++)
		end(asks(i, CTL_PS));
	tear_down();
}

/* Where descriptors run out: the oldest that has said nothing; root's only if there is no other. */
static void test_evicted(void)
{
	struct request *request;

	set_up();
	connects(0);
	request = asks(connects(USER), CTL_LOGS);
	connects(USER);
	connects(USER + 1);
	connects(0);
	CHECK(request_evict_silent(&requests));
	CHECK(is_closed(2));
	CHECK(request_evict_silent(&requests));
	CHECK(is_closed(3));
	CHECK(request_evict_silent(&requests));
	CHECK(is_closed(0));
	CHECK(request_evict_silent(&requests));
	CHECK(is_closed(4));
	CHECK(!request_evict_silent(&requests));
	CHECK(!is_closed(1));
	end(request);
	tear_down();
}

/* Ten seconds for the first words; a request may take any time. */
static void test_overdue(void)
{
	struct request *request;

	set_up();
	CHECK(!request_drop_overdue(&requests));
	request = asks(connects(USER), CTL_LOGS);
	request->since_ns -= INT64_C(10000000000);
	CHECK(!request_drop_overdue(&requests));
	connects(USER);
	requests.clients->since_ns -= INT64_C(10000000000);
	connects(USER);
	requests.clients->since_ns -= INT64_C(1000000000);
	CHECK(request_drop_overdue(&requests));
	CHECK(is_closed(1));
	CHECK(!is_closed(2));
	requests.clients->since_ns -= INT64_C(9000000000);
	CHECK(!request_drop_overdue(&requests));
	CHECK(is_closed(2));
	CHECK(!is_closed(0));
	end(request);
	tear_down();
}

/* Descriptors go to the process that has connected, as the user that it was, and to nobody in its place. */
static void test_descriptors_for_the_caller_only(void)
{
	struct ctl_reply reply;
	struct request *request;
	int null = os_dup(STDOUT_FILENO);

	set_up();
	request = asks(connects((uid_t)geteuid()), CTL_PS);
	CHECK(request_caller_is_there(request));
	request_end(request, 7, NULL, 0, &null, 1);
	CHECK_EQ(hears(0, &reply), sizeof(reply));
	CHECK_EQ(reply.value, 7);
	CHECK_EQ(reply.fds, 1);
	request = asks(connects((uid_t)geteuid() + 1), CTL_PS);
	CHECK(!request_caller_is_there(request));
	request_end(request, 7, NULL, 0, &null, 1);
	CHECK_EQ(refused(1), EDVSBADPID);
	request = asks(connects((uid_t)geteuid() + 1), CTL_PS);
	request_end(request, 7, NULL, 0, NULL, 0); /* words may go */
	CHECK_EQ(hears(2, &reply), sizeof(reply));
	CHECK_EQ(reply.value, 7);
	os_close(null);
	tear_down();
}

/* In packets of a bounded size, each of which says how many bytes there have been with it. */
static void test_data_in_parts(void)
{
	static uint8_t data[32768 + 5];
	struct ctl_reply reply;
	struct request *request;

	set_up();
	request = asks(connects(USER), CTL_LOGS);
	request->data_sent = 1000;
	request_data(request, data, sizeof(data));
	CHECK_EQ(hears(0, &reply), sizeof(reply) + 32768);
	CHECK_EQ(reply.packet, CTL_DATA);
	CHECK_EQ(reply.value, 1000 + 32768);
	CHECK_EQ(hears(0, &reply), sizeof(reply) + 5);
	CHECK_EQ(reply.value, 1000 + 32768 + 5);
	end(request);
	tear_down();
}

/* A refusal has one of our numbers, whatever it was made of, and is counted. */
static void test_refusals(void)
{
	struct refusal why = { .error = -31999, .reason = "because" };
	struct answer answer;

	set_up();
	request_refuse(asker_request(&requests, CTL_PS, &answer), &why);
	CHECK_EQ(answer.error, EDVSGENERIC);
	CHECK_EQ(answer.value, EDVSGENERIC);
	CHECK(!strcmp(answer.sentence, "because"));
	CHECK_EQ(counters.refusals[0].error, EDVSGENERIC);
	CHECK_EQ(counters.refusals[0].count, 1);
	request_fail_errno(asker_request(&requests, CTL_PS, &answer), ENOMEM, "no %s", "room");
	CHECK_EQ(answer.error, EDVSNOMEM);
	CHECK(!strcmp(answer.sentence, "no room"));
	request_fail_share(asker_request(&requests, CTL_PS, &answer), SHARE_MOVES);
	CHECK_EQ(answer.error, EDVSUSERFULL);
	CHECK(strstr(answer.sentence, share_noun(SHARE_MOVES)));
	CHECK_EQ(answer.ends, 1);
	tear_down();
}

static void test_kept_in_a_list(void)
{
	struct request *list = NULL, *other = NULL, *request[2];
	struct answer answer;

	set_up();
	for (int i = 0; i < 2; i++) {
		request[i] = asker_request(&requests, CTL_LOGS, &answer);
		request_keep(&list, request[i], &order, on_cancel);
		CHECK(request[i]->keeper == &order);
	}
	CHECK(!request_unkeep(&other, request[0]));
	CHECK(request_unkeep(&list, request[0]));
	CHECK(!request_unkeep(&list, request[0]));
	CHECK(list == request[1] && !list->next_kept);
	for (int i = 0; i < 2; i++)
		end(request[i]);
	tear_down();
}

/* Of the daemon that this one succeeds: with the request that was read already, or before its first words. */
static void test_adopted(void)
{
	struct ctl_request head = words(CTL_LOGS);
	struct request *request;
	int fds[2] = { -1, -1 };

	set_up();
	for (; count < 3; count++) {
		CHECK_EQ(os_unix_pair(OS_PACKET, fds), 0);
		os_set_nonblock(fds[0], 1);
		os_set_nonblock(fds[1], 1);
		client[count] = fds[1];
		head.version = count == 1 ? CTL_VERSION + 1 : CTL_VERSION;
		request = request_adopt(&requests, fds[0], &head, count == 2 ? 0 : sizeof(head));
		CHECK(!!request == (count == 0));
		end(request);
	}
	CHECK(is_closed(1)); /* it was none: no answer is right */
	end(asks(2, CTL_PS));
	tear_down();
}

int main(void)
{
	TEST(test_first_words_and_their_length);
	TEST(test_words_are_a_request);
	TEST(test_words_that_are_none);
	TEST(test_client_goes_away);
	TEST(test_a_second_packet);
	TEST(test_a_user_has_too_many);
	TEST(test_root_has_as_many_as_it_likes);
	TEST(test_evicted);
	TEST(test_overdue);
	TEST(test_descriptors_for_the_caller_only);
	TEST(test_data_in_parts);
	TEST(test_refusals);
	TEST(test_kept_in_a_list);
	TEST(test_adopted);
	return test_end();
}
