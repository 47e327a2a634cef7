/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_RESTART_ADOPT_H
#define DVS_NODE_RESTART_ADOPT_H

/*
 * The successor's side of a restart: it reads what handover.c has written and takes everything over.
 * In this order, with the node lock held; the first failure is the end of the node.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/refusal.h"
#include "node/restart/state.h"

struct exchange;
struct group_callbacks;
struct order;
struct proxy;
struct requests;
struct restarts;
struct tasks;

struct adoption {
	bool died; /* of a predecessor that was not ready for it: see recovery.h */
	void *file;
	size_t size;	/* of the file */
	uint8_t *state; /* in the file; of one that died owned: read from a journal */
	size_t bytes;
	int fd;
	struct state_node head;
	int asker_fd; /* connection of the restart's asker; -1 gone */
	struct ctl_request *asker;
	uint32_t pages, processes;
};

/* Maps and checks a state, or reads the journal of one that died; takes fd. 0, or negative with the sentence. */
int adoption_open(struct adoption *adoption, int fd, bool died, struct refusal *why);
void adoption_close(struct adoption *adoption);
/* Looks at all of it: whether this program could take it over. 0, or negative with the sentence. */
int adoption_check(const struct adoption *adoption, struct refusal *why);

/* 0 or negative errno each, as of all that follow. */
int adoption_pages(struct adoption *adoption, int self, struct exchange **exchangep);
/* After a death, -ESTALE: the others have gone on without this node. */
int adoption_group(struct adoption *adoption, struct order *order, const char *spec,
		   const struct group_callbacks *callbacks);

/* Gives each record, one after the other, to the part that it is of; the first failure ends it. */
typedef int adoption_take_fn(struct adoption *adoption, void *ctx,
			     const struct state_record *record);
int adoption_rest(struct adoption *adoption, adoption_take_fn *take, void *ctx);

int adoption_take_directory(struct order *order, struct proxy *proxy,
			    const struct state_directory *record);
/* With the number of the record, which the thing goes on having. */
int adoption_take_task(struct adoption *adoption, struct tasks *tasks, uint64_t number,
		       const struct state_task *record);
/* After the tasks, which it names by number. */
int adoption_take_binding(struct tasks *tasks, uint64_t number, const struct state_binding *record);
int adoption_take_ended(struct tasks *tasks, uint64_t number, const struct state_ended *record);
/* The client of the restart itself is kept for adoption_answer(). */
void adoption_take_request(struct adoption *adoption, struct requests *requests,
			   const struct state_request *record);
/* Everything runs: tells the asker, if he is still there, as soon as the links are back. */
void adoption_answer(struct adoption *adoption, struct restarts *restarts);

/*
 * The program as an inquiry: whether it could take over the state in descriptor fd, with that key file. Exit
 * status.
 */
int adopt_check_main(int fd, const char *key_path);

#endif
