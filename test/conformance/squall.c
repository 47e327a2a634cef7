/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One sender or receiver of a storm (weather.h) as a program of its own, bound from outside, with
 * nothing open that would keep it from being moved.
 *
 * Usage: squall send LOG SENDER EP EP EP USER | squall recv LOG SEED
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dvk.h"
#include "conformance/weather.h"

static long number(const char *text)
{
	return strtol(text, NULL, 10);
}

int main(int argc, char **argv)
{
	long ep[3], wrong = -1;

	if (dvk_open() < 0 || dvk_wait4bind_T(5000) < EDVSERRCODE) {
		fprintf(stderr, "not bound\n");
		return 1;
	}
	if (argc == 8 && !strcmp(argv[1], "send")) {
		for (int i = 0; i < 3; i++)
			ep[i] = number(argv[4 + i]);
		wrong = weather_send(argv[2], (int)number(argv[3]), ep, (int)number(argv[7]));
	} else if (argc == 4 && !strcmp(argv[1], "recv")) {
		wrong = weather_receive(argv[2], (int)number(argv[3]));
	} else {
		fprintf(stderr,
			"usage: squall send LOG SENDER EP EP EP USER | squall recv LOG SEED\n");
		return 2;
	}
	printf("%ld went wrong\n", wrong);
	return wrong != 0;
}
