/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_TERMINAL_H
#define DVS_OS_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Pseudo-terminals. A master is a descriptor of /dev/ptmx, and a slave one of the terminal itself. Results are
 * 0 or a negative errno if nothing else is said. Nothing here makes a terminal the caller's controlling one.
 */
#define OS_TERMINAL_SETTINGS_BYTES 44 /* of struct termios2 */

struct os_terminal_size {
	uint16_t rows, columns, width, height; /* as the kernel has them */
};

/* The state of a pair; the settings are those of the slave. */
struct os_terminal_state {
	uint8_t settings[OS_TERMINAL_SETTINGS_BYTES];
	struct os_terminal_size size;
	bool packets;	    /* TIOCPKT */
	bool news;	    /* a status of that mode waits */
	bool locked;	    /* no slave can be opened */
	bool left;	    /* a slave was open, and none is */
	bool is_plain;	    /* it has the usual line discipline */
	bool edits_outside; /* its lines are edited by the program behind the master (EXTPROC) */
	bool exclusive_master;
};

/* The number N of /dev/pts/N. -EIO: it was hung up; -ENOTTY: it is none; -ENXIO: a terminal of another kind. */
int os_terminal_number(int fd, uint32_t *number, bool *is_master);

int os_terminal_look(int master, struct os_terminal_state *state);

/* Session and foreground group, as numbers of the caller's pid namespace; 0: none. */
int os_terminal_owner(int master, pid_t *session, pid_t *group);

int os_terminal_lock(int master, bool locked);
int os_terminal_set_size(int master, const struct os_terminal_size *size);
bool os_terminal_is_exclusive(int fd);
int os_terminal_set_exclusive(int fd, bool exclusive);
int os_terminal_set_packets(int master, bool packets);

/* The settings and the mode of packets. */
int os_terminal_set(int master, const struct os_terminal_state *state);

/* A descriptor of the slave that does not wait, owned by the caller; the lock is left as it was. */
int os_terminal_slave(int master);

/* A new, unlocked one with this number, of the folder of that name below the root. -EEXIST: the number is taken. */
int os_terminal_new(int root, const char *ptmx, uint32_t number);

/* Whether the two are ends of one terminal; nobody else may use it meanwhile. */
bool os_terminal_is_pair(int master, int slave);

#endif
