/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CTL_INVITATION_H
#define DVS_CTL_INVITATION_H

/*
 * The connection by which a machine joins: TLS 1.3 with a key that both ends derive from the token. The machine that
 * invites keeps neither token nor key anywhere but in this process, which ends when it has served one newcomer or its
 * time is over.
 *
 *	newcomer: invitation_call()		member: invitation_answer(), invitation_greet() (ctl/knocks.h)
 *	invitation_ask()    ----------------->	invitation_hear()
 *	invitation_take()   <-----------------	invitation_welcome() or invitation_refuse()
 *	(its files)
 *	invitation_settle() <---------------->	invitation_settled()
 *
 * Errors are refusals; each step waits for some seconds at most.
 */

#include <stdbool.h>

#include "base/refusal.h"
#include "os/membership.h"
#include "os/secure.h"
#include "wire/join.h"

#define INVITATION_STEP_MS 5000
/* The daemons of all nodes write their files meanwhile; then the newcomer writes its own. */
#define INVITATION_WAIT_MS 60000

/* A token that nobody can guess. */
void invitation_make(struct join_token *token);
/* The keys that it gives. 0 or negative errno. */
int invitation_keys(const struct join_token *token, struct secure_keys **keys);

/* The newcomer's end, when both have proven the token. It takes the descriptor; NULL: `refusal` says why. */
struct secure *invitation_call(struct secure_keys *keys, int fd, struct refusal *refusal);
/* The member's end, where nothing is proven yet. It takes the descriptor; NULL: no memory. */
struct secure *invitation_answer(struct secure_keys *keys, int fd);
/* Goes on with it, as secure_greet(): 0: both have proven the token; OS_READ or OS_WRITE; or the refusal's number. */
int invitation_greet(struct secure *secure, struct refusal *refusal);

/* The newcomer. Each 0 or the refusal's number; invitation_take() fills in all but `corosync`. */
int invitation_ask(struct secure *secure, const struct roster_node *newcomer,
		   struct refusal *refusal);
int invitation_take(struct secure *secure, struct membership *membership, struct refusal *refusal);
int invitation_settle(struct secure *secure, struct refusal *refusal);

/* The member. */
int invitation_hear(struct secure *secure, struct roster_node *newcomer, struct refusal *refusal);
int invitation_welcome(struct secure *secure, const struct membership *membership,
		       struct refusal *refusal);
void invitation_refuse(struct secure *secure, const struct refusal *why);
/* Waits until the newcomer has its files. */
int invitation_wait(struct secure *secure, struct refusal *refusal);
void invitation_settled(struct secure *secure);

#endif
