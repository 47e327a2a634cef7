/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_NULL_H
#define DVS_OS_NULL_H

/* A new descriptor of /dev/null that an exec keeps. Negative errno: -ENOENT in a root without it. */
int os_null_open(void);

#endif
