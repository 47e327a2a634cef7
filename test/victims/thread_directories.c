/* SPDX-License-Identifier: Apache-2.0 */
/* Threads with a working directory and a file mask of their own, one of them with a root directory, too. */
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>

#include "victims/victim.h"

#define PLACES 3 /* the process's, and one of each thread */

struct place {
	const char *name; /* below the folder */
	mode_t mask;
	const char *sees; /* its working directory, by its own root */
};

static char folder[] = "/tmp/dvs-victim-threads-XXXXXX";
static char full[PLACES][64];
static struct place places[PLACES] = {
	{ .name = "main", .mask = 022 },
	{ .name = "plain", .mask = 027 },
	{ .name = "rooted", .mask = 077 },
};
static uint32_t asked, answered, over;

/* The mask shows in the rights of a file, and the directory in the place of the file. */
static bool is_there(const struct place *place)
{
	char at[128], name[160];
	struct stat status;

	if (!getcwd(at, sizeof(at)) || strcmp(at, place->sees) != 0)
		return false;
	snprintf(name, sizeof(name), "file-%s", place->name);
	FILE *file = fopen(name, "w");
	bool good = file && fstat(fileno(file), &status) == 0 &&
		    (status.st_mode & 0777) == (0666 & ~place->mask);

	if (file)
		fclose(file);
	return good && unlink(name) == 0;
}

static void go(int which)
{
	struct place *place = &places[which];
	bool rooted = which == 2;

	VICTIM_CHECK(which == 0 || unshare(CLONE_FS) == 0);
	VICTIM_CHECK(chdir(full[which]) == 0);
	VICTIM_CHECK(!rooted || chroot(folder) == 0);
	umask(place->mask);
	place->sees = rooted ? "/rooted" : full[which];
	VICTIM_CHECK(is_there(place));
}

static void *in_thread(void *number)
{
	int which = (int)(intptr_t)number;
	uint32_t round = 0;

	go(which);
	__atomic_add_fetch(&answered, 1, __ATOMIC_RELEASE);
	for (;;) {
		while (__atomic_load_n(&asked, __ATOMIC_ACQUIRE) == round)
			victim_nap();
		round++;
		if (__atomic_load_n(&over, __ATOMIC_ACQUIRE))
			return NULL;
		VICTIM_CHECK(is_there(&places[which]));
		__atomic_add_fetch(&answered, 1, __ATOMIC_RELEASE);
	}
}

int main(void)
{
	pthread_t thread[PLACES];
	uint32_t rounds = 0;

	victim_begin();
	VICTIM_CHECK(mkdtemp(folder) && chmod(folder, 0755) == 0);
	for (int i = 0; i < PLACES; i++) {
		snprintf(full[i], sizeof(full[i]), "%s/%s", folder, places[i].name);
		VICTIM_CHECK(mkdir(full[i], 0700) == 0);
	}
	go(0);
	for (int i = 1; i < PLACES; i++)
		pthread_create(&thread[i], NULL, in_thread, (void *)(intptr_t)i);
	VICTIM_CHECK(victim_counts(&answered, PLACES - 1));
	victim_ready();
	while (victim_moved()) {
		VICTIM_CHECK(is_there(&places[0]));
		__atomic_store_n(&asked, ++rounds, __ATOMIC_RELEASE);
		VICTIM_CHECK(victim_counts(&answered, (rounds + 1) * (PLACES - 1)));
	}
	__atomic_store_n(&over, 1, __ATOMIC_RELEASE);
	__atomic_store_n(&asked, ++rounds, __ATOMIC_RELEASE);
	for (int i = 1; i < PLACES; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < PLACES; i++)
		rmdir(full[i]);
	VICTIM_CHECK(rmdir(folder) == 0);
	return victim_end();
}
