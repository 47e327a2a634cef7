/* SPDX-License-Identifier: Apache-2.0 */
#include "os/fatal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void os_fatal(const char *sentence)
{
	/* Where nobody reads, the abort still says that something was wrong. */
	ssize_t written = write(STDERR_FILENO, sentence, strlen(sentence));

	(void)written;
	abort();
}
