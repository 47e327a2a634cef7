/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recorded bytes of released versions: one file for each version of each format, NAME-VERSION, with lines
 *
 *	SAMPLE
 *		hexadecimal digits, 64 to a line
 *
 *	compat --record FOLDER    records the versions of this build that have no file yet
 *	compat FOLDER             this build writes and reads its own versions as recorded, and refuses older ones
 *
 * A layout that has changed while its version has not fails the second. The remedy is a new version of the format
 * (wire/protocol.h) and a new file; the files of older versions stay.
 */

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/test.h"
#include "compat/compat.h"
#include "wire/protocol.h"

#define LINE_DIGITS 96
#define SAMPLES_MAX 64
#define LICENSE	    "# SPDX-License-Identifier: Apache-2.0\n"

static const struct compat_format *const formats[] = {
	&compat_frame,	 &compat_lane,	    &compat_group,	&compat_command,
	&compat_council, &compat_directory, &compat_move,	&compat_image,
	&compat_join,	 &compat_handover,  &compat_image_file,
};
#define FORMATS (sizeof(formats) / sizeof(*formats))

int compat_compare(const struct compat_sample *sample, const void *got)
{
	return !!memcmp(got, sample->value, sample->size);
}

size_t compat_write_plain(const struct compat_sample *sample, uint8_t *buf)
{
	memcpy(buf, sample->value, sample->size);
	return sample->size;
}

int compat_read_plain(const struct compat_sample *sample, const uint8_t *buf, size_t len)
{
	return len != sample->size ? -EBADMSG : compat_compare(sample, buf);
}

static void record_sample(FILE *file, const struct compat_sample *sample)
{
	static uint8_t buf[COMPAT_BYTES_MAX];
	size_t len = sample->write(sample, buf);

	fprintf(file, "%s\n", sample->name);
	for (size_t i = 0; i < len; i++)
		fprintf(file, "%s%02x%s", i % (LINE_DIGITS / 2) ? "" : "\t", buf[i],
			i + 1 == len || (i + 1) % (LINE_DIGITS / 2) == 0 ? "\n" : "");
}

static int record_protocol(const char *folder)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/protocol-%u", folder, protocol_own.most);
	file = fopen(path, "wx");
	if (!file)
		return errno != EEXIST;
	fputs(LICENSE, file);
	for (size_t i = 0; i < protocol_format_count; i++)
		if (protocol_formats[i].between_nodes)
			fprintf(file, "%s-%u\n", protocol_formats[i].name,
				protocol_formats[i].version);
	printf("%s\n", path);
	return fclose(file) != 0;
}

static int record(const char *folder)
{
	for (size_t i = 0; i < FORMATS; i++) {
		char path[4096];
		FILE *file;

		snprintf(path, sizeof(path), "%s/%s-%u", folder, formats[i]->name,
			 formats[i]->version);
		file = fopen(path, "wx");
		if (!file && errno == EEXIST)
			continue;
		if (!file) {
			perror(path);
			return 1;
		}
		fputs(LICENSE, file);
		for (size_t n = 0; n < formats[i]->count; n++)
			record_sample(file, &formats[i]->sample[n]);
		if (fclose(file)) {
			perror(path);
			return 1;
		}
		printf("%s\n", path);
	}
	return record_protocol(folder);
}

/* The samples of one file. */
struct recorded {
	char name[64];
	uint8_t bytes[COMPAT_BYTES_MAX];
	size_t len;
};

static struct recorded recorded[SAMPLES_MAX];
static size_t recorded_count;

static void add_digits(struct recorded *r, const char *digits)
{
	unsigned byte;

	while (r->len < COMPAT_BYTES_MAX && sscanf(digits, "%2x", &byte) == 1) {
		r->bytes[r->len++] = (uint8_t)byte;
		digits += 2;
	}
}

/* False: there is no such file. */
static bool load(const char *folder, const char *name)
{
	char path[4096], line[LINE_DIGITS + 64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "r");
	recorded_count = 0;
	if (!file)
		return false;
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = 0;
		if (line[0] == '\t' && recorded_count)
			add_digits(&recorded[recorded_count - 1], line + 1);
		else if (line[0] != '\t' && line[0] != '#' && recorded_count < SAMPLES_MAX) {
			struct recorded *r = &recorded[recorded_count++];

			r->len = 0;
			snprintf(r->name, sizeof(r->name), "%.60s", line);
		}
	}
	fclose(file);
	return true;
}

static const struct recorded *find(const char *name)
{
	for (size_t i = 0; i < recorded_count; i++)
		if (!strcmp(recorded[i].name, name))
			return &recorded[i];
	return NULL;
}

static void wrong(const struct compat_format *format, const char *sample, const char *why)
{
	printf("%s-%u, %s: %s\n", format->name, format->version, sample, why);
	test_fail(__FILE__, __LINE__, format->name);
}

static void check_sample(const struct compat_format *format, const struct compat_sample *sample)
{
	static uint8_t buf[COMPAT_BYTES_MAX];
	const struct recorded *r = find(sample->name);
	size_t len = sample->write(sample, buf);
	int got;

	if (!r) {
		wrong(format, sample->name, "it was not recorded: its format needs a new version");
		return;
	}
	if (r->len != len || memcmp(r->bytes, buf, len))
		wrong(format, sample->name,
		      "the layout has changed, and its version has not: raise that, and record");
	got = sample->read(sample, r->bytes, r->len);
	if (got < 0)
		wrong(format, sample->name, "the recorded bytes are refused");
	else if (got)
		wrong(format, sample->name, "the recorded bytes are read as another value");
}

static const char *folder;

static void test_own_versions(void)
{
	for (size_t i = 0; i < FORMATS; i++) {
		char name[64];

		snprintf(name, sizeof(name), "%s-%u", formats[i]->name, formats[i]->version);
		if (!load(folder, name)) {
			wrong(formats[i], "all", "nothing was recorded: compat --record FOLDER");
			continue;
		}
		CHECK_EQ(recorded_count, formats[i]->count);
		for (size_t n = 0; n < formats[i]->count; n++)
			check_sample(formats[i], &formats[i]->sample[n]);
	}
}

static size_t heads_of(const struct compat_format *format)
{
	return format->heads ? format->heads : format->count;
}

/* What was recorded of older versions is not read as something else: it is refused, and for its version. */
static void test_older_versions(void)
{
	unsigned refused = 0;

	for (size_t i = 0; i < FORMATS; i++) {
		for (uint32_t version = 1; version < formats[i]->version; version++) {
			char name[64];

			snprintf(name, sizeof(name), "%s-%u", formats[i]->name, version);
			if (!load(folder, name))
				continue;
			for (size_t n = 0; n < heads_of(formats[i]); n++) {
				const struct compat_sample *sample = &formats[i]->sample[n];
				const struct recorded *r = find(sample->name);
				int got = r ? sample->read(sample, r->bytes, r->len) : -EPROTO;

				refused++;
				if (got != -EPROTO && got != -EPROTONOSUPPORT)
					wrong(formats[i], name,
					      "its version is not what is refused");
			}
		}
	}
	CHECK(refused > 0);
}

/* A protocol is one version of each format: that it is the same ones is recorded as well. */
static void test_protocols(void)
{
	char name[64], line[64];

	snprintf(name, sizeof(name), "protocol-%u", protocol_own.most);
	CHECK_OR_RETURN(load(folder, name));
	for (size_t i = 0, at = 0; i < protocol_format_count; i++) {
		if (!protocol_formats[i].between_nodes)
			continue;
		snprintf(line, sizeof(line), "%s-%u", protocol_formats[i].name,
			 protocol_formats[i].version);
		if (at == recorded_count || strcmp(recorded[at++].name, line)) {
			printf("%s is not of protocol %u as it was recorded: raise PROTOCOL_MOST\n",
			       line, protocol_own.most);
			test_fail(__FILE__, __LINE__, "protocol");
		}
	}
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--record"))
		return record(argv[2]);
	if (argc != 2)
		return 2;
	folder = argv[1];
	TEST(test_own_versions);
	TEST(test_older_versions);
	TEST(test_protocols);
	return test_end();
}
