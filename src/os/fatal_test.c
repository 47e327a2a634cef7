/* SPDX-License-Identifier: Apache-2.0 */
#include "os/fatal.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

/* Nothing that the program had printed and not flushed appears, and the sentence is there alone. */
static void test_one_sentence(void)
{
	static const char sentence[] = "a rule is broken\n";
	char got[64] = "";
	int ends[2], status = 0;
	ssize_t len;
	pid_t child;

	CHECK_OR_RETURN(pipe(ends) == 0);
	child = fork();
	if (child == 0) {
		struct rlimit no_core = { 0, 0 };

		setrlimit(RLIMIT_CORE, &no_core);
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		close(ends[1]);
		fputs("what the program prints", stdout);
		os_fatal(sentence);
	}
	close(ends[1]);
	CHECK_OR_RETURN(child > 0);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	len = read(ends[0], got, sizeof(got) - 1);
	CHECK(!strncmp(got, sentence, strlen(sentence)));
#ifndef __SANITIZE_THREAD__ /* its runtime flushes what the program had printed when that aborts */
	CHECK_EQ(len, (ssize_t)strlen(sentence));
#endif
	CHECK(len > 0);
	close(ends[0]);
}

int main(void)
{
	TEST(test_one_sentence);
	return test_end();
}
