/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Any words are either refused with a reason, or sorted so that operands come first, in number no more
 * than the words, and the rest ends where the words end.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "os/options.c"

#define WORDS_MAX 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool flag = false;
	int number = -1, rest_after, argc = 0;
	const char *word = NULL;
	struct option_words several = { 0 };
	const struct option_row rows[] = {
		{ "json", 'j', OPTION_FLAG, &flag }, { "nodes", 'n', OPTION_NUMBER, &number },
		{ "mode", 0, OPTION_WORD, &word },   { "address", 0, OPTION_WORDS, &several },
		{ NULL, 0, OPTION_FLAG, NULL },
	};
	char *text, *argv[WORDS_MAX + 1];
	struct options options;
	unsigned set;

	if (!size)
		return 0;
	rest_after = data[0] % 4 - 1;
	text = malloc(size);
	if (!text)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	for (char *at = text; at < text + size && argc < WORDS_MAX; at += strlen(at) + 1)
		argv[argc++] = at;
	argv[argc] = NULL;
	options_set(text, &set);
	if (!options_parse(&options, rows, rest_after, argc, argv)) {
		bool help = false;

		for (int i = 0; i < argc; i++)
			help |= !strcmp(argv[i], "--help") || !strcmp(argv[i], "-h");
		if (!options.why[0] && !help)
			abort();
	} else if (options.count > argc || (rest_after >= 0 && options.count > rest_after)) {
		abort();
	} else if (rest_after >= 0) {
		while (*options.rest)
			options.rest++;
		if (options.rest != argv + argc)
			abort();
	}
	free(text);
	return 0;
}
