/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_SETTINGS_H
#define DVS_NODE_SETTINGS_H

/*
 * The settings of dvsd: the table of which its options, its usage text, /etc/dvs/dvs.conf and the sample of that file
 * are made. A value of the command line goes before the one of the file.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/right.h"
#include "dvk.h"
#include "os/program.h"
#include "os/settings.h"

#define NODE_PATH_MOST 255

struct node_settings {
	int id, port, log_bytes, log_level, ready_fd, adopt_fd, after;
	int links; /* 0: they prove the key; 1: plain */
	struct address address;
	uint32_t users; /* the group that may ask this daemon; RIGHT_NO_GROUP: any user may */
	char name[MAXNODENAME];
	char group[NODE_PATH_MOST + 1], socket[NODE_PATH_MOST + 1], key[NODE_PATH_MOST + 1];
	char carried[NODE_PATH_MOST + 1];
	int carried_mbytes;
	char config[NODE_PATH_MOST + 1]; /* "": no file is read */
	bool check;			 /* only look whether all is right */
	uint32_t on_line; /* bit: the row of the table was given on the command line */
};

extern const struct setting node_settings_table[];

/* The daemon's usage text. */
const struct program *node_settings_program(void);

/*
 * Reads the command line, and the file that it names. -1: all are complete and in their ranges. Otherwise the program
 * ends with the status that is returned, and the reason was said. A successor, which has --adopt, goes on without a
 * file that is wrong: its predecessor gave it everything that it needs on its command line. May wait for the disk.
 */
int node_settings_read(struct node_settings *values, int argc, char **argv);

/*
 * --check looks at the key file as well, as the daemon reads it. Says whether all is right, and
 * returns the exit status of the program. May wait for the disk.
 */
int node_settings_check(const struct node_settings *values);

/*
 * The command line of a successor: every setting that may not change while the node lives, and what the first command
 * line had. Strings and array stay the module's. For one thread.
 */
char *const *node_settings_words(const struct node_settings *values);

/*
 * Reads the file again and takes over what may change while the daemon runs. False: nothing was changed, and `why` says
 * what is wrong. Else `why` is empty, or names a setting that is other in the file and waits for a new start. May wait
 * for the disk.
 */
bool node_settings_again(struct node_settings *values, char *why, size_t size);

/* Prints a file with all settings, explained. */
void node_settings_sample(void);

#endif
