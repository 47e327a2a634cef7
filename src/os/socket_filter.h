/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_SOCKET_FILTER_H
#define DVS_OS_SOCKET_FILTER_H

#include <stdint.h>

/* The classic filter of a socket (SO_ATTACH_FILTER). Errors are negative errnos. */

#define OS_SOCKET_FILTER_BYTES 8u    /* an instruction */
#define OS_SOCKET_FILTER_MOST  4096u /* instructions */

/* How many instructions there are; 0: there is none. -EACCES: it is one of another sort (eBPF). */
int os_socket_filter_count(int fd);
/* So many of them. 0. */
int os_socket_filter_look(int fd, uint8_t *code, uint32_t count);
int os_socket_filter_give(int fd, const uint8_t *code, uint32_t count);

#endif
