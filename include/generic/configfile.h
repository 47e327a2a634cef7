/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVK_GENERIC_CONFIGFILE_H
#define DVK_GENERIC_CONFIGFILE_H
/*
 * A configuration text as a tree: each statement is a list of words and sub-lists. Words know
 * in which bases they read as a number. The parser is the program's own; this is what it gives.
 */
#include <sys/types.h>

typedef unsigned config_flags_t;

typedef struct config {
	struct config *next; /* next word of the list */
	struct config *list; /* the sub-list, if this is one */
	const char *file;    /* where it was read */
	unsigned line;
	config_flags_t flags; /* CFG_... */
	char word[2];	      /* the text, of any length; not in a sub-list */
} config_t;

#define CFG_CLONG   0x001 /* a signed number, C notation */
#define CFG_OLONG   0x002 /* octal */
#define CFG_DLONG   0x004 /* decimal */
#define CFG_XLONG   0x008 /* hexadecimal */
#define CFG_CULONG  0x010 /* unsigned, likewise */
#define CFG_OULONG  0x020
#define CFG_DULONG  0x040
#define CFG_XULONG  0x080
#define CFG_STRING  0x100 /* was written in quotes */
#define CFG_SUBLIST 0x200
#define CFG_ESCAPED 0x400 /* config_read: keep escapes; config_t: has escapes */

#define config_issub(cfg)    (!!((cfg)->flags & CFG_SUBLIST))
#define config_isatom(cfg)   (!config_issub(cfg))
#define config_isstring(cfg) (!!((cfg)->flags & CFG_STRING))

#ifdef __cplusplus
extern "C" {
#endif

/* Reads a file, or takes old if it is still what the file holds. The tree is the caller's. */
config_t *config_read(const char *file, int flags, config_t *old);
void config_delete(config_t *cfg);
/* Whether the file has changed since it was read. */
int config_renewed(config_t *cfg);
/* Words in the list. */
size_t config_length(config_t *cfg);

#ifdef __cplusplus
}
#endif

#endif
