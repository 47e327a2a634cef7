/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/render.h"
#include "ctl/table.h"

#define COLUMNS_MAX 24
#define CELL_MAX    64

struct table {
	int columns;
	size_t cells, capacity; /* the headings are the first row */
	bool cut;		/* out of memory: cells are missing at its end */
	bool right[COLUMNS_MAX];
	size_t width[COLUMNS_MAX];
	char (*cell)[CELL_MAX];
};

struct table *table_new(const char *headings)
{
	struct table *table = calloc(1, sizeof(*table));
	const char *at = headings;

	if (!table)
		return NULL;
	for (const char *c = headings; *c; c++)
		table->columns += *c == ' ';
	table->columns++;
	assert(table->columns <= COLUMNS_MAX);
	for (int i = 0; i < table->columns && i < COLUMNS_MAX; i++) {
		size_t len = strcspn(at, " ");

		table->right[i] = *at == '>';
		table_cell(table, "%.*s", (int)(len - table->right[i]), at + table->right[i]);
		at += len + (at[len] == ' ');
	}
	assert(table->cells <= (size_t)table->columns);
	return table;
}

struct table *table_free(struct table *table)
{
	if (table)
		free(table->cell);
	free(table);
	return NULL;
}

void table_cell(struct table *table, const char *format, ...)
{
	size_t column = table->cells % (size_t)table->columns, len;
	va_list args;

	assert(table->columns > 0);
	assert(table->cells <= table->capacity);
	if (table->cells == table->capacity) {
		size_t more = table->capacity ? table->capacity * 2 : 64;
		void *cell = realloc(table->cell, more * CELL_MAX);

		if (!cell) {
			table->cut = true;
			return;
		}
		table->cell = cell;
		table->capacity = more;
	}
	va_start(args, format);
	vsnprintf(table->cell[table->cells], CELL_MAX, format, args);
	va_end(args);
	render_line(table->cell[table->cells]);
	len = strlen(table->cell[table->cells++]);
	if (len > table->width[column])
		table->width[column] = len;
}

void table_print(const struct table *table, FILE *out)
{
	assert(table->columns > 0);
	assert(table->cut || table->cells % (size_t)table->columns == 0);
	for (size_t i = 0; i < table->cells; i++) {
		size_t column = i % (size_t)table->columns;
		bool last = column + 1 == (size_t)table->columns;
		int width = (int)table->width[column];

		if (table->right[column])
			fprintf(out, "%*s", width, table->cell[i]);
		else if (last)
			fputs(table->cell[i], out);
		else
			fprintf(out, "%-*s", width, table->cell[i]);
		fputs(last ? "\n" : "  ", out);
	}
}

void table_finish(struct table *table)
{
	table_print(table, stdout);
	table_free(table);
}
