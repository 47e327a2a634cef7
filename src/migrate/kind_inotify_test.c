/* SPDX-License-Identifier: Apache-2.0 */
/* Watches that this very process has, made anew: it runs, so that nothing of it is taken over. */
#include "base/test.h"
#include "migrate/kind.h"
#include "migrate/restore_test.h"
#include "os/inode.h"
#include "os/inotify.h"

#include <stdio.h>
#include <sys/inotify.h>

static char folder[] = "/tmp/dvs-kind-inotify-XXXXXX", file[64];
static struct descriptions *all;
static int source;

static void begin(void)
{
	restore_begin();
	all = &restore->picture.tables->descriptions;
	snprintf(folder + sizeof(folder) - 7, 7, "XXXXXX");
	CHECK(mkdtemp(folder) != NULL);
	snprintf(file, sizeof(file), "%s/file", folder);
	close(open(file, O_CREAT | O_WRONLY, 0600));
	source = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	CHECK(source >= 0);
}

static void end(void)
{
	close(source);
	unlink(file);
	rmdir(folder);
	restore_end();
}

/* As the source sees it, frozen. 0 or a refusal. */
static int seen(void)
{
	struct image_description image = { .id = all->count + 1,
					   .kind = IMAGE_DESCRIPTION_INOTIFY,
					   .flags = O_NONBLOCK };
	struct procdir_text info = { 0 };
	int dir = procdir_open(getpid());
	char name[32];

	snprintf(name, sizeof(name), "fdinfo/%d", source);
	CHECK_EQ(procdir_read(dir, name, &info), 0);
	const struct kind_seen kind_seen = { .pid = getpid(),
					     .dir = dir,
					     .number = source,
					     .link = "anon_inode:inotify",
					     .info = info.text,
					     .files = &restore->picture.tables->files };
	int r = kind_inotify.find(&kind_seen, &image, &restore_refusal);

	procdir_text_free(&info);
	if (r == 1) {
		struct description *description =
			descriptions_add(all, &image, kind_of(image.kind));
		const struct kind_frozen frozen = { .pid = getpid(),
						    .dir = dir,
						    .files = kind_seen.files };

		description->number = source;
		r = kind_inotify.write(&frozen, description, &restore_refusal);
	}
	close(dir);
	return r;
}

/* Those without a handle would have no file. */
static bool has_handles(int r)
{
	const struct files *files = &restore->picture.tables->files;

	CHECK_EQ(r, 0);
	if (files->count)
		return true;
	test_skip("this file system has no handles");
	return false;
}

static void test_made_anew(void)
{
	begin();
	CHECK_EQ(inotify_add_watch(source, "/", IN_CREATE), 1);
	CHECK_EQ(inotify_rm_watch(source, 1), 0);
	CHECK_EQ(inotify_add_watch(source, folder, IN_CREATE | IN_EXCL_UNLINK), 2);
	CHECK_EQ(inotify_add_watch(source, file, IN_ATTRIB | IN_ONESHOT), 3);
	CHECK(read(source, (char[256]){ 0 }, 256) > 0); /* of the one that was removed */
	if (has_handles(seen())) {
		struct description *description = &all->description[0];
		struct os_inotify_watch watch;
		struct procdir_text info = { 0 };
		char name[48];
		unsigned found = 0;

		CHECK(kind_inotify.read(&description->image, &restore->picture.tables->files, all,
					true));
		CHECK(kind_inotify.whole(description, all, NULL));
		int made = kind_inotify.open(restore, description, &restore_refusal);

		CHECK(made >= 0 && !description->is_taken_over);
		CHECK_EQ(fcntl(made, F_GETFL), O_NONBLOCK);
		CHECK_EQ(os_inotify_bytes(made), 0);
		snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", made);
		CHECK_EQ(procdir_read(AT_FDCWD, name, &info), 0);
		for (const char *at = info.text; os_inotify_next(&at, &watch) == 1; found++)
			CHECK(watch.number == 2 ? watch.mask == (IN_CREATE | IN_EXCL_UNLINK)
						: watch.number == 3 &&
							  watch.mask == (IN_ATTRIB | IN_ONESHOT));
		CHECK_EQ(found, 2);
		procdir_text_free(&info);
		close(made);
	}
	end();
}

/* A file that got its name after the process was looked at: it has none on the target. */
static void test_renamed(void)
{
	const struct files nothing = { 0 };
	struct kind_frozen frozen = { .pid = getpid(), .files = &nothing };

	begin();
	CHECK_EQ(inotify_add_watch(source, folder, IN_CREATE), 1);
	CHECK_EQ(seen(), 0);
	frozen.dir = procdir_open(getpid());
	CHECK_EQ(kind_inotify.write(&frozen, &all->description[0], &restore_refusal), 0);
	CHECK(is_refusal(kind_inotify.open(restore, &all->description[0], &restore_refusal),
			 &restore_refusal, EDVSPROCSTS, "watch 1)"));
	close(frozen.dir);
	end();
}

static void test_refused(void)
{
	begin();
	CHECK(inotify_add_watch(source, folder, IN_CREATE) == 1);
	snprintf(file, sizeof(file), "%s/new", folder);
	close(open(file, O_CREAT | O_WRONLY, 0600));
	if (has_handles(seen())) {
		CHECK(is_refusal(kind_inotify.open(restore, &all->description[0], &restore_refusal),
				 &restore_refusal, EDVSPROCSTS, "events of watched files"));
		/* A file without a name is watched as long as it is open. */
		int fd = open(file, O_RDONLY | O_CLOEXEC);

		CHECK_EQ(inotify_add_watch(source, file, IN_MODIFY), 2);
		unlink(file);
		refusal_clear(&restore_refusal);
		while (read(source, (char[256]){ 0 }, 256) > 0)
			continue;
		CHECK_EQ(seen(), 0);
		CHECK(kind_inotify.whole(&all->description[1], all, NULL));
		CHECK(is_refusal(kind_inotify.open(restore, &all->description[1], &restore_refusal),
				 &restore_refusal, EDVSPROCSTS, "that has no name"));
		close(fd);
	}
	unlink(file);
	snprintf(file, sizeof(file), "%s/file", folder);
	end();
}

static bool is_whole(const struct image_watch *watch, uint32_t bytes, uint32_t told)
{
	struct description description = { .image.id = 1 };

	memcpy(description.image.body + 24, &told, sizeof(told));
	CHECK_EQ(contents_append(&description.contents, watch, bytes), 0);
	bool good = kind_inotify.whole(&description, NULL, NULL);

	contents_free(&description.contents);
	return good;
}

static void test_contents(void)
{
	const struct image_watch good[] = { { 1, 2, 3 }, { 2, 2, 3 } },
				 twice[] = { { 2, 2, 3 }, { 2, 2, 3 } },
				 far[] = { { 1, 2, 3 }, { 1000001, 2, 3 } },
				 nameless[] = { { 1, 2, 3 }, { 2, 2, 0 } };

	CHECK(is_whole(good, sizeof(good), 2));
	CHECK(!is_whole(good, sizeof(good), 3));
	CHECK(!is_whole(good, sizeof(good) - 1, 2));
	CHECK(!is_whole(twice, sizeof(twice), 2));
	CHECK(!is_whole(far, sizeof(far), 2));
	CHECK(is_whole(nameless, sizeof(nameless), 2));
}

int main(void)
{
	TEST(test_made_anew);
	TEST(test_renamed);
	TEST(test_refused);
	TEST(test_contents);
	return test_end();
}
