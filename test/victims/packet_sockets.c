/* SPDX-License-Identifier: Apache-2.0 */
/* Packet sockets: with options, members and a filter, with a ring, and with a thread that waits for a packet. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <pthread.h>
#include <sys/socket.h>

#include "victims/victim.h"

#define PROTOCOL 0x7a01 /* nobody else sends it here */
#define GROUP	 1113
#define FRAME	 60

static int tuned, ringed, old, waiting;
static uint32_t heard;
static const struct packet_mreq all = { .mr_ifindex = 1, .mr_type = PACKET_MR_PROMISC };

static int make(int type, int protocol)
{
	const struct sockaddr_ll name = { .sll_family = AF_PACKET,
					  .sll_protocol = htons((uint16_t)protocol),
					  .sll_ifindex = 1 };
	int fd = socket(AF_PACKET, type, 0);

	VICTIM_CHECK(fd >= 0 && bind(fd, (const struct sockaddr *)&name, sizeof(name)) == 0);
	return fd;
}

static void set(int fd, int option, int value)
{
	VICTIM_CHECK(setsockopt(fd, SOL_PACKET, option, &value, sizeof(value)) == 0);
}

static int value_of(int fd, int level, int option)
{
	int value = 0;
	socklen_t bytes = sizeof(value);

	return getsockopt(fd, level, option, &value, &bytes) ? -1 : value;
}

static bool has_name(int fd, int protocol)
{
	struct sockaddr_ll name = { 0 };
	socklen_t bytes = sizeof(name);

	return getsockname(fd, (struct sockaddr *)&name, &bytes) == 0 &&
	       name.sll_protocol == htons((uint16_t)protocol) && name.sll_ifindex == 1;
}

static void say(int fd, int protocol)
{
	uint8_t frame[FRAME] = { 0 };

	frame[12] = (uint8_t)(protocol >> 8);
	frame[13] = (uint8_t)protocol;
	VICTIM_CHECK(send(fd, frame, sizeof(frame), 0) == FRAME);
}

static void *wait_for_packet(void *arg)
{
	uint8_t frame[FRAME];

	(void)arg;
	while (recv(waiting, frame, sizeof(frame), 0) == FRAME)
		__atomic_add_fetch(&heard, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void begin(void)
{
	struct sock_filter code[] = { { BPF_RET | BPF_K, 0, 0, 0 } }; /* no packet at all */
	const struct sock_fprog filter = { 1, code };
	const struct tpacket_req ring = { 4096, 2, 1024, 8 };
	const struct sockaddr name = { .sa_family = AF_PACKET, .sa_data = "lo" };
	pthread_t thread;

	tuned = make(SOCK_DGRAM, PROTOCOL);
	set(tuned, PACKET_AUXDATA, 1);
	set(tuned, PACKET_ORIGDEV, 1);
	set(tuned, PACKET_FANOUT, GROUP);
	VICTIM_CHECK(setsockopt(tuned, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) == 0);
	VICTIM_CHECK(setsockopt(tuned, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) == 0);
	ringed = make(SOCK_RAW, PROTOCOL + 1);
	set(ringed, PACKET_VERSION, TPACKET_V2);
	VICTIM_CHECK(setsockopt(ringed, SOL_PACKET, PACKET_RX_RING, &ring, sizeof(ring)) == 0);
	old = socket(AF_PACKET, SOCK_PACKET, htons(PROTOCOL + 1));
	VICTIM_CHECK(old >= 0 && bind(old, &name, sizeof(name)) == 0);
	waiting = make(SOCK_RAW, PROTOCOL);
	VICTIM_CHECK(pthread_create(&thread, NULL, wait_for_packet, NULL) == 0);
}

static void check(void)
{
	struct sockaddr name = { 0 };
	socklen_t bytes = sizeof(name);
	uint32_t before = __atomic_load_n(&heard, __ATOMIC_SEQ_CST);

	VICTIM_CHECK(has_name(tuned, PROTOCOL) && has_name(ringed, PROTOCOL + 1) &&
		     has_name(waiting, PROTOCOL));
	VICTIM_CHECK(value_of(tuned, SOL_PACKET, PACKET_AUXDATA) == 1);
	VICTIM_CHECK(value_of(tuned, SOL_PACKET, PACKET_ORIGDEV) == 1);
	VICTIM_CHECK(value_of(tuned, SOL_PACKET, PACKET_FANOUT) == GROUP);
	VICTIM_CHECK(value_of(tuned, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM);
	VICTIM_CHECK(setsockopt(tuned, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &all, sizeof(all)) == 0);
	VICTIM_CHECK(setsockopt(tuned, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) == 0);
	VICTIM_CHECK(value_of(ringed, SOL_PACKET, PACKET_VERSION) == TPACKET_V2);
	VICTIM_CHECK(getsockname(old, &name, &bytes) == 0 && strcmp(name.sa_data, "lo") == 0);
	say(waiting, PROTOCOL);
	for (int ms = 0; ms < 5000; ms++) {
		if (__atomic_load_n(&heard, __ATOMIC_SEQ_CST) != before)
			break;
		usleep(1000);
	}
	VICTIM_CHECK(__atomic_load_n(&heard, __ATOMIC_SEQ_CST) != before);
}

int main(void)
{
	victim_begin();
	begin();
	check();
	victim_ready();
	while (victim_moved())
		check();
	return victim_end();
}
