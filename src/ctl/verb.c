/* SPDX-License-Identifier: Apache-2.0 */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/result.h"
#include "ctl/render.h"
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

static bool wants_document, has_document;

void verb_expect(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--"); i++)
		wants_document |= !strcmp(argv[i], "--json");
}

void verb_answered(void)
{
	has_document = true;
}

static void document_error(const char *name, const char *sentence)
{
	if (!wants_document || has_document)
		return;
	json_t *document = json_pack("{s:s, s:o}", "error", name, "reason",
				     render_text(sentence, CTL_SENTENCE));

	render_document(document);
}

int verb_run_row(const struct verb *verb, int node, int argc, char **argv)
{
	bool command = strstr(verb->arguments, "CMD") != NULL;

	verb_expect(argc, argv);
	for (int i = 0; i < (command && argc ? 1 : argc) && strcmp(argv[i], "--"); i++) {
		if (strcmp(argv[i], "--help") && strcmp(argv[i], "-h"))
			continue;
		if (verb->run == verb_lab)
			break; /* has verbs of its own */
		printf("usage: %s %s\n%s\n", verb_program(), verb->arguments, verb->about);
		return DONE;
	}
	return verb->run(verb, node, argc, argv);
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
	char why[CTL_SENTENCE];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	fprintf(stderr, "%s: %s\nusage: %s %s\n", verb_program(), why, verb_program(),
		verb->arguments);
	document_error("EDVSINVAL", why);
	return WRONG_USAGE;
}

int verb_usage_table(const struct verb *table, const char *why)
{
	if (why)
		fprintf(stderr, "%s: %s\n", verb_program(), why);
	fprintf(stderr, "usage: %s [-n NODE] VERB [ARGUMENT...]\n", verb_program());
	verb_print_table(table, true);
	document_error("EDVSINVAL", why ? why : "a verb is needed");
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
	document_error(name, refusal->reason[0] ? refusal->reason : result_text(refusal->error));
	return REFUSED;
}
