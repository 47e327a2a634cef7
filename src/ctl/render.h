/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CTL_RENDER_H
#define DVS_CTL_RENDER_H

/*
 * Words for the numbers of the tables, and JSON documents. Texts are cut to the size given.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/ctl.h"

/* "RECEIVING|MIGRATING"; 0 is "RUNNING" for the rts word and "-" for the misc word. */
const char *render_rts(unsigned long flags, char *buf, size_t size);
const char *render_misc(unsigned long flags, char *buf, size_t size);

/* "any", "-" for NONE, else the number. */
const char *render_endpoint(int endpoint, char *buf, size_t size);

/* "0,2-4" of a node bit map; "-" when empty. */
const char *render_set(unsigned long set, char *buf, size_t size);

/* "812 ns", "3.41 ms", "2.6 MB". */
const char *render_time(uint64_t ns, char *buf, size_t size);
const char *render_bytes(uint64_t bytes, char *buf, size_t size);
/* "35 s ago", of a real time. */
const char *render_ago(int64_t since_ns, char *buf, size_t size);

/*
 * Text that others wrote, in a document: names, sentences, output. A JSON string of text that may lack its terminator.
 * Where it is no UTF-8, "?" stands for each byte above 127 in it, and beside it object["<key>_bytes"] has all its bytes
 * as a list of numbers, as the journal's JSON does: nothing is lost, and a "?" that was written is no doubt.
 */
json_t *render_text(const char *text, size_t max);
/* Adds that list to the object that has render_text() under this key, if the text is no UTF-8. Returns the object. */
json_t *render_with_bytes(json_t *object, const char *key, const char *text, size_t max);
/* Sets both, of bytes with a length, zero bytes included. */
void render_output(json_t *object, const char *key, const char *bytes, size_t length);
/* For people: "?" instead of a byte that would begin a line or command a terminal. Changes and returns text. */
char *render_line(char *text);
/* The same of a copy in buf, of text that may lack its terminator within size - 1. */
const char *render_name(const char *text, char *buf, size_t size);
json_t *render_set_json(unsigned long set);

/* Prints one document and gives it up. Returns the verb's exit status. */
int render_document(json_t *document);
bool render_answered(void); /* a document was printed */

/*
 * Sets "exit_status" to the number a process exited with, "signal" to the name of the one that killed it, and
 * "core"; null where it was not that, or (wait_status -1) nobody knows.
 */
void render_end(json_t *object, int wait_status);

/* A row of `dvs ps` and one of `dvs migrate`, as the design fixes them. */
json_t *render_proc_json(const struct ctl_proc_row *row);
json_t *render_move_json(const struct ctl_move *move);
/* And one about an image in a file. */
json_t *render_image_json(const struct ctl_image *image);
/*
 * The sentence about CPU time, which begins anew with a move. False: nothing counts that of the process.
 */
bool render_cpu_time(const struct ctl_move *move, char *buf, size_t size);
const char *render_result(const struct ctl_move *move);
/* The endpoints that move along, as "21, 22"; false: none does. */
bool render_fellows(const struct ctl_move *move, char *buf, size_t size);

/* The rows of /proc/dvs/<DC>/procs and stats of the original, without a newline. */
#define RENDER_PROCS_HEADER "DC pnr -endp -lpid/vpid- nd flag misc -getf -sndt -wmig -prxy name"
#define RENDER_STATS_HEADER "DC pnr -endp -lpid/vpid- nd --lsnt-- --rsnt-- -lcopy-- -rcopy-- name"
const char *render_procs_row(const proc_usr_t *proc, char *buf, size_t size);
const char *render_stats_row(const proc_usr_t *proc, char *buf, size_t size);

#endif
