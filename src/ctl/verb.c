/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/result.h"
#include "ctl/program.h"
#include "ctl/render.h"
#include "ctl/verb.h"

const struct verb *verb_find(const struct verb *table, const char *name)
{
	for (; table->name; table++) {
		if (!strcmp(table->name, name))
			return table;
	}
	return NULL;
}

static bool wants_document;

void verb_expect(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--"); i++)
		wants_document |= !strcmp(argv[i], "--json");
}

static void document_error(const char *name, const char *sentence)
{
	json_t *document;

	assert(name && sentence);
	if (!wants_document || render_answered())
		return;
	document = json_pack("{s:s, s:o}", "error", name, "reason",
			     render_text(sentence, CTL_SENTENCE));
	render_with_bytes(document, "reason", sentence, CTL_SENTENCE);
	render_document(document);
}

int verb_run_row(const struct verb *verb, int node, int argc, char **argv)
{
	assert(verb->run);
	verb_expect(argc, argv);
	return verb->run(verb, node, argc, argv);
}

void verb_print_table(const struct verb *table, bool to_stderr)
{
	FILE *out = to_stderr ? stderr : stdout;

	for (; table->name; table++)
		fprintf(out, "  %-8s %s\n           %s\n", table->name, table->arguments,
			table->about);
}

/* One line for people, on standard error; the document has the text as it is. */
static void say(const char *why, const char *name)
{
	char line[CTL_SENTENCE + 64];

	snprintf(line, sizeof(line), "%s", why);
	render_line(line);
	if (name && !strstr(line, name))
		fprintf(stderr, "%s: %s (%s)\n", program_name(), line, name);
	else
		fprintf(stderr, "%s: %s\n", program_name(), line);
}

int verb_usage(const struct verb *verb, const char *format, ...)
{
	char why[CTL_SENTENCE];
	va_list args;

	assert(verb->arguments && verb->about);
	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	if (!why[0]) { /* see options_parse(): help was asked for */
		printf("usage: %s %s\n%s\n", program_name(), verb->arguments, verb->about);
		return DONE;
	}
	say(why, NULL);
	fprintf(stderr, "usage: %s %s\n", program_name(), verb->arguments);
	document_error("EDVSINVAL", why);
	return WRONG_USAGE;
}

int verb_options_command(const struct verb *verb, const struct option_row *options, int before,
			 int argc, char **argv, struct options *words)
{
	assert(before >= -1);
	return options_parse(words, options, before, argc, argv)
		       ? GO_ON
		       : verb_usage(verb, "%s", words->why);
}

int verb_options(const struct verb *verb, const struct option_row *options, int argc, char **argv,
		 struct options *words)
{
	return verb_options_command(verb, options, -1, argc, argv, words);
}

int verb_operands(const struct verb *verb, struct options *words, const struct operand_row *rows,
		  int needed)
{
	static const struct operand_row none[] = { { NULL, NULL } };
	static char number[12];
	char why[160];
	int node;

	assert(needed >= 0);
	for (int at = 0; rows && rows[at].name && at < words->count; at++) {
		if (strcmp(rows[at].name, "NODE") != 0)
			continue;
		if (!nodename_find(words->operand[at], &node, why, sizeof(why)))
			return verb_usage(verb, "%s", why);
		snprintf(number, sizeof(number), "%d", node);
		words->operand[at] = number;
	}
	return options_operands(words, rows ? rows : none, needed)
		       ? GO_ON
		       : verb_usage(verb, "%s", words->why);
}

int verb_words(const struct verb *verb, const struct option_row *options,
	       const struct operand_row *rows, int needed, int argc, char **argv)
{
	struct options words;
	int status = verb_options(verb, options, argc, argv, &words);

	return status == GO_ON ? verb_operands(verb, &words, rows, needed) : status;
}

int verb_endpoint(const struct verb *verb, const struct option_row *options,
		  struct ctl_request *request, int argc, char **argv)
{
	const struct operand_row rows[] = { { "DCID", &request->dcid },
					    { "EP", &request->endpoint },
					    { NULL, NULL } };

	return verb_words(verb, options, rows, 2, argc, argv);
}

int verb_usage_table(const struct verb *table, const char *why)
{
	if (why)
		say(why, NULL);
	fprintf(stderr, "usage: %s [-n NODE] VERB [ARGUMENT...]\n", program_name());
	verb_print_table(table, true);
	document_error("EDVSINVAL", why ? why : "a verb is needed");
	return WRONG_USAGE;
}

int verb_refuse(const struct refusal *refusal)
{
	const char *name = result_name(refusal->error);
	const char *why = refusal->reason[0] ? refusal->reason : result_text(refusal->error);

	assert(refusal->error < 0);
	say(why, name);
	document_error(name, why);
	return REFUSED;
}

int verb_no_memory(void)
{
	struct refusal refusal = REFUSAL_NONE;

	refusal_set(
		&refusal, EDVSNOMEM,
		"out of memory: the answer came, and cannot be shown; end other programs, or raise the "
		"limit of this shell (ulimit -v)");
	return verb_refuse(&refusal);
}
