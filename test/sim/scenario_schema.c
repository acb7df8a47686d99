/* scenario_schema.c - the text of a scenario file into a structure of strings, by libcyaml.
 *
 * Every scalar is read as a string, so that `010` is no 8 and `maybe` no yes: scenario_value.c gives it its meaning. What
 * libcyaml could refuse has been refused by scenario_lines.c, with a better line; what is left is lack of memory.
 */
#include "test/sim/scenario_parts.h"

#include <cyaml/cyaml.h>
#include <malloc.h>
#include <stdlib.h>

enum { OPTIONAL = CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL };

static const cyaml_schema_value_t text_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, SCENARIO_FILE_SIZE_MAX),
};

#define ONE(key, member)                                                                           \
    CYAML_FIELD_STRING_PTR(key, OPTIONAL, STRUCTURE, member, 0, SCENARIO_FILE_SIZE_MAX),
#define LIST(key, member)                                                                          \
    CYAML_FIELD_SEQUENCE(key, OPTIONAL, STRUCTURE, member, &text_schema, 0, CYAML_UNLIMITED),
#define ITEMS(key, member, type)                                                                   \
    CYAML_FIELD_SEQUENCE(key, OPTIONAL, STRUCTURE, member, &type##_schema, 0, CYAML_UNLIMITED),
#define MAPPING(key, member, type)                                                                 \
    CYAML_FIELD_MAPPING_PTR(key, OPTIONAL, STRUCTURE, member, type##_fields),

#define STRUCTURE struct scenario_file_load
static const cyaml_schema_field_t load_fields[] = {SCENARIO__LOAD_KEYS(ONE, LIST) CYAML_FIELD_END};
static const cyaml_schema_value_t load_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, STRUCTURE, load_fields),
};
#undef STRUCTURE
#define STRUCTURE struct scenario_file_action
static const cyaml_schema_field_t action_fields[] = {SCENARIO__ACTION_KEYS(ONE, LIST)
                                                         CYAML_FIELD_END};
static const cyaml_schema_value_t action_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, STRUCTURE, action_fields),
};
#undef STRUCTURE
#define STRUCTURE struct scenario_file_expect
static const cyaml_schema_field_t expect_fields[] = {SCENARIO__EXPECT_KEYS(ONE, LIST)
                                                         CYAML_FIELD_END};
#undef STRUCTURE
#define STRUCTURE struct scenario_file
static const cyaml_schema_field_t file_fields[] = {SCENARIO__TOP_KEYS(ONE, LIST, ITEMS, MAPPING)
                                                       CYAML_FIELD_END};
static const cyaml_schema_value_t file_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, STRUCTURE, file_fields),
};
#undef STRUCTURE

/* libcyaml lengthens a list by one item at a time: that may not move it each time. */
static void *allocate(void *context, void *memory, size_t size_bytes) {
    (void)context;
    if (size_bytes == 0) {
        free(memory);
        return NULL;
    }
    if (memory != NULL && size_bytes <= malloc_usable_size(memory)) {
        return memory;
    }
    size_t rounded_bytes = size_bytes;
    if (size_bytes > 4096) {
        for (rounded_bytes = 8192; rounded_bytes < size_bytes; rounded_bytes *= 2) {
        }
    }
    return realloc(memory, rounded_bytes);
}

static const cyaml_config_t config = {
    .mem_fn = allocate,
    .log_level = CYAML_LOG_ERROR,
    .flags = CYAML_CFG_NO_ALIAS,
};

struct scenario_file *scenario__file_load(struct scenario_reading *reading, const char *text,
                                          size_t size_bytes) {
    struct scenario_file *file = NULL;
    cyaml_err_t error = cyaml_load_data((const uint8_t *)text, size_bytes, &config, &file_schema,
                                        (cyaml_data_t **)&file, NULL);
    if (error != CYAML_OK || file == NULL) {
        scenario__refuse_at(reading, 0, "%s", cyaml_strerror(error));
        scenario__file_free(file);
        return NULL;
    }
    return file;
}

void scenario__file_free(struct scenario_file *file) {
    if (file != NULL) {
        cyaml_free(&config, &file_schema, file, 0);
    }
}
