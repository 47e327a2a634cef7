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

static void print_people(const struct ctl_image *image, const char *paths, size_t bytes)
{
	char raw[32], file[32], name[MAXPROCNAME + 1], reason[CTL_SENTENCE], when[32];

	printf("endpoint %d (%s) of DC %d, of node %d, taken %s%s\n", image->endpoint,
	       render_name(image->name, name, sizeof(name)), image->dcid, image->made_on,
	       render_ago(image->taken_ns, when, sizeof(when)),
	       image->by_hand ? " in a move by hand" : "");
	printf("image %s in %s, sealed with key %08x\n",
	       render_bytes(image->raw_bytes, raw, sizeof(raw)),
	       render_bytes(image->file_bytes, file, sizeof(file)), image->key);
	printf("%u processes, %u threads, %u mappings, %llu pages, %u descriptors; vpid %d, uid %u\n",
	       image->processes, image->threads, image->maps, (unsigned long long)image->pages,
	       image->descriptors, image->vpid, image->uid);
	for (size_t at = 0; at < bytes; at += strlen(paths + at) + 1)
		printf("needs %s\n", paths + at);
	if (image->fits)
		printf("it would run on node %d\n", image->node);
	else
		printf("it would not run on node %d: %s\n", image->node,
		       render_name(image->reason, reason, sizeof(reason)));
}

static int print_json(const struct ctl_image *image, const char *paths, size_t bytes)
{
	json_t *object = render_image_json(image), *needs = json_array();
	char key[16];

	for (size_t at = 0; at < bytes; at += strlen(paths + at) + 1)
		json_array_append_new(needs, render_text(paths + at, strlen(paths + at) + 1));
	snprintf(key, sizeof(key), "%08x", image->key);
	json_object_set_new(object, "key", json_string(key));
	json_object_set_new(object, "needs", needs);
	json_object_set_new(object, "fits", json_boolean(image->fits));
	json_object_set_new(object, "reason", render_text(image->reason, sizeof(image->reason)));
	json_object_del(object, "result");
	return render_document(object);
}

int verb_image(const struct verb *verb, int node, int argc, char **argv)
{
	bool json = false;
	const struct option_row rows[] = {
		VERB_JSON(&json),
		VERB_NODE(&node),
		VERB_OPTIONS_END,
	};
	struct ctl_request request = client_request(CTL_IMAGE);
	struct refusal refusal = REFUSAL_NONE;
	struct ctl_image image;
	struct options words;
	size_t bytes;
	char *paths;
	int status = verb_options(verb, rows, argc, argv, &words), fd, r;

	if (status != GO_ON)
		return status;
	if (words.count != 1)
		return verb_usage(verb, "FILE is needed");
	fd = os_open_at(OS_FOLDER_CURRENT, words.operand[0], OS_OPEN_READ);
	if (fd < 0) {
		refusal_set_errno(&refusal, fd, "%.100s cannot be opened: %s", words.operand[0],
				  strerror(-fd));
		return verb_refuse(&refusal);
	}
	r = client_image(node, &request, fd, &image, &paths, &bytes, tell, &refusal);
	os_close(fd);
	/* The last one is ended by 0, whatever came. */
	if (r >= 0 && bytes && paths[bytes - 1])
		bytes = 0;
	if (r < 0)
		status = verb_refuse(&refusal);
	else if (json)
		status = print_json(&image, paths, bytes);
	else
		print_people(&image, paths, bytes);
	free(paths);
	return status == GO_ON ? DONE : status;
}
