/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/options.h"

bool options_number(const char *text, int min, int max, int *value)
{
	char *end;
	long n;

	assert(min <= max);
	errno = 0;
	n = strtol(text, &end, 10);
	if (end == text || *end || errno || isspace((unsigned char)text[0]) || n < min || n > max)
		return false;
	*value = (int)n;
	return true;
}

bool options_integer(const char *text, int *value)
{
	return options_number(text, INT_MIN, INT_MAX, value);
}

bool options_operands(struct options *options, const struct operand_row *rows, int needed)
{
	int at = 0;

	assert(needed >= 0);
	for (; rows[at].name && at < options->count; at++) {
		if (options_integer(options->operand[at], rows[at].value))
			continue;
		snprintf(options->why, sizeof(options->why), "%s is a number, not \"%.40s\"",
			 rows[at].name, options->operand[at]);
		return false;
	}
	if (at < options->count)
		snprintf(options->why, sizeof(options->why), "unexpected word \"%.40s\"",
			 options->operand[at]);
	else if (at < needed)
		snprintf(options->why, sizeof(options->why), "%s is missing", rows[at].name);
	else
		return true;
	return false;
}

bool options_set(const char *text, unsigned *set)
{
	unsigned found = 0;

	for (;;) {
		char *end;
		unsigned long first, last;

		if (!isdigit((unsigned char)*text))
			return false;
		first = last = strtoul(text, &end, 10);
		if (*end == '-') {
			text = end + 1;
			if (!isdigit((unsigned char)*text))
				return false;
			last = strtoul(text, &end, 10);
		}
		if (first > last || last > 31)
			return false;
		for (; first <= last; first++)
			found |= 1u << first;
		if (!*end)
			break;
		if (*end != ',')
			return false;
		text = end + 1;
	}
	*set = found;
	return true;
}

static const struct option_row *find_row(const struct option_row *rows, const char *word,
					 size_t name_len)
{
	assert(word[0] == '-');
	for (; rows->name; rows++) {
		if (word[1] == '-' ? strlen(rows->name) == name_len - 2 &&
					     !strncmp(rows->name, word + 2, name_len - 2)
				   : rows->letter && rows->letter == word[1] && !word[2])
			return rows;
	}
	return NULL;
}

static bool add_word(struct options *options, const struct option_row *row, const char *value)
{
	struct option_words *words = row->value;

	if (words->count == OPTION_WORDS_MAX) {
		snprintf(options->why, sizeof(options->why), "--%s may be given %d times at most",
			 row->name, OPTION_WORDS_MAX);
		return false;
	}
	words->word[words->count++] = value;
	return true;
}

/* One option at argv[*at], with its value perhaps in the next word. */
static bool parse_option(struct options *options, const struct option_row *rows, int argc,
			 char **argv, int *at)
{
	const char *word = argv[*at], *value = NULL;
	size_t len = word[1] == '-' ? strcspn(word, "=") : strlen(word);
	const struct option_row *row = find_row(rows, word, len);

	assert(*at < argc);
	if (!row && (!strcmp(word, "--help") || !strcmp(word, "-h"))) {
		options->why[0] = '\0';
		return false;
	}
	if (!row) {
		snprintf(options->why, sizeof(options->why), "unknown option %.40s", word);
		return false;
	}
	if (word[len] == '=')
		value = word + len + 1;
	if (row->kind == OPTION_FLAG) {
		if (value)
			snprintf(options->why, sizeof(options->why), "--%s takes no value",
				 row->name);
		*(bool *)row->value = true;
		return !value;
	}
	if (!value && *at + 1 < argc)
		value = argv[++*at];
	if (!value) {
		snprintf(options->why, sizeof(options->why), "%s needs a value", word);
		return false;
	}
	if (row->kind == OPTION_WORD) {
		*(const char **)row->value = value;
		return true;
	}
	if (row->kind == OPTION_WORDS)
		return add_word(options, row, value);
	if (row->kind == OPTION_FOUND) {
		const struct option_found *found = row->value;

		return found->find(value, found->number, options->why, sizeof(options->why));
	}
	if (!options_number(value, 0, INT_MAX, row->value)) {
		snprintf(options->why, sizeof(options->why), "%.40s: not a number: %.40s", word,
			 value);
		return false;
	}
	return true;
}

static bool is_option(const char *word)
{
	return word[0] == '-' && word[1] && !isdigit((unsigned char)word[1]);
}

bool options_parse(struct options *options, const struct option_row *rows, int rest_after, int argc,
		   char **argv)
{
	int at;

	assert(argc >= 0);
	*options = (struct options){ .operand = argv };
	for (at = 0; at < argc; at++) {
		if (!strcmp(argv[at], "--")) {
			at++;
			break;
		}
		if (is_option(argv[at])) {
			if (!parse_option(options, rows, argc, argv, &at))
				return false;
			continue;
		}
		if (rest_after >= 0 && options->count == rest_after)
			break;
		argv[options->count++] = argv[at];
	}
	if (rest_after >= 0) {
		options->rest = argv + at;
		return true;
	}
	for (; at < argc; at++)
		argv[options->count++] = argv[at];
	return true;
}
