/* SPDX-License-Identifier: Apache-2.0 */
#include "libdvk/fake_node_test.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/socket.h"
#include "wire/ctl.h"

#define SERVE_TICKS_MAX 20000
#define NR_SYSTEM	64

int fake_node_start(struct fake_node *node)
{
	memset(node, 0, sizeof(*node));
	if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return 1;
	node->listener = os_unix_listen("@" CTL_ABSTRACT_NAME, OS_PACKET);
	if (node->listener < 0)
		return 1;
	return exchange_new(&node->exchange, 0);
}

void fake_node_stop(struct fake_node *node)
{
	exchange_free(node->exchange);
	os_close(node->listener);
}

void fake_node_fork(struct fake_node *node, int (*fn)(void))
{
	struct fake_party *party = &node->party[node->parties++];
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		int r = fn();

		fflush(stdout);
		_exit(r);
	}
	*party = (struct fake_party){ .pid = pid, .endpoint = -1 };
}

static struct fake_party *party_of_pid(struct fake_node *node, pid_t pid)
{
	for (int i = 0; i < node->parties; i++) {
		if (node->party[i].pid == pid)
			return &node->party[i];
	}
	return NULL;
}

struct fake_party *fake_node_party(struct fake_node *node, int p_nr)
{
	for (int i = 0; i < node->parties; i++) {
		if (node->party[i].endpoint == p_nr && !node->party[i].gone)
			return &node->party[i];
	}
	return NULL;
}

struct exchange_bell *fake_node_bell(struct fake_node *node, int p_nr)
{
	struct exchange_bell *bell = NULL;

	exchange_bell(node->exchange, 0, p_nr, &bell);
	return bell;
}

static void finish(int fd, int error, int64_t value, const int *fds, int count, const void *payload,
		   uint32_t bytes)
{
	struct ctl_reply reply = { .magic = CTL_MAGIC,
				   .packet = CTL_END,
				   .error = error,
				   .value = value,
				   .payload_bytes = bytes };
	struct iovec parts[2] = { { &reply, sizeof(reply) },
				  { (void *)(uintptr_t)payload, bytes } };

	reply.fds = (uint16_t)count;
	os_packet_sendv(fd, parts, bytes ? 2 : 1, fds, count);
}

static void finish_pages(struct fake_node *node, int fd, const struct fake_party *party)
{
	int fds[3] = { exchange_node_bell_fd(node->exchange) };
	int count = 1;

	if (party->endpoint >= 0 && party->status) {
		fds[count++] = fake_node_bell(node, party->endpoint)->fd;
		fds[count++] = party->status->fd;
	}
	finish(fd, 0, party->endpoint, fds, count, NULL, 0);
}

static void handle_bind(struct fake_node *node, int fd, struct fake_party *party, int endpoint)
{
	struct status_page *page;

	if (fake_node_party(node, endpoint)) {
		finish(fd, EDVSSLOTUSED, 0, NULL, 0, NULL, 0);
		return;
	}
	party->endpoint = endpoint;
	exchange_status_new(node->exchange, 0, endpoint, &party->status);
	page = party->status->page;
	page->endpoint = endpoint;
	page->calls_allowed = ~UINT64_C(0);
	page->sysproc = endpoint + SHM_TASKS < NR_SYSTEM;
	exchange_bell_hold(fake_node_bell(node, endpoint), BELL_PROCESS);
	finish_pages(node, fd, party);
}

/* Endpoints from 100 on live on another node: the test plays the part of all peers there. */
static void handle_channel(struct fake_node *node, int fd, struct fake_party *party, int peer)
{
	struct fake_party *other = fake_node_party(node, peer);
	struct exchange_channel *channel;

	if (!other && peer < 100) {
		finish(fd, EDVSDSTDIED, 0, NULL, 0, NULL, 0);
		return;
	}
	exchange_channel(node->exchange, 0, party->endpoint, peer, &channel);
	channel->page->node[exchange_side(channel, peer)] = other ? 0 : 1;
	channel->page->node[exchange_side(channel, party->endpoint)] = 0;
	channel->page->copy_pid[exchange_side(channel, peer)] = other ? other->pid : 0;
	channel->page->copy_pid[exchange_side(channel, party->endpoint)] = party->pid;
	finish(fd, 0, peer, (int[]){ channel->fd, fake_node_bell(node, peer)->fd }, 2, NULL, 0);
}

static void handle(struct fake_node *node, int fd, struct fake_party *party,
		   const struct ctl_request *request)
{
	dc_usr_t dc = { .dc_nr_procs = 221, .dc_nr_tasks = SHM_TASKS, .dc_nr_sysprocs = NR_SYSTEM };

	switch (request->call) {
	case CTL_HELLO: /* no thread is bound for itself here */
		finish_pages(node, fd,
			     request->tid ? &(struct fake_party){ .endpoint = -1 } : party);
		break;
	case CTL_BIND:
		handle_bind(node, fd, party, request->endpoint);
		break;
	case CTL_UNBIND:
		exchange_endpoint_dead(node->exchange, 0, party->endpoint, party->endpoint);
		party->endpoint = -1;
		finish(fd, 0, 0, NULL, 0, NULL, 0);
		break;
	case CTL_CHANNEL:
		handle_channel(node, fd, party, request->endpoint);
		break;
	case CTL_WAIT4BIND:
		finish(fd, fake_node_party(node, request->endpoint) ? 0 : EDVSAGAIN,
		       request->endpoint, NULL, 0, NULL, 0);
		break;
	case CTL_DCINFO:
		finish(fd, 0, 0, NULL, 0, &dc, sizeof(dc));
		break;
	default:
		finish(fd, EDVSNOSYS, 0, NULL, 0, NULL, 0);
	}
}

static void serve_one(struct fake_node *node, int fd)
{
	struct ctl_request request;
	struct os_peer peer;

	if (os_poll(fd, POLLIN, 1000) == 0 && os_unix_peer(fd, &peer) == 0 &&
	    os_packet_recv(fd, &request, sizeof(request), NULL, NULL) == sizeof(request) &&
	    party_of_pid(node, peer.pid))
		handle(node, fd, party_of_pid(node, peer.pid), &request);
	os_close(fd);
}

static int reap(struct fake_node *node)
{
	int left = 0;

	for (int i = 0; i < node->parties; i++) {
		struct fake_party *party = &node->party[i];
		int status;

		if (!party->gone && waitpid(party->pid, &status, WNOHANG) == party->pid) {
			party->gone = true;
			party->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
			if (party->endpoint >= 0)
				exchange_endpoint_dead(node->exchange, 0, party->endpoint,
						       party->endpoint);
		}
		left += !party->gone;
	}
	return left;
}

/* A process that asks for a copy by its page is told that there is none here. */
static void refuse_copies(struct fake_node *node)
{
	for (int i = 0; i < node->parties; i++) {
		struct fake_party *party = &node->party[i];
		struct copy_ask *ask = party->status ? &party->status->page->copy : NULL;
		uint32_t number = ask ? atomic_load(&ask->number) : 0;

		if (!ask || number == shm_copy_answered(atomic_load(&ask->answer)))
			continue;
		atomic_store(&ask->answer, shm_copy_answer(number, EDVSNOSYS));
		if (!node->rings_are_lost)
			exchange_poke(fake_node_bell(node, party->endpoint));
	}
}

int fake_node_serve(struct fake_node *node)
{
	int failed = 0;

	while (reap(node) && node->ticks++ < SERVE_TICKS_MAX) {
		int fd;

		if (os_poll(node->listener, POLLIN, 1) == 0) {
			fd = os_unix_accept(node->listener);
			if (fd >= 0)
				serve_one(node, fd);
		}
		if (!node->copies_are_ignored)
			refuse_copies(node);
		if (node->on_tick)
			node->on_tick(node);
	}
	for (int i = 0; i < node->parties; i++) {
		struct fake_party *party = &node->party[i];

		if (!party->gone) {
			printf("endpoint %d hangs\n", party->endpoint);
			kill(party->pid, SIGKILL);
			waitpid(party->pid, NULL, 0);
			party->exit_status = 129;
		}
		failed += party->exit_status != 0;
		exchange_status_free(node->exchange, party->status);
	}
	node->parties = 0;
	node->ticks = 0;
	node->on_tick = NULL;
	node->rings_are_lost = node->copies_are_ignored = false;
	return failed;
}
