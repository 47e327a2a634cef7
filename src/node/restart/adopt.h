/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_RESTART_ADOPT_H
#define DVS_NODE_RESTART_ADOPT_H

/*
 * The successor's side of a restart: it reads what handover.c has written and takes everything over.
 * In this order, with the node lock held; the first failure is the end of the node.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/refusal.h"
#include "node/restart/state.h"

struct node;
struct group_callbacks;
struct proxy_callbacks;

struct adoption {
	void *map;
	size_t size, bytes;
	int fd;
	struct state_node head;
	int asker_fd; /* connection of the restart's asker; -1 gone */
	struct ctl_request *asker;
	uint32_t pages, processes;
};

/* Maps and checks a state; takes fd. 0, or negative with the sentence. */
int adoption_open(struct adoption *adoption, int fd, struct refusal *why);
void adoption_close(struct adoption *adoption);
/* Looks at all of it: whether this program could take it over. 0, or negative with the sentence. */
int adoption_check(const struct adoption *adoption, struct refusal *why);

/* 0 or negative errno each. */
int adoption_pages(struct adoption *adoption, struct node *node);
int adoption_group(struct adoption *adoption, struct node *node,
		   const struct group_callbacks *callbacks);
int adoption_rest(struct adoption *adoption, struct node *node);
/* Everything runs: tells the asker, if he is still there, as soon as the links are back. */
void adoption_answer(struct adoption *adoption, struct node *node);

/* The program as an inquiry: whether it could take over the state in descriptor fd. Exit status. */
int adopt_check_main(int fd);

#endif
