/* SPDX-License-Identifier: Apache-2.0 */

#include <stdio.h>

#include "ctl/labend.h"
#include "os/cgroup.h"
#include "os/options.h"
#include "ctl/render.h"
#include "ctl/verb.h"

int verb_lab_down(const struct verb *verb, int node, int argc, char **argv)
{
	bool json = false, had;
	const struct option_row rows[] = {
		VERB_JSON(&json),
		VERB_OPTIONS_END,
	};
	struct refusal refusal = REFUSAL_NONE;
	int status;
	struct lab lab;
	int r;

	(void)node;
	status = verb_words(verb, rows, NULL, 0, argc, argv);
	if (status != GO_ON)
		return status;
	r = lab_load(&lab, true, &refusal);
	had = r >= 0;
	if (r >= 0)
		r = labend_remove(&lab, &refusal);
	/* The state may be damaged or gone, and the lab may still run: it is found by its processes. */
	if (r >= 0 || r == EDVSNOENT || r == EDVSBADFILE) {
		bool left;

		refusal = REFUSAL_NONE;
		r = labend_clear(&left, &refusal);
		had |= left;
	}
	if (r < 0)
		return verb_refuse(&refusal);
	os_cgroup_sweep(); /* those of daemons that were killed */
	if (json)
		return render_document(json_pack("{s:b}", "was_up", had));
	puts(had ? "the lab is gone" : "there was no lab");
	return DONE;
}
