/* SPDX-License-Identifier: Apache-2.0 */
/* Transfers that only a signal can cut short, and no signal comes: each of them is whole. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/random.h>
#include <sys/sendfile.h>

#include "victims/victim.h"

#define BYTES (8u << 20)

static volatile bool over;
static volatile int cut;
static int from, to;

static void *draw(void *bytes)
{
	while (!over) {
		if (getrandom(bytes, BYTES, 0) != BYTES)
			cut++;
	}
	return NULL;
}

static void *copy(void *unused)
{
	(void)unused;
	while (!over) {
		off_t offset = 0;

		lseek(to, 0, SEEK_SET);
		if (sendfile(to, from, &offset, BYTES) != BYTES || offset != BYTES)
			cut++;
	}
	return NULL;
}

int main(void)
{
	static char bytes[BYTES];
	char path[2][40] = { "/tmp/dvs-victim-transfers-XXXXXX",
			     "/tmp/dvs-victim-transfers-XXXXXX" };
	pthread_t thread[2];

	victim_begin();
	from = mkstemp(path[0]);
	to = mkstemp(path[1]);
	VICTIM_CHECK(from >= 0 && to >= 0 && ftruncate(from, BYTES) == 0);
	VICTIM_CHECK(sendfile(to, from, &(off_t){ 0 }, BYTES) == BYTES);
	pthread_create(&thread[0], NULL, draw, bytes);
	pthread_create(&thread[1], NULL, copy, NULL);
	victim_ready();
	while (victim_moved())
		victim_nap();
	over = true;
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < 2; i++)
		unlink(path[i]);
	VICTIM_CHECK(!cut);
	return victim_end();
}
