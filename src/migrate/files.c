/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which files a process needs; reopen.c finds out whether the target has the same ones.
 *
 * A mapped file must have the same contents, because half of its pages are not sent: the build id
 * says so for programs and libraries, size and modification time for everything else. A file that
 * is open for writing must be the same file: on one machine the same inode, between two machines a
 * file of a network file system.
 */
#include "migrate/files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "dvk/errors.h"
#include "migrate/memfd.h"
#include "os/kernel.h"
#include "os/procdir.h"

#define ELF_HEAD_BYTES 8192
#define MAJOR_MEMORY   1
#define FIRST_BUCKETS  64
#define OPEN_TRIES     100

static void file_free(struct file *file)
{
	free(file->path);
}

void files_clear(struct files *files)
{
	for (uint32_t i = 0; i < files->count; i++)
		file_free(&files->file[i]);
	files->count = files->memory_count = 0;
	if (files->bucket)
		memset(files->bucket, 0, files->bucket_count * sizeof(*files->bucket));
}

void files_free(struct files *files)
{
	files_clear(files);
	free(files->file);
	free(files->bucket);
	*files = (struct files){ 0 };
}

static struct file *append(struct files *files, const char *path, size_t length)
{
	if (files->count == files->capacity) {
		uint32_t capacity = files->capacity ? files->capacity * 2 : 32;
		struct file *bigger = realloc(files->file, capacity * sizeof(*bigger));

		if (!bigger)
			return NULL;
		files->file = bigger;
		files->capacity = capacity;
	}
	struct file *file = &files->file[files->count];

	*file = (struct file){ .path = strndup(path, length) };
	if (!file->path)
		return NULL;
	file->image.path_length = (uint32_t)length;
	files->count++;
	return file;
}

/* Looks for the GNU build id in the notes that lie in the first bytes of an ELF file. */
static void find_build_id(const uint8_t *head, size_t bytes, struct image_file *image)
{
	const Elf64_Ehdr *elf = (const void *)head;

	if (bytes < sizeof(*elf) || memcmp(elf->e_ident, ELFMAG, SELFMAG) ||
	    elf->e_ident[EI_CLASS] != ELFCLASS64 || elf->e_phentsize != sizeof(Elf64_Phdr))
		return;
	for (unsigned i = 0; i < elf->e_phnum; i++) {
		uint64_t at = elf->e_phoff + i * sizeof(Elf64_Phdr);
		Elf64_Phdr segment;

		if (at > bytes - sizeof(segment))
			return;
		memcpy(&segment, head + at, sizeof(segment));
		if (segment.p_type != PT_NOTE || segment.p_offset > bytes ||
		    segment.p_filesz > bytes - segment.p_offset)
			continue;
		uint64_t end = segment.p_offset + segment.p_filesz;

		for (at = segment.p_offset; at + sizeof(Elf64_Nhdr) + 4 <= end;) {
			Elf64_Nhdr note;

			memcpy(&note, head + at, sizeof(note));
			uint64_t name = at + sizeof(note);
			uint64_t body = name + ((note.n_namesz + 3ull) & ~3ull);

			if (body + note.n_descsz > end)
				break;
			if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
			    memcmp(head + name, "GNU", 4) == 0 && note.n_descsz <= 32) {
				memcpy(image->build_id, head + body, note.n_descsz);
				image->build_id_length = note.n_descsz;
				return;
			}
			at = body + ((note.n_descsz + 3ull) & ~3ull);
		}
	}
}

int files_open_below(int root, const char *path, int flags)
{
	struct open_how how = { .flags = (uint64_t)(flags | O_CLOEXEC),
				.resolve = RESOLVE_IN_ROOT };
	int r = -EAGAIN;

	/* A ".." in a link is refused for the moment in which somebody renames or mounts. */
	for (int try = 0; r == -EAGAIN && try < OPEN_TRIES; try++) {
		r = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
		if (r < 0)
			r = -errno;
	}
	return r;
}

/* The file as the process with this directory sees it. */
static int open_in(int dir, const char *path, int flags)
{
	int root = openat(dir, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return -errno;
	int r = files_open_below(root, path, flags);

	close(root);
	return r;
}

int files_describe(int fd, struct image_file *image, unsigned long *type)
{
	struct stat status;
	struct statfs system;

	if (fstat(fd, &status) < 0 || fstatfs(fd, &system) < 0)
		return -errno;
	image->device = status.st_dev;
	image->inode = status.st_ino;
	image->size = (uint64_t)status.st_size;
	image->mtime_s = status.st_mtim.tv_sec;
	image->mtime_ns = (uint32_t)status.st_mtim.tv_nsec;
	image->mode = status.st_mode;
	image->rdev = status.st_rdev;
	*type = (unsigned long)system.f_type;
	return 0;
}

static int describe(int dir, const char *path, struct image_file *image, unsigned long *type)
{
	int fd = open_in(dir, path, O_PATH);

	if (fd < 0)
		return fd;
	int r = files_describe(fd, image, type);

	close(fd);
	return r;
}

void files_build_id(int fd, struct image_file *image)
{
	uint8_t head[ELF_HEAD_BYTES] __attribute__((aligned(16)));
	char name[40];

	if ((image->mode & S_IFMT) != S_IFREG)
		return;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	int file = open(name, O_RDONLY | O_CLOEXEC);

	if (file < 0)
		return;
	ssize_t got = pread(file, head, sizeof(head), 0);

	close(file);
	if (got > 0)
		find_build_id(head, (size_t)got, image);
}

static void read_build_id(int dir, const char *path, struct image_file *image)
{
	int fd = open_in(dir, path, O_PATH);

	if (fd < 0)
		return;
	files_build_id(fd, image);
	close(fd);
}

/* Devices without a state of their own. */
static bool is_plain_device(uint64_t rdev)
{
	if (major(rdev) != MAJOR_MEMORY)
		return false;
	switch (minor(rdev)) {
	case 3: /* null */
	case 5: /* zero */
	case 7: /* full */
	case 8: /* random */
	case 9: /* urandom */
		return true;
	}
	return false;
}

static const char *device_name(uint64_t rdev)
{
	switch (major(rdev)) {
	case 4:
	case 5:
	case 136 ... 143:
		return "a terminal";
	}
	return "a device";
}

/* File systems whose files are windows into the kernel of one machine. */
static const char *kernel_file_system(unsigned long type)
{
	static const struct {
		unsigned long magic;
		const char *name;
	} known[] = {
		{ 0x9fa0, "proc" },	  { 0x62656572, "sysfs" },     { 0x63677270, "cgroup2" },
		{ 0x27e0eb, "cgroup" },	  { 0x74726163, "tracefs" },   { 0x64626720, "debugfs" },
		{ 0x19800202, "mqueue" }, { 0xcafe4a11, "bpf" },       { 0x73636673, "securityfs" },
		{ 0x6e736673, "nsfs" },	  { 0x958458f6, "hugetlbfs" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (type == known[i].magic)
			return known[i].name;
	}
	return NULL;
}

static int check_system(const char *path, unsigned long type, struct refusal *refusal)
{
	const char *special = kernel_file_system(type);

	if (!special)
		return 0;
	if (strcmp(special, "mqueue") == 0)
		return refusal_set(
			refusal, EDVSPROCSTS,
			"the process has the POSIX message queue %s open, which belongs to "
			"this node's kernel",
			path);
	return refusal_set(
		refusal, EDVSPROCSTS,
		"the process has %s open, a file of the %s file system, which belongs to "
		"this node's kernel",
		path, special);
}

static int check_kind(const char *path, unsigned long type, struct image_file *image,
		      struct refusal *refusal)
{
	switch (image->mode & S_IFMT) {
	case S_IFREG:
		break;
	case S_IFDIR:
		image->use |= IMAGE_FILE_DIRECTORY;
		break;
	case S_IFCHR:
		image->use |= IMAGE_FILE_DEVICE;
		if (is_plain_device(image->rdev))
			return 0;
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process uses %s, %s, which cannot move to another node",
				   device_name(image->rdev), path);
	case S_IFIFO:
		return refusal_set(
			refusal, EDVSPROCSTS,
			"the process has the named pipe (FIFO) %s open, which cannot move", path);
	default:
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process has %s open, a kind of file that cannot move",
				   path);
	}
	return check_system(path, type, refusal);
}

/* No file of that path is the object. What the object says of itself is the reason. */
static int refuse_missing(int dir, const char *path, const struct files_object *object,
			  struct refusal *refusal)
{
	struct stat status;
	struct statfs system;
	int fd = openat(dir, object->link, O_PATH | O_CLOEXEC);
	bool seen = fd >= 0 && fstat(fd, &status) == 0 && fstatfs(fd, &system) == 0;
	int r = 0;

	if (fd >= 0)
		close(fd);
	if (seen)
		r = check_system(path, (unsigned long)system.f_type, refusal);
	if (r)
		return r;
	if (seen && status.st_nlink == 0)
		return refusal_set(
			refusal, EDVSPROCSTS,
			"the process uses %s, which was deleted: only files that exist can "
			"be opened on the target",
			path);
	return refusal_set(
		refusal, EDVSPROCSTS,
		"the process uses the file that it knows as %s, which has other names only: "
		"a file is opened on the target by the name it was opened with",
		path);
}

static uint32_t *bucket_of(struct files *files, const char *path, uint64_t inode)
{
	uint64_t hash = hash_bytes(HASH_SEED ^ inode, path, strlen(path));

	return &files->bucket[hash % files->bucket_count];
}

/* Keeps the chains of the table short. */
static int grow_table(struct files *files)
{
	uint32_t count = files->bucket_count ? files->bucket_count * 4 : FIRST_BUCKETS;

	if (files->count < files->bucket_count)
		return 0;
	uint32_t *bucket = calloc(count, sizeof(*bucket));

	if (!bucket)
		return -ENOMEM;
	free(files->bucket);
	files->bucket = bucket;
	files->bucket_count = count;
	for (uint32_t i = 0; i < files->count; i++) {
		struct file *file = &files->file[i];
		uint32_t *newest = bucket_of(files, file->path, file->image.inode);

		file->older = *newest;
		*newest = i + 1;
	}
	return 0;
}

static int add_new(struct files *files, const char *path, const struct image_file *image,
		   struct refusal *refusal)
{
	if (files->count == IMAGE_FILES_MAX)
		return refusal_set(refusal, EDVS2BIG, "the process uses more than %u files",
				   IMAGE_FILES_MAX);
	struct file *file = append(files, path, strlen(path));

	if (!file)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	uint32_t length = file->image.path_length;
	uint32_t *newest = bucket_of(files, path, image->inode);

	file->image = *image;
	file->image.path_length = length;
	file->image.id = files->count;
	file->older = *newest;
	*newest = files->count;
	return (int)file->image.id;
}

static int add_memory(struct files *files, int dir, const char *path,
		      const struct files_object *object, struct image_file *image,
		      struct refusal *refusal)
{
	int r = memfd_describe(dir, object->link, image, refusal);

	if (r == 0 && files->memory_count == IMAGE_MEMFDS_MAX)
		r = refusal_set(refusal, EDVSPROCSTS,
				"the process uses more than %u memory files (memfd), which is "
				"the most that can move",
				IMAGE_MEMFDS_MAX);
	if (r == 0 && image->inode != object->inode)
		r = refusal_set(refusal, EDVSBUSY,
				"the process has just exchanged a memory file; try again");
	if (r == 0)
		r = add_new(files, path, image, refusal);
	files->memory_count += r >= 0;
	if (r >= 0)
		snprintf(files->file[files->count - 1].link, sizeof(files->file[0].link), "%s",
			 object->link);
	return r;
}

int files_add(struct files *files, int dir, const char *path, const struct files_object *object,
	      uint32_t use, struct refusal *refusal)
{
	struct image_file image = { .use = use };
	unsigned long type = 0;

	if (grow_table(files) < 0)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	for (uint32_t at = *bucket_of(files, path, object->inode); at;) {
		struct file *known = &files->file[at - 1];

		if (known->image.inode == object->inode && strcmp(known->path, path) == 0) {
			known->image.use |= use;
			return (int)known->image.id;
		}
		at = known->older;
	}
	if (memfd_is_link(path) && !(use & (IMAGE_FILE_EXE | IMAGE_FILE_DIRECTORY)))
		return add_memory(files, dir, path, object, &image, refusal);
	int r = path[0] == '/' ? describe(dir, path, &image, &type) : -ENOENT;

	/* A path through /proc may lead to another process, which has ended. */
	if (r == -ESRCH && procdir_ended(dir))
		return refusal_set(refusal, EDVSSRCH, "the process has ended");
	if (r < 0 || image.inode != object->inode ||
	    (object->device && image.device != object->device))
		return refuse_missing(dir, path, object, refusal);
	r = check_kind(path, type, &image, refusal);
	if (r)
		return r;
	if ((image.mode & S_IFMT) == S_IFREG && (use & (IMAGE_FILE_MAPPED | IMAGE_FILE_EXE)))
		read_build_id(dir, path, &image);
	return add_new(files, path, &image, refusal);
}

int files_add_record(struct files *files, const struct image_file *image)
{
	if (files->count && image->id <= files->file[files->count - 1].image.id)
		return -EBADMSG;
	struct file *file = append(files, (const char *)(image + 1), image->path_length);

	if (!file)
		return -ENOMEM;
	file->image = *image;
	return 0;
}

struct file *files_find(const struct files *files, uint64_t id)
{
	uint32_t low = 0, high = files->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (files->file[middle].image.id == id)
			return &files->file[middle];
		if (files->file[middle].image.id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

bool files_is_network(unsigned long type)
{
	static const unsigned long known[] = { 0x6969,	   0xff534d42, 0xfe534d42, 0x65735546,
					       0x00c36400, 0x01161970, 0x7461636f, 0x0bd00bd0 };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (type == known[i])
			return true;
	}
	return false;
}

void files_boot_id(uint8_t id[16])
{
	char text[40] = "";
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	unsigned digits = 0;

	memset(id, 0, 16);
	if (fd < 0)
		return;
	ssize_t got = read(fd, text, sizeof(text) - 1);

	close(fd);
	for (ssize_t i = 0; i < got && digits < 32; i++) {
		unsigned value;

		if (sscanf((char[]){ text[i], 0 }, "%1x", &value) != 1)
			continue;
		id[digits / 2] |= (uint8_t)(value << (digits % 2 ? 0 : 4));
		digits++;
	}
}
