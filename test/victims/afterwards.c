/* SPDX-License-Identifier: Apache-2.0 */
/* What a process does after a move: starts threads and children, opens files, executes itself. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>

#include "victims/victim.h"

static void *nothing(void *argument)
{
	return argument;
}

static void start_children(void)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0)
		_exit(getppid() > 1 ? 42 : 1);
	VICTIM_CHECK(child > 0 && waitpid(child, &status, 0) == child);
	VICTIM_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
	child = vfork();
	if (child == 0) {
		execl("/bin/true", "true", (char *)NULL);
		_exit(1);
	}
	VICTIM_CHECK(waitpid(child, &status, 0) == child && status == 0);
}

/* The stack still grows by itself; what was taken is given back on return. */
__attribute__((noinline)) static void grow_stack(void)
{
	volatile char stack[600000];

	stack[0] = stack[300000] = 1;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return 0; /* executed again at the end */
	victim_begin();
	victim_ready();
	while (victim_moved()) {
		pthread_t threads[3];
		void *result;

		for (uintptr_t i = 0; i < 3; i++)
			VICTIM_CHECK(pthread_create(&threads[i], NULL, nothing, (void *)(i + 5)) ==
				     0);
		for (uintptr_t i = 0; i < 3; i++)
			VICTIM_CHECK(pthread_join(threads[i], &result) == 0 &&
				     result == (void *)(i + 5));
		start_children();
		int fd = open("/proc/self/maps", O_RDONLY);

		VICTIM_CHECK(fd == 3);
		close(fd);
		free(malloc(300000));
		grow_stack();
	}
	if (victim_page->failed)
		return 1;
	execl("/proc/self/exe", argv[0], "again", (char *)NULL);
	return 2;
}
