/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CORE_ASSERT_H
#define DVS_CORE_ASSERT_H

/*
 * Assertions of the pure folders. They state what the program itself guarantees, stay on in every
 * build, and stop it where the guarantee broke. Nothing that a peer, a page, a file or the network
 * controls is asserted: that is checked.
 *
 * A trap and no call, so that the pure folders need nothing to be linked.
 */
#define CORE_ASSERT(cond)                         \
	do {                                      \
		if (__builtin_expect(!(cond), 0)) \
			__builtin_trap();         \
	} while (0)

#endif
