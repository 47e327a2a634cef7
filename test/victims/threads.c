/* SPDX-License-Identifier: Apache-2.0 */
/* Many threads: numbers, thread-local storage, locks, waiting for each other, joining after a move. */
#include <pthread.h>
#include <sys/syscall.h>

#include "victims/victim.h"

#define THREADS 12

static __thread uint64_t local[512];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn = PTHREAD_COND_INITIALIZER;
static uint64_t baton, total;
static pid_t tids[THREADS];
static bool over;

static void *work(void *argument)
{
	uint64_t me = (uint64_t)argument;
	pid_t tid = (pid_t)syscall(SYS_gettid);
	pthread_t self = pthread_self();

	for (unsigned i = 0; i < 512; i++)
		local[i] = me * 1000 + i;
	tids[me] = tid;
	pthread_mutex_lock(&lock);
	while (!over) {
		while (baton % THREADS != me && !over)
			pthread_cond_wait(&turn, &lock);
		baton++;
		total++;
		VICTIM_CHECK(local[511] == me * 1000 + 511 && local[0] == me * 1000);
		VICTIM_CHECK(tid == (pid_t)syscall(SYS_gettid) &&
			     pthread_equal(self, pthread_self()));
		pthread_cond_broadcast(&turn);
	}
	pthread_mutex_unlock(&lock);
	return (void *)(me + 7);
}

int main(void)
{
	pthread_t threads[THREADS];
	uint64_t before = 0;

	victim_begin();
	for (uint64_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, (void *)i);
	while (__atomic_load_n(&total, __ATOMIC_ACQUIRE) < 100)
		victim_nap();
	victim_ready();
	while (victim_moved()) {
		/* Still passing the baton. */
		before = __atomic_load_n(&total, __ATOMIC_ACQUIRE);
		for (int i = 0; i < 2000 && __atomic_load_n(&total, __ATOMIC_ACQUIRE) < before + 30;
		     i++)
			victim_nap();
		VICTIM_CHECK(__atomic_load_n(&total, __ATOMIC_ACQUIRE) >= before + 30);
	}
	pthread_mutex_lock(&lock);
	over = true;
	pthread_cond_broadcast(&turn);
	pthread_mutex_unlock(&lock);
	for (uint64_t i = 0; i < THREADS; i++) {
		void *result;

		pthread_join(threads[i], &result);
		VICTIM_CHECK((uint64_t)result == i + 7);
	}
	return victim_end();
}
