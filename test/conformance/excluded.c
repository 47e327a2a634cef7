/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that moves and does what files tell it, for the scenario excluded.sh. It says what came of each in
 * another file.
 *
 *	excluded FOLDER DCID EP PEER
 *
 *	FOLDER/EP.forge		writes a message and a notification for PEER into the channel, whatever its right
 *	FOLDER/EP.send		sends PEER a message as one should
 *	FOLDER/EP.look		receives from anybody, for half a second
 *	FOLDER/EP.done		the result, when the file above is gone
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "conformance/puppet.h"
#include "dvk.h"

static const char *name_of(const char *folder, int ep, const char *what)
{
	static char name[2][512];
	static int next;
	char *at = name[next++ % 2];

	snprintf(at, sizeof(*name), "%s/%d.%s", folder, ep, what);
	return at;
}

static int forge(int dcid, int peer)
{
	struct order order = { { dcid, peer, 1 } };
	struct answer answer = { { 0 }, 0 };

	puppet_forge(&order, &answer);
	order.a[2] = 0;
	if (!answer.v[0])
		puppet_forge(&order, &answer);
	return (int)answer.v[0];
}

static void done(const char *folder, int ep, const char *what, long result)
{
	const char *name = name_of(folder, ep, "new"), *last = name_of(folder, ep, "done");
	FILE *file = fopen(name, "w");

	if (!file)
		exit(1);
	fprintf(file, "%ld\n", result);
	fclose(file);
	if (rename(name, last))
		exit(1);
	unlink(name_of(folder, ep, what));
}

int main(int argc, char **argv)
{
	const struct timespec pause = { 0, 20000000 };
	int dcid, ep, peer;
	message m = { .m_type = 7 };

	if (argc != 5)
		return 2;
	dcid = (int)strtol(argv[2], NULL, 10);
	ep = (int)strtol(argv[3], NULL, 10);
	peer = (int)strtol(argv[4], NULL, 10);
	if (dvk_open() < 0 || dvk_wait4bind_T(5000) < EDVSERRCODE)
		return 1;
	for (;; nanosleep(&pause, NULL)) {
		if (!access(name_of(argv[1], ep, "forge"), F_OK)) {
			dvk_receive_T(peer, &m, 0); /* opens the channel */
			done(argv[1], ep, "forge", forge(dcid, peer));
		}
		if (!access(name_of(argv[1], ep, "send"), F_OK))
			done(argv[1], ep, "send", dvk_send_T(peer, &m, 3000));
		if (!access(name_of(argv[1], ep, "look"), F_OK))
			done(argv[1], ep, "look", dvk_receive_T(ANY, &m, 500));
	}
}
