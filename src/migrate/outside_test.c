/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server whose address moves with it, and a client that goes on calling from another network. The test is the host:
 * it takes the address away when the process is frozen, so that segments for it are dropped, and gives it to the
 * target when the move is decided.
 */
#include "base/test.h"
#include "migrate/act_test.h"
#include "base/address.h"
#include "os/child.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define MOVES 8
#define MUCH  60000

/* Addresses of one network: the client's, the nodes', and the one that moves. */
static const struct family {
	const char *client, *node[STAGE_SIDES], *service,
		*only; /* with lengths of the network, and of the address */
	int end;       /* of the text of the address in `only` */
} v4 = { "10.9.0.3/24", { "10.9.0.1/24", "10.9.0.2/24" }, "10.9.0.9/24", "10.9.0.9/32", 8 },
  v6 = { "fd09::3/64", { "fd09::1/64", "fd09::2/64" }, "fd09::9/64", "fd09::9/128", 7 };

static const struct family *family;

static struct address service_address(void)
{
	struct address address;

	CHECK(!address_parse(&address, family->only, (size_t)family->end));
	return address;
}

static struct client {
	pid_t tid; /* in a network of its own */
	uint32_t calls, stop, failed;
} client;

/* The commands of `ip` that the text has, in the network of a task. */
static void run_ip(pid_t pid, const char *text)
{
	char *argv[] = { "ip", "-batch", "-", NULL }, output[512];
	int r = os_child_run(argv, pid, text, output, sizeof(output));

	CHECK_EQ(r, 0);
	if (r)
		printf("  %s: %s\n", text, output);
}

/* A question of one byte, or of so many that they are on their way for a while. */
static bool is_answered(int fd, uint32_t seed)
{
	static unsigned char question[MUCH], answer[MUCH];
	const size_t length = seed % 4 ? 1 : MUCH;

	for (size_t i = 0; i < length; i++)
		question[i] = (unsigned char)(seed + i * 7);
	if (send(fd, question, length, MSG_NOSIGNAL) != (ssize_t)length ||
	    recv(fd, answer, length, MSG_WAITALL) != (ssize_t)length)
		return false;
	for (size_t i = 0; i < length; i++)
		if (answer[i] != (unsigned char)(question[i] + 1))
			return false;
	return true;
}

static int connection(void)
{
	struct sockaddr_in6 name = { .sin6_family = AF_INET6, .sin6_port = htons(7300) };
	const struct address service = service_address();
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	memcpy(&name.sin6_addr, service.byte, sizeof(service.byte));
	if (connect(fd, (struct sockaddr *)&name, sizeof(name)))
		__atomic_store_n(&client.failed, 1, __ATOMIC_RELEASE);
	return fd;
}

/* A byte there on the connection whose other end says nothing, and back on the one that this end has ended. */
static bool is_sent_back(int there, int back, uint32_t seed)
{
	const char byte = (char)('0' + seed % 10);
	char got = 0, more;

	return send(there, &byte, 1, MSG_NOSIGNAL) == 1 && recv(back, &got, 1, 0) == 1 &&
	       got == byte && recv(there, &more, 1, MSG_DONTWAIT) == 0;
}

static void *call(void *unused)
{
	CHECK_EQ(unshare(CLONE_NEWNET), 0);
	__atomic_store_n(&client.tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	while (!__atomic_load_n(&client.calls, __ATOMIC_ACQUIRE))
		usleep(1000); /* for the network */
	int fd = connection(), back = connection(), there = connection();

	shutdown(back, SHUT_WR);
	while (!__atomic_load_n(&client.stop, __ATOMIC_ACQUIRE) &&
	       !__atomic_load_n(&client.failed, __ATOMIC_ACQUIRE)) {
		if (!is_answered(fd, client.calls) || !is_sent_back(there, back, client.calls))
			__atomic_store_n(&client.failed, 1, __ATOMIC_RELEASE);
		__atomic_add_fetch(&client.calls, 1, __ATOMIC_RELEASE);
	}
	close(fd);
	close(back);
	close(there);
	return unused;
}

/* As os_interface_give() does it: a worker of the kernel adds the route to an address of IPv6 a moment later. */
static void await_route(pid_t pid, const char *address)
{
	char only[64], output[512] = "";
	char *argv[] = { "ip", "route", "get", only, NULL };

	snprintf(only, sizeof(only), "%.*s", (int)strcspn(address, "/"), address);
	for (int ms = 0; ms < 5000 && strncmp(output, "local ", 6); ms += 5) {
		usleep(5000);
		os_child_run(argv, pid, "", output, sizeof(output));
	}
	CHECK(strncmp(output, "local ", 6) == 0);
}

/* Addresses are there at once: nobody is asked whether another one has them. */
static void change(pid_t pid, const char *verb, const char *address, const char *device)
{
	char text[128];

	snprintf(text, sizeof(text), "address %s %s dev %s%s\n", verb, address, device,
		 family == &v6 && strcmp(verb, "add") == 0 ? " nodad" : "");
	run_ip(pid, text);
	if (strcmp(verb, "add") == 0)
		await_route(pid, address);
}

static void drop(pid_t pid, const char *verb)
{
	char text[128];

	snprintf(text, sizeof(text), "route %s blackhole %s\n", verb, family->only);
	run_ip(pid, text);
}

static void make_network(const struct stage *stage)
{
	char text[512];

	run_ip(client.tid, "link add br0 type bridge\nlink set br0 up\n");
	change(client.tid, "add", family->client, "br0");
	for (int side = 0; side < STAGE_SIDES; side++) {
		snprintf(text, sizeof(text),
			 "link add v%d type veth peer name eth0 netns %d\n"
			 "link set v%d master br0 up\n",
			 side, (int)stage->init[side], side);
		run_ip(client.tid, text);
		run_ip(stage->init[side], "link set eth0 up\n");
		change(stage->init[side], "add", family->node[side], "eth0");
	}
	change(stage->init[0], "add", family->service, "eth0");
}

static bool moves(void *ctx, const uint8_t address[16])
{
	const struct address wanted = service_address();

	(void)ctx;
	return memcmp(address, wanted.byte, sizeof(wanted.byte)) == 0;
}

static void take_away(struct stage_move *move)
{
	change(move->stage->init[move->from], "del", family->service, "eth0");
	drop(move->stage->init[move->from], "add");
}

static void give_to(struct stage_move *move, int side)
{
	drop(move->stage->init[move->from], "del");
	change(move->stage->init[side], "add", family->service, "eth0");
	/* In place of the target's announcement. */
	run_ip(client.tid, "neighbour flush dev br0\n");
}

static void decide(struct stage_move *move)
{
	give_to(move, !move->from);
}

static void undo(struct stage_move *move)
{
	give_to(move, move->from);
	move->cut = true;
}

/* The client is answered again. */
static void check_goes_on(void)
{
	uint32_t before = __atomic_load_n(&client.calls, __ATOMIC_ACQUIRE);

	for (int ms = 0;
	     ms < 5000 && __atomic_load_n(&client.calls, __ATOMIC_ACQUIRE) < before + 10; ms++)
		usleep(1000);
	CHECK(__atomic_load_n(&client.calls, __ATOMIC_ACQUIRE) >= before + 10);
	CHECK_EQ(__atomic_load_n(&client.failed, __ATOMIC_ACQUIRE), 0);
}

static void move_all(struct act *act)
{
	for (int i = 0; i < MOVES && !client.failed; i++) {
		struct stage_move move = { .stage = &act->stage,
					   .from = act->side,
					   .pid = act->pid,
					   .when_frozen = take_away,
					   .when_loaded = i == 2 ? undo : decide };

		stage_move(&move);
		if (i != 2) {
			CHECK_EQ(move.result, 0);
			if (move.result) {
				printf("  %s%s\n", move.source.reason, move.target.reason);
				return;
			}
			CHECK(killed(stage_status(&act->stage, act->side, VPID, END_MS)));
			act->side = !act->side;
			act->pid = move.arrived;
		}
		if (i == 2)
			stage_forget(&act->stage, !act->side);
		CHECK(verify(act, "inet_server"));
		check_goes_on();
	}
}

static void goes_on(const struct family *with)
{
	struct act act;
	pthread_t caller;

	family = with;
	client = (struct client){ 0 };
	CHECK_OR_RETURN(begin(&act, "inet_server", NULL));
	act.stage.moves = moves;
	pthread_create(&caller, NULL, call, NULL);
	while (!__atomic_load_n(&client.tid, __ATOMIC_ACQUIRE))
		usleep(1000);
	make_network(&act.stage);
	__atomic_store_n(&client.calls, 1, __ATOMIC_RELEASE);
	check_goes_on();
	move_all(&act);
	__atomic_store_n(&client.stop, 1, __ATOMIC_RELEASE);
	pthread_join(caller, NULL);
	CHECK_EQ(finish(&act), 0);
	printf("  %u calls\n", client.calls);
	stage_close(&act.stage);
}

static void test_v4(void)
{
	goes_on(&v4);
}

static void test_v6(void)
{
	goes_on(&v6);
}

int main(void)
{
	if (!act_possible())
		return test_end();
	TEST(test_v4);
	TEST(test_v6);
	return test_end();
}
