/* SPDX-License-Identifier: Apache-2.0 */
#include "party.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dvk.h"

int party_usage(const char *name, const char *words, int most, int argc, char **argv)
{
	bool help = argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"));

	if (argc - 1 > most)
		fprintf(stderr, "%s: unexpected word '%s'\n", name, argv[most + 1]);
	else if (!help)
		fprintf(stderr, "%s: words are missing%s%s\n", name, argc > 1 ? " after " : "",
			argc > 1 ? argv[argc - 1] : "");
	fprintf(help ? stdout : stderr, "usage: %s %s\n", name, words);
	return !help ? 2 : fflush(stdout) || ferror(stdout) ? 1 : 0;
}

bool party_number(const char *what, const char *text, long min, long max, int *numberp)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(text, &end, 10);
	if (errno || end == text || *end || number < min || number > max) {
		fprintf(stderr, "%s must be a number from %ld to %ld, not '%s'\n", what, min, max,
			text);
		return false;
	}
	*numberp = (int)number;
	return true;
}

long party_join(int dcid, int endpoint)
{
	long result = dvk_open();

	if (result < 0) {
		fprintf(stderr, "no DVS on this node (error %ld): start its daemon\n", result);
		return result < EDVSERRCODE ? result : EDVSDVSINIT;
	}
	result = dvk_getep(getpid());
	if (result == EDVSNOTBIND)
		result = dvk_bind(dcid, endpoint);
	if (result < EDVSERRCODE) {
		fprintf(stderr, "cannot have endpoint %d of DC %d (error %ld)\n", endpoint, dcid,
			result);
		return result;
	}
	if (_ENDPOINT_P(result) != _ENDPOINT_P(endpoint)) {
		fprintf(stderr, "started as endpoint %ld, told to be %d\n", result, endpoint);
		return EDVSENDPOINT;
	}
	return result;
}
