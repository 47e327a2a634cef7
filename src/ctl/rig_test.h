/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CTL_RIG_TEST_H
#define DVS_CTL_RIG_TEST_H

/*
 * Verbs of the command line with a daemon that is the test: words go in; the exit status, what was printed, and what
 * the daemon was asked come out. See client/rig_test.h.
 */

#include <jansson.h>

#include "client/rig_test.h"
#include "ctl/verb.h"

/* Runs the verb with these words, up to a NULL. The exit status; -1: it was killed. */
int rig_run(int (*run)(const struct verb *, int, int, char **), ...) __attribute__((sentinel));
/* The document on standard output; NULL and a failed check if it is none. The caller gives it up. */
json_t *rig_document(void);
/* The document's member, or that of its first element, is this number or this text. */
bool rig_has_number(const char *key, long long number);
bool rig_has_text(const char *key, const char *text);
bool rig_has_null(const char *key);
/* How many elements the document has. */
size_t rig_elements(void);

#endif
