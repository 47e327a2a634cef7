/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/rig_test.h"

#include <stdarg.h>

#define WORDS_MAX 16

struct words {
	int (*run)(const struct verb *, int, int, char **);
	int argc;
	char *argv[WORDS_MAX + 1];
};

static int run_verb(void *context)
{
	struct words *words = context;
	const struct verb verb = { "verb", "ARGUMENTS", "what it is for", words->run };

	return verb_run_row(&verb, NODE_UNSAID, words->argc, words->argv);
}

int rig_run(int (*verb)(const struct verb *, int, int, char **), ...)
{
	struct words words = { .run = verb };
	char *word;
	va_list args;

	va_start(args, verb);
	while ((word = va_arg(args, char *)) && words.argc < WORDS_MAX)
		words.argv[words.argc++] = word;
	va_end(args);
	return rig_run_in_process(run_verb, &words);
}

json_t *rig_document(void)
{
	json_error_t error;
	json_t *document = json_loads(rig->out, 0, &error);

	if (!document)
		printf("no document: %s\n", rig->out);
	return document;
}

/* Of the document, or of its first element. */
static json_t *member(json_t *document, const char *key)
{
	json_t *object = json_is_array(document) ? json_array_get(document, 0) : document;

	return json_object_get(object, key);
}

bool rig_has_number(const char *key, long long number)
{
	json_t *document = rig_document(), *at = member(document, key);
	long long value = json_is_boolean(at) ? json_boolean_value(at) : json_integer_value(at);
	bool has = (json_is_integer(at) || json_is_boolean(at)) && value == number;

	json_decref(document);
	if (!has)
		printf("%s is not %lld: %s\n", key, number, rig->out);
	return has;
}

bool rig_has_text(const char *key, const char *text)
{
	json_t *document = rig_document(), *at = member(document, key);
	bool has = json_is_string(at) && !strcmp(json_string_value(at), text);

	json_decref(document);
	if (!has)
		printf("%s is not %s: %s\n", key, text, rig->out);
	return has;
}

bool rig_has_null(const char *key)
{
	json_t *document = rig_document();
	bool has = json_is_null(member(document, key));

	json_decref(document);
	return has;
}

size_t rig_elements(void)
{
	json_t *document = rig_document();
	size_t count = json_array_size(document);

	json_decref(document);
	return count;
}
