/* SPDX-License-Identifier: Apache-2.0 */
#include "os/random.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

uint64_t os_random(void)
{
	uint64_t number = 0;

	/* So few bytes come whole and without a signal in between, once the kernel has any at all. */
	while (!number)
		if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
			abort();
	assert(number);
	return number;
}
