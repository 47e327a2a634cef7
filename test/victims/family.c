/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree of processes: who is whose parent, sessions and groups, what they share, and that they still talk to
 * each other.
 *
 *	root --+-- talker (two threads) --- member (leads a group)
 *	       +-- leader (of a session) --+-- early (older than that session, leads one) --- earliest
 *	       |                           +-- late (of that session and group)
 *	       +-- companion (in the group of `member`)
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "victims/kin.h"

#define FAR ((void *)0x100000000000) /* where a move works if nothing is there */

static struct one talker, member, leader, early, earliest, late, companion;
static int pair[2], event, file;
static uint32_t *shared; /* of all, beside memory that only the talkers have */
static uint32_t *of_talkers;

static uint32_t turns, turned;

static void *turn(void *unused)
{
	for (;;) {
		uint32_t wanted = __atomic_load_n(&turns, __ATOMIC_ACQUIRE);

		__atomic_store_n(&turned, wanted, __ATOMIC_RELEASE);
		victim_nap();
	}
	return unused;
}

static bool does_turn(void)
{
	uint32_t wanted = __atomic_add_fetch(&turns, 1, __ATOMIC_ACQ_REL);

	return victim_counts(&turned, wanted);
}

/* What the talker shares with the root: an end of a pair, a counter, and a position in a file. */
static void talk(uint32_t round)
{
	uint64_t count = 0;
	char byte = 0;

	CHECK_HERE(does_turn());
	CHECK_HERE(shared[0] == round + 1 && shared[BYTES] == 77);
	shared[1] = round + 5;
	of_talkers[0] = round;
	ask(&member, round);
	CHECK_HERE(read(pair[1], &byte, 1) == 1 && byte == 'p');
	CHECK_HERE(write(pair[1], "q", 1) == 1);
	CHECK_HERE(read(event, &count, sizeof(count)) == sizeof(count) && count == 3);
	CHECK_HERE(lseek(file, 0, SEEK_CUR) == round + 1 && read(file, &byte, 1) == 1);
}

static void see_memory(uint32_t round)
{
	CHECK_HERE(of_talkers[0] == round && shared[1] == round + 5);
	shared[2] = round + 6;
}

static void *map_shared(void)
{
	return mmap(NULL, 2 * BYTES * sizeof(uint32_t), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static void begin_talker(void)
{
	pthread_t thread;

	of_talkers = map_shared();
	open_one(&member);
	member.pid = fork();
	if (member.pid == 0) {
		setpgid(0, 0);
		serve(&member, 2, see_memory);
	}
	setpgid(member.pid, member.pid);
	part(&member);
	pthread_create(&thread, NULL, turn, NULL);
	serve(&talker, 1, talk);
}

/* One whose address space has another gap than that of its parent. */
static void live_far(uint32_t round)
{
	static uint32_t *far;

	if (!far)
		far = mmap(FAR, sizeof(*far), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	CHECK_HERE(far == FAR && *far == round);
	if (!wrong)
		*far = round + 1;
}

static void lead_early(uint32_t round)
{
	ask(&earliest, round);
}

static void begin_early(void)
{
	open_one(&earliest);
	earliest.pid = fork();
	if (earliest.pid == 0)
		serve(&earliest, 7, NULL);
	part(&earliest);
	setsid();
	serve(&early, 4, lead_early);
}

static void lead(uint32_t round)
{
	ask(&early, round);
	ask(&late, round);
}

static void begin_leader(void)
{
	open_one(&early);
	early.pid = fork();
	if (early.pid == 0)
		begin_early();
	part(&early);
	setsid();
	open_one(&late);
	late.pid = fork();
	if (late.pid == 0)
		serve(&late, 5, NULL);
	part(&late);
	serve(&leader, 3, lead);
}

static void check(uint32_t round)
{
	const uint64_t three = 3;
	char byte = 0;
	int status;

	CHECK_HERE(write(pair[0], "p", 1) == 1);
	CHECK_HERE(write(event, &three, sizeof(three)) == sizeof(three));
	CHECK_HERE(lseek(file, round + 1, SEEK_SET) == round + 1);
	shared[0] = round + 1;
	ask(&talker, round);
	CHECK_HERE(shared[1] == round + 5 && shared[2] == round + 6);
	CHECK_HERE(read(pair[0], &byte, 1) == 1 && byte == 'q');
	CHECK_HERE(lseek(file, 0, SEEK_CUR) == round + 2);
	ask(&leader, round);
	ask(&companion, round);
	/* A new child is born here, and its end is told. */
	pid_t child = fork();

	if (child == 0)
		_exit(3);
	CHECK_HERE(waitpid(child, &status, 0) == child && WIFEXITED(status) &&
		   WEXITSTATUS(status) == 3);
	if (wrong)
		victim_fail(__FILE__, (int)wrong, "something of the family");
}

int main(void)
{
	const struct place was = (victim_begin(), place_now());
	uint32_t round = 0;

	shared = map_shared();
	shared[BYTES] = 77;
	event = eventfd(0, 0);
	file = open("/proc/self/exe", O_RDONLY);
	VICTIM_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	fill(9);
	open_one(&talker);
	talker.pid = fork();
	if (talker.pid == 0)
		begin_talker();
	part(&talker);
	open_one(&leader);
	leader.pid = fork();
	if (leader.pid == 0)
		begin_leader();
	part(&leader);
	open_one(&companion);
	companion.pid = fork();
	if (companion.pid == 0)
		serve(&companion, 6, live_far);
	part(&companion);
	check(round++);
	victim_ready();
	while (victim_moved()) {
		VICTIM_CHECK(is_placed(&was) && is_filled(9));
		check(round++);
	}
	end_one(&talker);
	end_one(&leader);
	end_one(&companion);
	return victim_end();
}
