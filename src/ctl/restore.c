/* SPDX-License-Identifier: Apache-2.0 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "client/image.h"
#include "ctl/program.h"
#include "ctl/render.h"
#include "ctl/verb.h"
#include "os/open.h"
#include "os/options.h"
#include "os/socket.h"

static void tell(const char *sentence)
{
	fprintf(stderr, "%s: %s\n", program_name(), sentence);
}

static void print_people(const struct ctl_image *image)
{
	char total[32], name[MAXPROCNAME + 1];

	printf("endpoint %d (%s) of DC %d %s node %d: lpid=%d vpid=%d; in all %s\n",
	       image->endpoint, render_name(image->name, name, sizeof(name)), image->dcid,
	       image->by_hand ? "stands by for dvs_migrate -c on" : "goes on on", image->node,
	       image->pid, image->vpid, render_time(image->total_ns, total, sizeof(total)));
}

static int restore(int node, struct ctl_request *request, const char *path, bool json)
{
	struct refusal refusal = REFUSAL_NONE;
	struct ctl_image image;
	size_t bytes;
	char *paths;
	int fd = os_open_at(OS_FOLDER_CURRENT, path, OS_OPEN_READ), r;

	if (fd < 0) {
		refusal_set_errno(&refusal, fd, "%.100s cannot be opened: %s", path, strerror(-fd));
		return verb_refuse(&refusal);
	}
	r = client_image(node, request, fd, &image, &paths, &bytes, tell, &refusal);
	os_close(fd);
	free(paths);
	if (r < 0)
		return verb_refuse(&refusal);
	if (json)
		return render_document(render_image_json(&image));
	print_people(&image);
	return DONE;
}

int verb_restore(const struct verb *verb, int node, int argc, char **argv)
{
	struct ctl_request request = client_request(CTL_RESTORE);
	bool json = false;
	const struct option_row rows[] = {
		VERB_JSON(&json),
		VERB_NODE(&node),
		{ "endpoint", 0, OPTION_NUMBER, &request.endpoint },
		VERB_OPTIONS_END,
	};
	const struct operand_row operands[] = { { "NODE", &node }, { NULL, NULL } };
	struct options words;
	const char *path;
	int status = verb_options(verb, rows, argc, argv, &words);

	if (status != GO_ON)
		return status;
	if (words.count < 1)
		return verb_usage(verb, "FILE is needed");
	path = words.operand[0];
	words.operand++;
	words.count--;
	status = verb_operands(verb, &words, operands, 0);
	if (status != GO_ON)
		return status;
	return restore(node, &request, path, json);
}
