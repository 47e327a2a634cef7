/* SPDX-License-Identifier: Apache-2.0 */
/* dvs-corosync: the deputy of a daemon in the group of its Corosync, as a program. */
#include "group/deputy.h"
#include "group/serve.h"

static int start(void **server, struct os_loop *loop, const char *path)
{
	struct deputy *deputy = NULL;
	int r = deputy_new(&deputy, loop, path);

	*server = deputy;
	return r;
}

static void end(void *server)
{
	deputy_free(server);
}

static const struct serve serve = {
	{ "dvs-corosync",
	  "usage: dvs-corosync --socket PATH [--ready-fd FD]\n"
	  "\n"
	  "The group engine `corosync`: stands for the daemon of this machine in the group of its Corosync.\n"
	  "\n"
	  "  --socket PATH  where it listens; dvsd --group corosync:PATH joins it\n"
	  "  --ready-fd FD  one byte is written here when it listens\n" },
	start,
	end,
	.opens_files = true,
};

int main(int argc, char **argv)
{
	return serve_main(&serve, argc, argv);
}
