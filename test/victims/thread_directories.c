/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads with a working directory and a file mask of their own: one has a root directory, too, another one's directory
 * was deleted, and two have theirs in common.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "victims/victim.h"

enum {
	MAIN,
	PLAIN,
	ROOTED,
	DELETED,
	PLACES
};		       /* the process's, and one of each thread */
#define THREADS PLACES /* one more has the plain one from its maker */

struct place {
	const char *name; /* below the folder */
	mode_t mask;
	bool is_gone;
	const char *sees; /* its working directory, by its own root */
};

static char folder[] = "/tmp/dvs-victim-threads-XXXXXX";
static char full[PLACES][64];
static struct place places[PLACES] = {
	{ .name = "main", .mask = 022 },
	{ .name = "plain", .mask = 027 },
	{ .name = "rooted", .mask = 077 },
	{ .name = "deleted", .mask = 0177, .is_gone = true },
};
static uint32_t asked, answered, over;

/* The mask shows in the rights of a file, and the directory in the place of the file. */
static bool is_there(const struct place *place)
{
	char at[128], name[160];
	struct stat status;

	if (place->is_gone) {
		mode_t mask = umask(0);

		umask(mask);
		return !getcwd(at, sizeof(at)) && errno == ENOENT && access(".", X_OK) == 0 &&
		       mkdir("below", 0700) < 0 && mask == place->mask;
	}
	if (!getcwd(at, sizeof(at)) || strcmp(at, place->sees) != 0)
		return false;
	snprintf(name, sizeof(name), "file-%s-%ld", place->name, syscall(SYS_gettid));
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
	bool rooted = which == ROOTED;

	VICTIM_CHECK(which == MAIN || unshare(CLONE_FS) == 0);
	VICTIM_CHECK(chdir(full[which]) == 0);
	VICTIM_CHECK(!rooted || chroot(folder) == 0);
	umask(place->mask);
	if (place->is_gone)
		VICTIM_CHECK(rmdir(full[which]) == 0);
	place->sees = rooted ? "/rooted" : full[which];
	VICTIM_CHECK(is_there(place));
}

static void *stay(void *number)
{
	int which = (int)(intptr_t)number;
	uint32_t round = 0;

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

static void *in_thread(void *number)
{
	bool has_guest = (int)(intptr_t)number == PLAIN;
	pthread_t guest;

	go((int)(intptr_t)number);
	if (has_guest)
		pthread_create(&guest, NULL, stay, number);
	stay(number);
	if (has_guest)
		pthread_join(guest, NULL);
	return number;
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
	go(MAIN);
	for (int i = 1; i < PLACES; i++)
		pthread_create(&thread[i], NULL, in_thread, (void *)(intptr_t)i);
	VICTIM_CHECK(victim_counts(&answered, THREADS));
	victim_ready();
	while (victim_moved()) {
		VICTIM_CHECK(is_there(&places[MAIN]));
		__atomic_store_n(&asked, ++rounds, __ATOMIC_RELEASE);
		VICTIM_CHECK(victim_counts(&answered, (rounds + 1) * THREADS));
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
