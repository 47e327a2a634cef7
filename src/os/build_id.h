/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_BUILD_ID_H
#define DVS_OS_BUILD_ID_H

#include <stddef.h>
#include <stdint.h>

/* The build id of a program or library (ELF), which the linker makes of its contents. */
#define OS_BUILD_ID_BYTES 32u

/* Of an open file (OS_OPEN_PATH is enough). How many bytes it has; 0: none that is near the file's begin. */
uint32_t os_build_id(int fd, uint8_t id[OS_BUILD_ID_BYTES]);

/* The same in the first bytes of a file, which may hold anything; aligned to 8. */
uint32_t os_build_id_find(const uint8_t *head, size_t bytes, uint8_t id[OS_BUILD_ID_BYTES]);

#endif
