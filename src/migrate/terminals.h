/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_TERMINALS_H
#define DVS_MIGRATE_TERMINALS_H

#include "migrate/descriptions.h"
#include "migrate/inventory.h"
#include "os/terminal.h"

/*
 * Pseudo-terminals. Each has one description of its master, which carries all that there is to know, and any
 * number of descriptions of its slave.
 */
enum terminal_flag {
	TERMINAL_LOCKED = 1,
	TERMINAL_LEFT = 2, /* a slave was open, and none is */
	TERMINAL_PACKETS = 4,
	TERMINAL_MASTER_EXCLUSIVE = 8,
	TERMINAL_SLAVE_EXCLUSIVE = 16,
	TERMINAL_IN_FOLDER = 32, /* the master was opened as /dev/pts/ptmx */
	TERMINAL_UNOPENED = 64,	 /* no slave was open ever */
	TERMINAL_FLAGS = 127,
};

/* The body of a master's description. Processes are those of the tree, by their numbers in its pid namespace. */
struct terminal_master {
	uint32_t number;    /* N of /dev/pts/N */
	int32_t session;    /* the leader of that whose controlling terminal it is; 0: none */
	int32_t foreground; /* of that: the leader of the process group; 0: none that lives */
	struct os_terminal_size size;
	uint32_t uid, gid, rights; /* of the file */
	uint32_t flags;		   /* enum terminal_flag */
};

enum terminal_slave_kind {
	TERMINAL_SLAVE_FILE = 1, /* opened as /dev/pts/N */
	TERMINAL_SLAVE_TTY,	 /* as /dev/tty */
	TERMINAL_SLAVE_HUNG_UP,	 /* its master has been closed */
	TERMINAL_SLAVE_KINDS,
};

/* The body of a slave's. */
struct terminal_slave {
	uint32_t number;
	uint32_t kind; /* enum terminal_slave_kind */
};

bool terminals_is_master(const struct description *description);
struct terminal_master terminals_read_master(const struct image_description *image);
struct terminal_slave terminals_read_slave(const struct image_description *image);

/* The description of the master with this number, or of which this process's session has the terminal; or NULL. */
struct description *terminals_master(const struct descriptions *descriptions, uint32_t number);
struct description *terminals_of_session(const struct descriptions *descriptions, int32_t session);
/* A description of its slave that is not hung up, or NULL. */
const struct description *terminals_slave(const struct descriptions *descriptions, uint32_t number);

/* Whether both have the same controlling terminals, of the same sessions and sizes. */
bool terminals_are_same(const struct descriptions *a, const struct descriptions *b);

/* Source, all descriptions are known: whether the controlling terminal of the process moves with it. 0 or a refusal. */
int terminals_check(const struct inventory *inventory, const struct descriptions *descriptions,
		    struct refusal *refusal);

#endif
