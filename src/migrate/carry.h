/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_CARRY_H
#define DVS_MIGRATE_CARRY_H

#include "base/refusal.h"
#include "migrate/migrate.h"
#include "migrate/tables.h"
#include "os/secure.h"
#include "os/store.h"

/*
 * Files that the target lacks, or has with other contents, and that travel with the process: programs, libraries and
 * what else it only reads. The target keeps them by their contents (os/store.h), each once, and the process there has
 * the kept copies mapped and open. A process that moves on from there has a copy's name; a node that keeps the same
 * contents has the same copy. The records and their order are in wire/image.h.
 */

/* ---- source ---- */

/*
 * After the offer, if the target lacks something: sends it; dir is /proc/PID of a process that moves. 0 or a refusal.
 * Blocks on the connection and on the disk.
 */
int carry_serve(const struct files *files, int dir, struct secure *with, struct refusal *refusal);

/* ---- target ---- */

struct carried_file {
	const struct file *file; /* of the offer */
	uint8_t digest[OS_DIGEST_BYTES];
	bool told; /* the digest */
	int fd;	   /* the copy, open, so that it is not removed to make room; -1: it is not here */
};

struct carried {
	const char *path; /* of the store, not owned; NULL: there is none */
	uint64_t limit;	  /* of its bytes */
	bool allowed;	  /* the source sends what is lacking */
	uint64_t claimed; /* the same, for those that come */
	int folder;	  /* the store, or -errno */
	struct carried_file
		*file; /* owned; by the ids of the offer, and by path when all are here */
	uint32_t count, capacity;
};

void carried_init(struct carried *carried, const struct migrate_host *host);
void carried_free(struct carried *carried);

/* Whether the file is a kept copy, and this node keeps it as well: then it need not be compared. */
bool carried_keeps(struct carried *carried, const struct file *file);

#define CARRIED_NOT 1 /* the file does not come along */

/* Notes a file that is to be carried: 0, CARRIED_NOT, or a refusal. */
int carried_want(struct carried *carried, const struct file *file, struct refusal *refusal);

/* Whether a file that was noted is not here. */
bool carried_lacks(const struct carried *carried);

/* All that are noted come here. 0 or a refusal. Blocks on the connection and on the disk. */
int carried_fetch(struct carried *carried, struct secure *with, struct refusal *refusal);

/* All are noted, and here. */
void carried_settle(struct carried *carried);

/* A descriptor of the copy, the caller's; CARRIED_NOT; or a refusal. */
int carried_open(const struct carried *carried, const struct file *file, uint32_t flags,
		 struct refusal *refusal);

#endif
