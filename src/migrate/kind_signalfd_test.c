/* SPDX-License-Identifier: Apache-2.0 */
/* A signalfd as another process describes it, made anew. */
#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/kind.h"
#include "migrate/made_proc_test.h"
#include "os/procdir.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int find(const char *link, const char *info, struct description *description,
		struct refusal *refusal)
{
	const struct kind_seen seen = { .link = link, .info = info, .number = 3 };

	*refusal = REFUSAL_NONE;
	*description = (struct description){ .image.flags = O_RDWR | O_NONBLOCK };
	return kind_signalfd.find(&seen, &description->image, refusal);
}

static void test_carried(void)
{
	struct procdir_text text = { 0 };
	struct description description;
	struct refusal refusal;
	char name[48];

	CHECK_EQ(find("anon_inode:[signalfd]", "pos:\t0\nsigmask:\t8000000000000200\n",
		      &description, &refusal),
		 1);
	CHECK(kind_signalfd.read(&description.image, NULL, NULL, true));
	int fd = kind_signalfd.open(NULL, &description, &refusal);

	CHECK(fd >= 0 && fcntl(fd, F_GETFL) == (O_RDWR | O_NONBLOCK));
	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
	CHECK_EQ(procdir_read(AT_FDCWD, name, &text), 0);
	CHECK_EQ(procdir_number(text.text, "sigmask", 16, 0), 0x8000000000000200);
	CHECK_EQ(kind_signalfd.shared, KIND_SHARE_DESCRIPTION);
	procdir_text_free(&text);
	close(fd);
}

static void test_others(void)
{
	struct description description;
	struct refusal refusal;

	CHECK_EQ(find("anon_inode:[eventfd]", "", &description, &refusal), 0);
	CHECK(is_refusal(find("anon_inode:[signalfd]", "pos:\t0\n", &description, &refusal),
			 &refusal, EDVSPROCSTS, "cannot be seen"));
}

int main(void)
{
	TEST(test_carried);
	TEST(test_others);
	return test_end();
}
