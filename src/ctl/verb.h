/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CTL_VERB_H
#define DVS_CTL_VERB_H

/*
 * A verb of the command line: one file each, one row in a table. The usage text is made from the
 * rows, so a verb cannot be undocumented.
 */

#include <stdbool.h>

#include "base/refusal.h"
#include "ctl/nodename.h"
#include "os/options.h"

/* Exit statuses. */
#define DONE	    0
#define REFUSED	    1
#define WRONG_USAGE 2

#define NODE_UNSAID (-1)

struct ctl_request;

struct verb {
	const char *name; /* NULL ends a table */
	const char *arguments;
	const char *about;
	int (*run)(const struct verb *verb, int node, int argc, char **argv);
};

int verb_nodes(const struct verb *verb, int node, int argc, char **argv);
int verb_dc(const struct verb *verb, int node, int argc, char **argv);
int verb_ps(const struct verb *verb, int node, int argc, char **argv);
int verb_logs(const struct verb *verb, int node, int argc, char **argv);
int verb_run(const struct verb *verb, int node, int argc, char **argv);
int verb_stop(const struct verb *verb, int node, int argc, char **argv);
int verb_kill(const struct verb *verb, int node, int argc, char **argv);
int verb_migrate(const struct verb *verb, int node, int argc, char **argv);
int verb_checkpoint(const struct verb *verb, int node, int argc, char **argv);
int verb_restore(const struct verb *verb, int node, int argc, char **argv);
int verb_image(const struct verb *verb, int node, int argc, char **argv);
int verb_drain(const struct verb *verb, int node, int argc, char **argv);
int verb_restart(const struct verb *verb, int node, int argc, char **argv);
int verb_init(const struct verb *verb, int node, int argc, char **argv);
int verb_invite(const struct verb *verb, int node, int argc, char **argv);
int verb_join(const struct verb *verb, int node, int argc, char **argv);
int verb_leave(const struct verb *verb, int node, int argc, char **argv);
int verb_key(const struct verb *verb, int node, int argc, char **argv);
int verb_lab(const struct verb *verb, int node, int argc, char **argv);

/* The commands with names of their own. */
int verb_dvs_migrate(const struct verb *verb, int node, int argc, char **argv);
int verb_dvs_run(const struct verb *verb, int node, int argc, char **argv);

/* The verbs of `dvs key`. */
int verb_key_make(const struct verb *verb, int node, int argc, char **argv);
int verb_key_reload(const struct verb *verb, int node, int argc, char **argv);
int verb_key_rotate(const struct verb *verb, int node, int argc, char **argv);
int verb_key_show(const struct verb *verb, int node, int argc, char **argv);

/* The verbs of `dvs lab`. */
int verb_lab_up(const struct verb *verb, int node, int argc, char **argv);
int verb_lab_down(const struct verb *verb, int node, int argc, char **argv);
int verb_lab_exec(const struct verb *verb, int node, int argc, char **argv);
int verb_lab_cut(const struct verb *verb, int node, int argc, char **argv);
int verb_lab_heal(const struct verb *verb, int node, int argc, char **argv);
int verb_lab_kill(const struct verb *verb, int node, int argc, char **argv);
int verb_lab_restart(const struct verb *verb, int node, int argc, char **argv);
int verb_lab_start(const struct verb *verb, int node, int argc, char **argv);
int verb_lab_status(const struct verb *verb, int node, int argc, char **argv);

/* The row called name, or NULL. */
const struct verb *verb_find(const struct verb *table, const char *name);

/* Runs the verb. */
int verb_run_row(const struct verb *verb, int node, int argc, char **argv);

/*
 * Are the words of one that wants a document ("--json" before any "--")? Then each error is one, too:
 * {"error": name, "reason": sentence} on standard output, unless a document was printed already.
 */
void verb_expect(int argc, char **argv);

/*
 * The words of a verb, taken apart: see os/options.h. GO_ON: they are right, and all that was needed is set.
 * Anything else is the exit status, to be returned at once: the mistake was named on standard error, or help
 * was asked for and given. A verb that does not look at it does not compile.
 */
#define GO_ON	     (-1)
#define VERB_LOOK_AT __attribute__((warn_unused_result))

/* Options that most verbs have, and the end of their table. */
#define VERB_JSON(json)                        \
	{                                      \
		"json", 0, OPTION_FLAG, (json) \
	}
/* Inside a function: the row points to a part of its own. */
#define VERB_NODE(number)                                         \
	{                                                         \
		"node", 'n', OPTION_FOUND, &(struct option_found) \
		{                                                 \
			(number), nodename_find                   \
		}                                                 \
	}
#define VERB_OPTIONS_END                   \
	{                                  \
		NULL, 0, OPTION_FLAG, NULL \
	}

/* rows: NULL: no operands. An operand of the name NODE may be a node's name. */
int verb_words(const struct verb *verb, const struct option_row *options,
	       const struct operand_row *rows, int needed, int argc, char **argv) VERB_LOOK_AT;
/* The same for a verb about one endpoint, DCID EP, which goes into the request. */
int verb_endpoint(const struct verb *verb, const struct option_row *options,
		  struct ctl_request *request, int argc, char **argv) VERB_LOOK_AT;
/* The same in two parts, for operands that depend on the options, or are no numbers. */
int verb_options(const struct verb *verb, const struct option_row *options, int argc, char **argv,
		 struct options *words) VERB_LOOK_AT;
int verb_operands(const struct verb *verb, struct options *words, const struct operand_row *rows,
		  int needed) VERB_LOOK_AT;
/* And for one that ends with somebody else's command line, `before` words of its own before it: words->rest. */
int verb_options_command(const struct verb *verb, const struct option_row *options, int before,
			 int argc, char **argv, struct options *words) VERB_LOOK_AT;

/*
 * Says what is wrong and how the verb is used, on standard error, and returns WRONG_USAGE. An empty sentence,
 * as options_parse() has it: help was asked for, which goes to standard output and is DONE.
 */
int verb_usage(const struct verb *verb, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The same for a whole table; `why` may be NULL. */
int verb_usage_table(const struct verb *table, const char *why);
void verb_print_table(const struct verb *table, bool to_stderr);

/* Shows a refusal on standard error in one line with the error's name, and returns REFUSED. */
int verb_refuse(const struct refusal *refusal);

/* The same for memory that this command itself has not got. */
int verb_no_memory(void);

#endif
