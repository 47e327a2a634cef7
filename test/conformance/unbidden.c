/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attempts of a user without rights.
 *
 *	unbidden size			the bytes of a request, for those that write one by themselves
 *	unbidden bind DCID TIMES	binds an endpoint of that DC so many times; says how often that was refused
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dvk.h"
#include "wire/ctl.h"

int main(int argc, char **argv)
{
	long refused = 0, dcid, times;

	if (argc == 2 && !strcmp(argv[1], "size")) {
		printf("%zu\n", sizeof(struct ctl_request));
		return 0;
	}
	if (argc != 4 || strcmp(argv[1], "bind")) {
		fprintf(stderr, "usage: unbidden size | unbidden bind DCID TIMES\n");
		return 2;
	}
	if (dvk_open() < 0)
		return 1;
	dcid = strtol(argv[2], NULL, 10);
	times = strtol(argv[3], NULL, 10);
	for (; refused < times; refused++)
		if (dvk_bind((int)dcid, 10) >= EDVSERRCODE)
			return 1;
	printf("%ld\n", refused);
	return 0;
}
