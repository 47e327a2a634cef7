/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_SYSV_H
#define DVS_MIGRATE_SYSV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/refusal.h"
#include "migrate/contents.h"
#include "os/sysv.h"
#include "wire/image.h"

struct inventories;

/*
 * The System V objects of the processes that move: shared memory, sets of semaphores, message queues. They belong to
 * the IPC namespace of the container on one node, and not to a process. Those move which only processes that move use:
 *
 *	shared memory     all that have it attached move; of memory that nobody has attached: as below
 *	semaphores,       if no process but the init is left in the namespace: all;
 *	message queues    else those whose last users move. One that some stay of is refused; one without any
 *			  user stays
 *
 * The contents of memory are a MEMORY object of the image, and its mappings are those of shared memory.
 */
struct sysv_object {
	struct image_sysv image;
	struct contents contents; /* of semaphores and queues, as the image has them */
	int fd;			  /* source, frozen: of memory, owned; else -1 */
	bool made;		  /* target: by us, and not yet the process's */
};

struct sysv {
	struct sysv_object *object; /* owned; by kind and id */
	uint32_t count, capacity;
	uint32_t sets; /* source: of semaphores in the namespace, whether they move or not */
	int space; /* the namespace, owned, if there are objects or queues and it is known; else 0 */
};

void sysv_clear(struct sysv *sysv);
void sysv_free(struct sysv *sysv);

/* In any order; NULL: out of memory. */
struct sysv_object *sysv_append(struct sysv *sysv, const struct image_sysv *image);

/* The id of the MEMORY record of a segment; which segment that is of. */
uint64_t sysv_memory_of(int32_t id);
bool sysv_is_memory(uint64_t memory, int32_t *id);

/* The segment, or NULL. */
const struct sysv_object *sysv_segment(const struct sysv *sysv, uint64_t memory);

/* "semaphores 3 (System V, key 0x51)", in a buffer of SYSV_NAME_BYTES. */
#define SYSV_NAME_BYTES 80
const char *sysv_name(const struct image_sysv *image, char name[SYSV_NAME_BYTES]);

/* Source: fills the table of those that move, and adds to that of memories, which the caller sorts. */
int sysv_read(const struct inventories *all, struct refusal *refusal);

/* Source, frozen: the contents of semaphores and queues, and descriptors of memory. */
int sysv_take(struct sysv *sysv, struct refusal *refusal);

/* Source: the processes have gone, and their objects go too. */
void sysv_remove(struct sysv *sysv);

/*
 * Target: makes them, in the namespace of the process whose directory in /proc this is; objects that were made are
 * unmade by sysv_unmake(), which does nothing when sysv_decided() was called.
 */
int sysv_make(struct sysv *sysv, int dir, struct refusal *refusal);
/* That namespace, which is the table's: it is known after the processes have gone. A descriptor, or negative errno. */
int sysv_space(struct sysv *sysv, int dir);
/* All processes have their memory attached: memory that was removed at the source goes with the last of them. */
int sysv_settle(struct sysv *sysv, struct refusal *refusal);
void sysv_decided(struct sysv *sysv);
void sysv_unmake(struct sysv *sysv);

#endif
