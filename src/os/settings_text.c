/* SPDX-License-Identifier: Apache-2.0 */
#include "os/settings.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

/* The texts for people that are made of a table of settings. */

#define USAGE_INDENT 20
#define COLUMNS	     96

/* Words in lines that begin with `before`, but the first one, whose begin is printed already, to `column`. */
static void print_words(FILE *out, const char *before, size_t column, const char *words)
{
	assert(strlen(before) < COLUMNS);
	while (*words) {
		size_t len = strcspn(words, " ");

		if (column + 1 + len > COLUMNS) {
			fprintf(out, "\n%s", before);
			column = strlen(before);
		}
		fprintf(out, " %.*s", (int)len, words);
		column += 1 + len;
		words += len + (words[len] == ' ');
	}
	fputc('\n', out);
}

/* The use of a setting, its range and its default. */
static void explain(const struct setting *row, char *text, size_t size)
{
	size_t len = (size_t)snprintf(text, size, "%s", row->help);

	assert(len < size);
	if (row->kind == SETTING_NUMBER && !(row->flags & SETTING_LINE))
		len += (size_t)snprintf(text + len, size - len, "; %d to %d", row->least,
					row->most);
	if (row->kind == SETTING_WORD && row->most < 64)
		len += (size_t)snprintf(text + len, size - len, "; up to %d characters", row->most);
	for (int i = 0; row->kind == SETTING_CHOICE && row->choices[i]; i++)
		len += (size_t)snprintf(text + len, size - len, "%s%s", i ? ", " : "; ",
					row->choices[i]);
	if (row->initial)
		len += (size_t)snprintf(text + len, size - len, " (%s)", row->initial);
	assert(len < size); /* the table is ours, and so is the length of its words */
}

static void print_usage(const struct setting *rows, FILE *out)
{
	char text[640], head[64], indent[USAGE_INDENT + 1];

	memset(indent, ' ', USAGE_INDENT);
	indent[USAGE_INDENT] = '\0';
	for (; rows->name; rows++) {
		if (rows->flags & SETTING_HIDDEN)
			continue;
		explain(rows, text, sizeof(text));
		snprintf(head, sizeof(head), "  --%s %s", rows->name, rows->sign);
		fprintf(out, "%-*s", USAGE_INDENT, head);
		print_words(out, indent, strlen(head) > USAGE_INDENT ? strlen(head) : USAGE_INDENT,
			    text);
	}
}

void settings_usage(const struct setting *rows, const char *head, const char *tail, char *text,
		    size_t size)
{
	FILE *out = fmemopen(text, size, "w");

	assert(size > 0);
	text[0] = '\0';
	if (!out)
		return;
	fputs(head, out);
	print_usage(rows, out);
	fputs(tail, out);
	fclose(out);
}

void settings_sample(const struct setting *rows, FILE *out)
{
	char text[640];

	for (; rows->name; rows++) {
		if (rows->flags & (SETTING_LINE | SETTING_HIDDEN))
			continue;
		explain(rows, text, sizeof(text));
		text[0] = (char)toupper((unsigned char)text[0]);
		fputs("\n#", out);
		print_words(out, "#", 1, text);
		if (rows->flags & SETTING_NEEDED)
			fputs("# This line is needed.\n", out);
		if (rows->flags & SETTING_RELOADED)
			fputs("# A reload of the daemon is enough for a change.\n", out);
		fprintf(out, "#%s = %s\n", rows->name,
			rows->initial ? rows->initial : rows->sample);
	}
}
