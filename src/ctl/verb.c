/* SPDX-License-Identifier: Apache-2.0 */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/result.h"
#include "ctl/verb.h"

static char program_name[64] = "dvs";

const struct verb *verb_find(const struct verb *table, const char *name)
{
	for (; table->name; table++) {
		if (!strcmp(table->name, name))
			return table;
	}
	return NULL;
}

const char *verb_program(void)
{
	return program_name;
}

void verb_set_program(const char *first, const char *second)
{
	snprintf(program_name, sizeof(program_name), second ? "%s %s" : "%s", first, second);
}

void verb_print_table(const struct verb *table, bool to_stderr)
{
	FILE *out = to_stderr ? stderr : stdout;

	for (; table->name; table++)
		fprintf(out, "  %-8s %s\n           %s\n", table->name, table->arguments,
			table->about);
}

int verb_usage(const struct verb *verb, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", verb_program());
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\nusage: %s %s\n", verb_program(), verb->arguments);
	return WRONG_USAGE;
}

int verb_usage_table(const struct verb *table, const char *why)
{
	if (why)
		fprintf(stderr, "%s: %s\n", verb_program(), why);
	fprintf(stderr, "usage: %s [-n NODE] VERB [ARGUMENT...]\n", verb_program());
	verb_print_table(table, true);
	return WRONG_USAGE;
}

int verb_refuse(const struct refusal *refusal)
{
	const char *name = result_name(refusal->error);

	if (strstr(refusal->reason, name))
		fprintf(stderr, "%s: %s\n", verb_program(), refusal->reason);
	else
		fprintf(stderr, "%s: %s (%s)\n", verb_program(),
			refusal->reason[0] ? refusal->reason : result_text(refusal->error), name);
	return REFUSED;
}
