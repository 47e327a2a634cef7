/* SPDX-License-Identifier: Apache-2.0 */

#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "ctl/table.h"

static char *print(const struct table *table)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out) {
		table_print(table, out);
		fclose(out);
	}
	return text;
}

static void test_widths(void)
{
	struct table *table = table_new(">N NAME WHY");
	char *text;

	CHECK_OR_RETURN(table);
	for (int i = 8; i < 11; i += 2) {
		table_cell(table, "%d", i);
		table_cell(table, "%s", i == 8 ? "a" : "longer");
		table_cell(table, "%s", i == 8 ? "" : "x");
	}
	text = print(table);
	CHECK_OR_RETURN(text);
	CHECK(!strcmp(text, " N  NAME    WHY\n"
			    " 8  a       \n"
			    "10  longer  x\n"));
	free(text);
	table_free(table);
}

static void test_many(void)
{
	struct table *table = table_new("A B");
	char *text, *last;

	CHECK_OR_RETURN(table);
	for (int i = 0; i < 1000; i++)
		table_cell(table, "%d", i);
	text = print(table);
	CHECK_OR_RETURN(text);
	last = strstr(text, "998  999\n");
	CHECK(last && !last[9]);
	free(text);
	table_free(table);
}

int main(void)
{
	TEST(test_widths);
	TEST(test_many);
	return test_end();
}
