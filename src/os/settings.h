/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_SETTINGS_H
#define DVS_OS_SETTINGS_H

/*
 * The settings of a daemon. One table says for each setting its name, its kind and range, its default and its use. The
 * options of the command line, the usage text, the reader of the file and the documented sample of the file are all
 * made of this table, so that they cannot differ.
 *
 * The file has lines `name = value`, read by libinih, and comments, which begin with # or ;. A refusal names the file,
 * the line and the remedy.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h> /* FILE comes with stdio.h */
#include <stdio.h>

enum setting_kind {
	SETTING_NUMBER,	 /* int, from least to most */
	SETTING_WORD,	 /* char[most + 1], least to most characters */
	SETTING_ADDRESS, /* struct address */
	SETTING_GROUP,	 /* uint32_t, a group of this machine, by its name or number */
	SETTING_CHOICE,	 /* int, the place in `choices` */
};

#define SETTING_NEEDED	 1 /* has no default */
#define SETTING_LINE	 2 /* stands on the command line only */
#define SETTING_HIDDEN	 4 /* is not for people */
#define SETTING_RELOADED 8 /* may change while the daemon runs */

#define SETTINGS_MAX	  32
#define SETTINGS_FILE_MAX 65536 /* bytes */
#define SETTINGS_LINE_MAX 198	/* libinih's, less a newline and a 0 */

struct setting {
	const char *name; /* --name VALUE, or name = VALUE; NULL ends a table */
	const char *sign; /* of the value, as in the usage */
	enum setting_kind kind;
	unsigned flags;
	int least, most;
	const char *const *choices; /* NULL-terminated */
	const char *initial; /* the default; NULL: the value is not set, or the daemon finds one */
	const char *sample;  /* for the sample file, if there is no default */
	const char *help;
	size_t offset; /* of the value in the structure of values */
};

struct settings {
	const struct setting *rows;
	void *values;
	uint32_t given;		/* bit: the row was set */
	int line[SETTINGS_MAX]; /* of the file, 0: not there */
	char why[512];		/* a sentence */
};

/* All values are as the table says first. */
void settings_init(struct settings *settings, const struct setting *rows, void *values);

/* A value from the command line; a later one counts. False: `why` says what is wrong. */
bool settings_set(struct settings *settings, const struct setting *row, const char *text);

/*
 * The values in a text of len bytes, which is called `name`. False: `why` names the first line that is wrong. The
 * values of the lines before it may have been set.
 */
bool settings_parse(struct settings *settings, const char *name, const char *text, size_t len);

/*
 * The values in a file. If root asks, the file has to be root's, and no one else may be allowed to write to it. It
 * may wait for the disk. False as above.
 */
bool settings_read(struct settings *settings, const char *path);

/* Whether all that is needed was given; `path` is the file that was read, or NULL. False as above. */
bool settings_complete(struct settings *settings, const char *path);

/* Whether both structures have the same value there. */
bool settings_same(const struct setting *row, const void *a, const void *b);

/* A usage text: the head, the options of the table, the tail. It is cut where the size ends. */
void settings_usage(const struct setting *rows, const char *head, const char *tail, char *text,
		    size_t size);

/* A file with each setting explained and its default, as a comment. */
void settings_sample(const struct setting *rows, FILE *out);

#endif
