/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVK_COM_MACROS_H
#define DVK_COM_MACROS_H
/*
 * Bits of the privilege maps. m is a map (not a pointer), b a bit number; get_ gives the bit in its
 * place, not 0 or 1. Every one of these is an expression.
 */
#include <string.h>
#include "../dvk.h"

#define MAP_CHUNK(map, bit) ((map)[(bit) / BITCHUNK_BITS])
#define CHUNK_OFFSET(bit)   ((bit) % BITCHUNK_BITS)

#define DVK_MAP_GET(m, b)   (MAP_CHUNK((m).chunk, (b)) & (1 << CHUNK_OFFSET(b)))
#define DVK_MAP_SET(m, b)   (MAP_CHUNK((m).chunk, (b)) |= (bitchunk_t)(1 << CHUNK_OFFSET(b)))
#define DVK_MAP_UNSET(m, b) (MAP_CHUNK((m).chunk, (b)) &= (bitchunk_t) ~(1 << CHUNK_OFFSET(b)))

#define get_sys_bit(m, b)    DVK_MAP_GET(m, b)
#define set_sys_bit(m, b)    DVK_MAP_SET(m, b)
#define unset_sys_bit(m, b)  DVK_MAP_UNSET(m, b)
#define get_dvk_bit(m, b)    DVK_MAP_GET(m, b)
#define set_dvk_bit(m, b)    DVK_MAP_SET(m, b)
#define unset_dvk_bit(m, b)  DVK_MAP_UNSET(m, b)
#define get_dc_bit(m, b)     DVK_MAP_GET(m, b)
#define set_dc_bit(m, b)     DVK_MAP_SET(m, b)
#define unset_dc_bit(m, b)   DVK_MAP_UNSET(m, b)
#define get_node_bit(m, b)   DVK_MAP_GET(m, b)
#define set_node_bit(m, b)   DVK_MAP_SET(m, b)
#define unset_node_bit(m, b) DVK_MAP_UNSET(m, b)

#define CLR_SYS_MAP(m) ((void)memset((m).chunk, 0, sizeof((m).chunk)))
#define SET_SYS_MAP(m) ((void)memset((m).chunk, 0xFF, sizeof((m).chunk)))
#define CLR_DVK_MAP(m) CLR_SYS_MAP(m)
#define SET_DVK_MAP(m) SET_SYS_MAP(m)

#endif
