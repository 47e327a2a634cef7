/* SPDX-License-Identifier: Apache-2.0 */

/*
 * For test/scenarios/named.sh, in a container, whose numbers are not those of the node:
 *
 *	named OWN   bound as OWN: names itself, a child, a thread, and processes that there are not
 *
 * Says what was wrong, or "good".
 */

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dvk.h"

#define DCID	   0
#define NO_SUCH	   99999
#define BYSTANDERS 20 /* threads that have nothing to do with it */

static int failures;

#define EXPECT(call, want)                                                        \
	do {                                                                      \
		long have_ = (call);                                              \
		if (have_ != (long)(want)) {                                      \
			printf("%s: %ld, not %ld\n", #call, have_, (long)(want)); \
			failures++;                                               \
		}                                                                 \
	} while (0)

static void *stand_by(void *arg)
{
	pause();
	return arg;
}

static void *thread_main(void *arg)
{
	int own = *(int *)arg;

	EXPECT(dvk_getep(getpid()), own);
	EXPECT(dvk_tbind(DCID, own + 2), own + 2);
	EXPECT(dvk_getep(gettid()), own + 2);
	EXPECT(dvk_getep(getpid()), own);
	EXPECT(dvk_unbind(DCID, own + 2), 0);
	return NULL;
}

static void name_child(int own)
{
	pid_t child = fork();

	if (!child)
		stand_by(NULL);
	EXPECT(dvk_getep(child), EDVSNOTBIND);
	EXPECT(dvk_lclbind(DCID, child, own + 1), own + 1);
	EXPECT(dvk_getep(child), own + 1);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	EXPECT(dvk_getep(child), EDVSBADPID);
	EXPECT(dvk_lclbind(DCID, child, own + 1), EDVSBADPID);
}

int main(int argc, char **argv)
{
	int own = argc == 2 ? (int)strtol(argv[1], NULL, 10) : -1;
	pthread_t thread;

	if (own < 0 || dvk_open() < 0)
		return 2;
	for (int i = 0; i < BYSTANDERS; i++)
		if (pthread_create(&thread, NULL, stand_by, NULL))
			return 2;
	EXPECT(dvk_getep(getpid()), own);
	EXPECT(dvk_getep(NO_SUCH), EDVSBADPID);
	EXPECT(dvk_lclbind(DCID, NO_SUCH, own + 1), EDVSBADPID);
	name_child(own);
	if (pthread_create(&thread, NULL, thread_main, &own) || pthread_join(thread, NULL))
		return 2;
	if (!failures)
		puts("good");
	return failures != 0;
}
