/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_OPTIONS_H
#define DVS_OS_OPTIONS_H

/*
 * Options and operands of a verb or a program, parsed once for all. Options may stand anywhere before "--"
 * and, if the rest is somebody else's command line, before its first word. A word like -2 is an
 * operand: endpoints may be negative.
 */

#include <stdbool.h>
#include <stddef.h>

enum option_kind {
	OPTION_FLAG,
	OPTION_NUMBER,
	OPTION_WORD,
	OPTION_WORDS,
	OPTION_FOUND
};

#define OPTION_WORDS_MAX 4

/* The values of an option that may be given several times. */
struct option_words {
	unsigned count;
	const char *word[OPTION_WORDS_MAX];
};

/* A number that may be said otherwise: `find` knows how, or says why not. */
struct option_found {
	int *number;
	bool (*find)(const char *text, int *number, char *why, size_t size);
};

struct option_row {
	const char *name; /* "json" for --json; NULL ends a table */
	char letter;	  /* also -j; 0: none */
	enum option_kind kind;
	void *value; /* bool *, int *, const char **, or a structure; by kind. Untouched when not given */
};

struct options {
	char **operand; /* operand[count..] is the command line behind them, if it was asked for */
	int count;
	char **rest; /* NULL-terminated; only with rest_after >= 0 */
	char why[160];
};

/*
 * Takes the options out of argv[0..argc). rest_after: how many operands come before a command line of
 * somebody else, -1 if there is none. False: wrong usage, and options->why says what is wrong; or
 * --help (-h) is among the options, and options->why is empty.
 * The strings and the array stay the caller's; the array is reordered.
 */
bool options_parse(struct options *options, const struct option_row *rows, int rest_after, int argc,
		   char **argv);

struct operand_row {
	const char *name; /* as in the usage; NULL ends a table */
	int *value;
};

/*
 * The operands as numbers, at least `needed` of them, at most all of the table. False:
 * options->why names the word that is wrong, or what is missing.
 */
bool options_operands(struct options *options, const struct operand_row *rows, int needed);

/* A whole decimal number between min and max. */
bool options_number(const char *text, int min, int max, int *value);

/* Any whole number; the caller, which knows the range, refuses one that is out of it. */
bool options_integer(const char *text, int *value);

/* "0,2,5-7" as a bit map of numbers below 32. */
bool options_set(const char *text, unsigned *set);

#endif
