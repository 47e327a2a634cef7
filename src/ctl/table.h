/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CTL_TABLE_H
#define DVS_CTL_TABLE_H

/*
 * A table for people: cells are filled row by row, then printed with each column as wide as its
 * widest cell. A heading that starts with '>' makes its column lean to the right.
 */

#include <stdio.h>

struct table;

/* headings: separated by single blanks. NULL when memory is out. */
struct table *table_new(const char *headings);
struct table *table_free(struct table *table);

/* The next cell, left to right, then the next row. */
void table_cell(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

void table_print(const struct table *table, FILE *out);
void table_finish(struct table *table); /* prints it on standard output and frees it */

#endif
