/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CTL_PROGRAM_H
#define DVS_CTL_PROGRAM_H

/*
 * The name of the command that runs, as people know it: "dvs migrate", "dvs lab up", "dvs_run". Errors begin
 * with it.
 */
const char *program_name(void);
void program_set_name(const char *first, const char *second); /* second may be NULL */

#endif
