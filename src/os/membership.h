/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_MEMBERSHIP_H
#define DVS_OS_MEMBERSHIP_H

/*
 * The files that make this machine a node of a cluster:
 *
 *	etc/dvs/key			the cluster's key
 *	etc/dvs/cluster			its machines (base/roster.h)
 *	etc/dvs/dvs.conf		the settings of this node
 *	etc/corosync/authkey		a key of Corosync's own, derived from the cluster's
 *	etc/corosync/corosync.conf	made of the list of machines
 *
 * All of them may wait for the disk. A refusal names the file and the remedy.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/keyring.h"
#include "base/refusal.h"
#include "base/roster.h"

#define MEMBERSHIP_AUTHKEY_MAX 1024 /* bytes; Corosync takes more, and needs 128 */
#define MEMBERSHIP_PATH_MAX    256

/* Relative to a root, which is "" for the machine's own. */
#define MEMBERSHIP_KEY	      "/etc/dvs/key"
#define MEMBERSHIP_ROSTER     "/etc/dvs/cluster"
#define MEMBERSHIP_SETTINGS   "/etc/dvs/dvs.conf"
#define MEMBERSHIP_AUTHKEY    "/etc/corosync/authkey"
#define MEMBERSHIP_COROSYNC   "/etc/corosync/corosync.conf"
#define MEMBERSHIP_FILES_MOST 5

struct membership {
	bool corosync; /* else the engine is the sequencer of this machine */
	int node;      /* this machine's number */
	struct keyring keyring;
	struct roster roster;
	size_t authkey_len; /* 0: it is derived from the primary key */
	uint8_t authkey[MEMBERSHIP_AUTHKEY_MAX];
};

/*
 * Whether nothing is in the way: no node is set up here, Corosync is installed if it is wanted, and has no cluster of
 * its own. Files with the key and the list are in the way unless they are to be `kept`. 0 or the refusal's number.
 */
int membership_check(const char *root, bool corosync, bool kept, struct refusal *refusal);

/*
 * Writes the files that are not there. All or none: one that cannot be written takes the ones before it along. `wrote`
 * has their names, up to a NULL. 0 or the refusal's number.
 */
int membership_make(const char *root, const struct membership *membership,
		    const char *wrote[MEMBERSHIP_FILES_MOST + 1], struct refusal *refusal);

/* Whether this machine is set up as that very node already. */
bool membership_is_node(const char *root, const struct membership *membership);

/* Whether Corosync orders the commands of this node: others can join then. */
bool membership_is_shared(const char *root);

/* The list of machines in this file. 0 or the refusal's number. */
int membership_roster(const char *path, struct roster *roster, struct refusal *refusal);

/* The file of Corosync for these machines. Its length; it fits. */
#define MEMBERSHIP_COROSYNC_MAX 16384
size_t membership_corosync(const struct roster *roster, char text[MEMBERSHIP_COROSYNC_MAX]);

/*
 * On a machine that is a node: the list is another one now, and so is the file of Corosync, if that was made by us. A
 * change that is older than the one in the file, or another one of the same number, is refused. 0 or the refusal's
 * number.
 */
int membership_change(const char *root, const struct roster *roster, struct refusal *refusal);

/* Removes the files of membership_make(), and its lines in the settings; other lines there stay. */
void membership_end(const char *root);

/* Its keys are not in memory any more. */
void membership_forget(struct membership *membership);

/* The key that Corosync has here; or, where there is none, the one derived. 0 or negative errno. */
int membership_authkey(const char *root, struct membership *membership);

#endif
