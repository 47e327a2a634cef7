/* SPDX-License-Identifier: Apache-2.0 */

/*
 * For test/scenarios/stated.sh and places.sh:
 *
 *	stated receive OWN PEER NODE   states that PEER is on NODE, receives from it, says what came of it
 *	stated send OWN PEER           binds itself as OWN and sends a message of type 7 to PEER
 *	stated twice OWN PEER          binds itself as OWN, gives that back, binds itself again, receives
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dvk.h"

#define DCID	    0
#define TYPE	    7
#define PATIENCE_MS 30000

static int receive_from(int peer)
{
	message m = { 0 };
	long r = dvk_receive_T(peer, &m, PATIENCE_MS);

	if (r == EDVSSRCDIED)
		puts("EDVSSRCDIED");
	else
		printf("%ld %d from %d\n", r, m.m_type, m.m_source);
	return fflush(stdout);
}

static int stated_receive(int peer, int node)
{
	return dvk_rmtbind(DCID, "later", peer, node) < EDVSERRCODE ? 1 : receive_from(peer);
}

static int bound_twice(int own)
{
	if (dvk_bind(DCID, own) != own || dvk_unbind(DCID, own) || dvk_bind(DCID, own) != own)
		return 1;
	return receive_from(ANY);
}

static int bound_send(int own, int peer)
{
	message m = { .m_type = TYPE };

	if (dvk_bind(DCID, own) != own)
		return 1;
	printf("%ld\n", dvk_send_T(peer, &m, PATIENCE_MS));
	return 0;
}

static int number(const char *word)
{
	char *end;
	long value = strtol(word, &end, 10);

	return *word && !*end && value > -NR_TASKS && value < NR_PROCS ? (int)value : NR_PROCS;
}

int main(int argc, char **argv)
{
	if (argc < 4 || dvk_open() < 0)
		return 2;
	if (strcmp(argv[1], "send") == 0)
		return bound_send(number(argv[2]), number(argv[3]));
	if (strcmp(argv[1], "twice") == 0)
		return bound_twice(number(argv[2]));
	return argc < 5 ? 2 : stated_receive(number(argv[3]), number(argv[4]));
}
