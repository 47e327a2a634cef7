/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A warn process that takes its time: it receives while FILE.take is there and answers once FILE.answer
 * is, and takes away each when it has done so. Nothing is open that would keep it from being moved.
 *
 * Usage: warned FILE
 */
#include <stdio.h>
#include <unistd.h>

#include "dvk.h"

static void await_file(const char *name, const char *what)
{
	char path[256];

	snprintf(path, sizeof(path), "%s.%s", name, what);
	while (access(path, F_OK))
		usleep(2000);
	unlink(path);
}

int main(int argc, char **argv)
{
	message m;

	if (argc != 2) {
		fprintf(stderr, "usage: warned FILE\n");
		return 2;
	}
	if (dvk_open() < 0 || dvk_wait4bind_T(5000) < EDVSERRCODE) {
		fprintf(stderr, "not bound\n");
		return 1;
	}
	for (;;) {
		await_file(argv[1], "take");
		if (dvk_receive(ANY, &m))
			return 1;
		await_file(argv[1], "answer");
		if (dvk_reply(m.m_source, &m))
			return 1;
	}
}
