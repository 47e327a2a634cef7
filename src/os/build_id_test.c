/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "os/build_id.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* A file with one segment of notes. */
static struct {
	Elf64_Ehdr elf;
	Elf64_Phdr segment;
	Elf64_Nhdr note;
	char name[4];
	uint8_t id[20];
} head __attribute__((aligned(16)));

static void begin(void)
{
	memset(&head, 0, sizeof(head));
	memcpy(head.elf.e_ident, ELFMAG, SELFMAG);
	head.elf.e_ident[EI_CLASS] = ELFCLASS64;
	head.elf.e_phentsize = sizeof(Elf64_Phdr);
	head.elf.e_phnum = 1;
	head.elf.e_phoff = sizeof(head.elf);
	head.segment = (Elf64_Phdr){ .p_type = PT_NOTE,
				     .p_offset = sizeof(head.elf) + sizeof(head.segment),
				     .p_filesz = sizeof(head.note) + 24 };
	head.note = (Elf64_Nhdr){ .n_namesz = 4, .n_descsz = 20, .n_type = NT_GNU_BUILD_ID };
	memcpy(head.name, "GNU", 4);
	memset(head.id, 0xab, sizeof(head.id));
}

static uint32_t find(void)
{
	uint8_t id[OS_BUILD_ID_BYTES] = { 0 };
	uint32_t length = os_build_id_find((const uint8_t *)&head, sizeof(head), id);

	CHECK(!length || memcmp(id, head.id, length) == 0);
	return length;
}

static void test_found(void)
{
	begin();
	CHECK_EQ(find(), 20);
	head.note.n_type = NT_GNU_BUILD_ID + 1;
	CHECK_EQ(find(), 0);
	begin();
	head.name[0] = 'X';
	CHECK_EQ(find(), 0);
	begin();
	head.elf.e_ident[EI_CLASS] = ELFCLASS32;
	CHECK_EQ(find(), 0);
}

/* The offsets in a hostile file lead nowhere beyond its first bytes. */
static void test_hostile(void)
{
	begin();
	head.note.n_descsz = 33;
	CHECK_EQ(find(), 0);
	head.note.n_descsz = ~0u;
	CHECK_EQ(find(), 0);
	begin();
	head.note.n_namesz = ~0u;
	CHECK_EQ(find(), 0);
	begin();
	head.segment.p_filesz = ~0ull;
	CHECK_EQ(find(), 0);
	begin();
	head.segment.p_offset = ~0ull - 8;
	CHECK_EQ(find(), 0);
	begin();
	head.elf.e_phoff = ~0ull - 8;
	CHECK_EQ(find(), 0);
	begin();
	head.elf.e_phnum = 0xffff;
	CHECK_EQ(find(), 20);
	head.segment.p_type = PT_LOAD;
	CHECK_EQ(find(), 0);
}

static void test_own_program(void)
{
	uint8_t id[OS_BUILD_ID_BYTES] = { 0 };
	int fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	uint32_t length = os_build_id(fd, id);

	CHECK(length == 0 || length >= 8);
	close(fd);
	fd = open("/proc/self/stat", O_PATH | O_CLOEXEC);
	CHECK_EQ(os_build_id(fd, id), 0);
	close(fd);
}

int main(void)
{
	TEST(test_found);
	TEST(test_hostile);
	TEST(test_own_program);
	return test_end();
}
