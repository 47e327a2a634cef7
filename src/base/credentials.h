/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_BASE_CREDENTIALS_H
#define DVS_BASE_CREDENTIALS_H

/*
 * May one task touch the memory of another? The daemon copies with root's rights for tasks that do not
 * have them, on their own node and on others, so it judges as the kernel does for process_vm_readv(2)
 * (ptrace_may_access with the real user): real uid and gid against all of the other's, its permitted
 * capabilities against the caller's, its dumpable flag; CAP_SYS_PTRACE in the node's user namespace passes all
 * of these. Rules that a security module would add (Yama's ptrace_scope) are left out: the other party waits in
 * a call for the caller, and is therefore no bystander.
 *
 * User namespaces are compared by a number; 0 is that of the node's daemon. Numbers of two nodes have nothing
 * to do with each other, so what an asker brings from elsewhere is CREDENTIALS_FOREIGN or 0.
 */

#include <stdbool.h>
#include <stdint.h>

#define CREDENTIALS_FOREIGN	 UINT64_MAX /* some user namespace of another node: like no other */
#define CREDENTIALS_ASKER_BYTES	 24u
#define CREDENTIALS_CAPS_INVALID (~UINT64_C(0) << 48) /* no kernel has that many */

/* The process that asks. */
struct asker {
	uint32_t uid, gid;  /* real ones */
	uint64_t permitted; /* capabilities */
	uint64_t user_ns;
	bool may_trace; /* CAP_SYS_PTRACE is effective; means nothing in a namespace that is not 0 */
};

/* The process that has the memory. */
struct credentials {
	uint32_t uid[3], gid[3]; /* real, effective, saved */
	uint64_t permitted;
	uint64_t user_ns;
	bool dumpable;
};

/* The other's credentials do not matter: may_access() says yes. */
bool asker_may_all(const struct asker *asker);
bool asker_may_access(const struct asker *asker, const struct credentials *other);

/* As it travels between nodes; buf has CREDENTIALS_ASKER_BYTES. False: no sender of ours says this. */
void asker_encode(uint8_t *buf, const struct asker *asker);
bool asker_decode(struct asker *asker, const uint8_t *buf);

#endif
