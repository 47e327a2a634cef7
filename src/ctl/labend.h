/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CTL_LABEND_H
#define DVS_CTL_LABEND_H

/*
 * Ending what runs in the lab: its daemons, and whatever else lives in its namespaces (what `dvs run`
 * and `dvs lab exec` started). A process is only ever ended after its start time, or its namespace's
 * cookie, has shown that it is the lab's.
 */

#include "base/refusal.h"
#include "ctl/labstate.h"

/* Ends everything on the nodes of the bit map at once, and pulls their cables. */
int labend_kill(struct lab *lab, unsigned nodes, struct refusal *refusal);

/*
 * Ends what a lab left whose state is lost: daemons, sequencers and switches whose words name the lab's
 * folder, with all that lives in their network namespaces, and the folder. *had: there was something.
 */
int labend_clear(bool *had, struct refusal *refusal);
/* Ends the whole lab, in good order where possible, and forgets it. The lock is given back. */
int labend_remove(struct lab *lab, struct refusal *refusal);

#endif
