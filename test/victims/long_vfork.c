/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that waits in vfork until it is told otherwise: by the argument of the page. */
#include <pthread.h>
#include <sys/wait.h>

#include "victims/victim.h"

static uint32_t begun, ended;

static void *wait_for_child(void *unused)
{
	int status = 0;
	pid_t pid = vfork();

	if (pid == 0) {
		__atomic_store_n(&begun, 1, __ATOMIC_RELEASE);
		while (!__atomic_load_n(&victim_page->argument, __ATOMIC_ACQUIRE))
			victim_nap();
		_exit(7);
	}
	VICTIM_CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7);
	__atomic_store_n(&ended, 1, __ATOMIC_RELEASE);
	return unused;
}

int main(void)
{
	pthread_t thread;

	victim_begin();
	pthread_create(&thread, NULL, wait_for_child, NULL);
	VICTIM_CHECK(victim_counts(&begun, 1));
	victim_ready();
	while (victim_moved())
		VICTIM_CHECK(!victim_page->argument || victim_counts(&ended, 1));
	pthread_join(thread, NULL);
	return victim_end();
}
