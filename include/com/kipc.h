/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVK_COM_KIPC_H
#define DVK_COM_KIPC_H
/*
 * Parts of a call word of old. The call numbers that stood beside them differed from those the
 * privileges use; there is one numbering now, DVK_SEND and its like in dvk.h.
 */
#include "../dvk.h"

#define SYSCALL_FUNC  0x0F
#define SYSCALL_FLAGS 0xF0
#define NON_BLOCKING  0x10

#endif
