/* SPDX-License-Identifier: Apache-2.0 */
/* A program that is a memory file (memfd) with seals. */
#include <fcntl.h>
#include <sys/stat.h>

#include "victims/victim.h"

static void become_memory(char **argv)
{
	char *const again[] = { argv[0], "again", NULL };
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int to = memfd_create("program", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	char buffer[4096];
	ssize_t length;

	while ((length = read(from, buffer, sizeof(buffer))) > 0)
		if (write(to, buffer, (size_t)length) != length)
			_exit(90);
	if (fcntl(to, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		_exit(91);
	fexecve(to, again, environ);
	_exit(92);
}

static bool is_good(void)
{
	struct stat status;
	char link[64] = "";
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	bool good = fcntl(fd, F_GET_SEALS) == (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SEAL) &&
		    fstat(fd, &status) == 0 && (status.st_mode & 0777) == 0777;

	close(fd);
	return good && readlink("/proc/self/exe", link, sizeof(link) - 1) > 0 &&
	       !strcmp(link, "/memfd:program (deleted)");
}

int main(int argc, char **argv)
{
	if (argc < 2)
		become_memory(argv);
	victim_begin();
	VICTIM_CHECK(is_good());
	victim_ready();
	while (victim_moved())
		VICTIM_CHECK(is_good());
	return victim_end();
}
