/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_BASE_RIGHT_H
#define DVS_BASE_RIGHT_H

/*
 * The rights of users in a DC. A DC has an owner, a group and a mode, as a file has, and here alone
 * stands the meaning of the bits of the mode:
 *
 *	4  r  see: the DC in `dvs dc`, its processes in `dvs ps`, their output in `dvs logs`
 *	2  w  change: run, bind into, stop, kill, move, unbind, privileges
 *	1  x  use: wait for its endpoints, open channels, notify
 *
 * 0700 gives them to the owner, 0070 to members of the group, 0007 to everybody. A class only ever
 * adds: the owner has its own bits, those of the group where it is a member, and everybody's. So a
 * user with some unknown groups has fewer rights and never more. User 0 may all, on all nodes.
 *
 * The numbers are the cluster's: a user has the same number on every node.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RIGHT_SEE    4u
#define RIGHT_CHANGE 2u
#define RIGHT_USE    1u

#define RIGHT_MODE_DEFAULT 0700u
#define RIGHT_MODE_MOST	   0777u
/* The number by which the kernel means no group. */
#define RIGHT_NO_GROUP	   UINT32_MAX
/* Of a user with more groups, as many are known: see right_take_groups(). */
#define RIGHT_GROUPS_MAX   32u

/* The user that asks; of a process that asks, its effective ids. */
struct right_user {
	uint32_t uid, gid;
	uint32_t group_count;
	uint32_t group[RIGHT_GROUPS_MAX]; /* supplementary ones */
};

/* A DC that is asked for has these numbers. */
struct right_owner {
	uint32_t uid, gid, mode;
};

/*
 * The groups of a user, of all that the kernel says, which are in ascending order. If there are more than
 * RIGHT_GROUPS_MAX, those that are `wanted` come before all others: the ones that decide about anything here.
 */
void right_take_groups(struct right_user *user, const uint32_t *all, size_t count,
		       const uint32_t *wanted, size_t wanted_count);

/* The user for actions that the daemon takes by itself. */
extern const struct right_user right_root;

/* May it do all of that (RIGHT_* together)? */
bool right_may(const struct right_owner *owner, const struct right_user *user, unsigned rights);
/*
 * The one group of the user that counts there: with its uid, and without its other groups, it may do the same. So a
 * command of the order carries two numbers.
 */
uint32_t right_group(const struct right_owner *owner, const struct right_user *user);

#endif
