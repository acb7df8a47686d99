/* fuzz_check.c - any text as a record: taken exactly if Jansson takes it, and judged as a walk over Jansson's values judges.
 *
 *      byte 0      which allocation of the check fails (255: none)
 *      the rest    the record
 *
 * Where the two may differ: numbers that no double holds, NUL (Jansson takes a NUL byte for the end of the text), depth, and
 * a known field twice.
 */
#include "catalog/catalog.h"
#include "test/unit/support/alloc_fault.h"

#include <assert.h>
#include <jansson.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static const char rules[] = "{\"kind\":\"schema\",\"entity\":\"e\",\"fields\":{\"a\":{\"type\":"
                            "\"any\"},\"b\":{\"type\":\"boolean\"},"
                            "\"i\":{\"type\":\"integer\",\"required\":true},\"l\":{\"type\":"
                            "\"array\",\"required\":true,\"default\":[]},"
                            "\"n\":{\"type\":\"number\"},\"o\":{\"type\":\"object\"},\"s\":{"
                            "\"type\":\"string\"},\"z\":{\"type\":\"null\"}}}\n"
                            "{\"kind\":\"constraint\",\"entity\":\"e\",\"name\":\"nn\",\"type\":"
                            "\"not_null\",\"fields\":[\"s\"]}\n";

static struct alloc_fault fault = {.allowed = SIZE_MAX};
static struct merkle_allocator allocator;

static struct catalog *make_catalog(void) {
    struct catalog *catalog = NULL;
    struct catalog_import *import = NULL;
    struct catalog_plan *plan = NULL;
    const struct catalog_writer writer = {.origin = {{1}}, .node = {"n", 1}, .wall_ms = 1};
    allocator = alloc_fault_allocator(&fault);
    int result = catalog_new(&allocator, &catalog);
    assert(result == 0);
    result = catalog_import_parse(&allocator, rules, strlen(rules), &import);
    assert(result == 0 && import->problem_count == 0);
    result = catalog_plan_new(catalog, import->writes, import->write_count, &writer, &plan);
    assert(result == 0 && plan->problem_count == 0);
    for (size_t i = 0; i < plan->entry_count; ++i) {
        result = catalog_load(catalog, plan->entries[i]);
        assert(result == 0);
    }
    catalog_plan_free(plan);
    catalog_import_free(import);
    return catalog;
}

static bool fits(char field, const json_t *value) {
    switch (field) {
    case 'b':
        return json_is_boolean(value);
    case 'i':
        return json_is_integer(value) || json_is_real(value); /* the unit tests tell them apart */
    case 'l':
        return json_is_array(value);
    case 'n':
        return json_is_number(value);
    case 'o':
        return json_is_object(value);
    case 's':
        return json_is_string(value);
    default:
        return field != 'z';
    }
}

/* 1 or 0; -1 if it turns on whether a real is whole. */
static int judge(const json_t *root) {
    if (!json_is_object(root)) {
        return 0;
    }
    const json_t *integer = json_object_get(root, "i");
    bool valid = json_is_integer(integer) || json_is_real(integer);
    valid = valid && json_is_string(json_object_get(root, "s"));
    const json_t *list = json_object_get(root, "l");
    valid = valid && !json_is_null(list);
    static const char fields[] = "abilnosz";
    for (size_t i = 0; i < sizeof fields - 1; ++i) {
        const char name[2] = {fields[i], '\0'};
        const json_t *value = json_object_get(root, name);
        valid = valid && (value == NULL || json_is_null(value) || fits(fields[i], value));
    }
    return valid && json_is_real(integer) ? -1 : valid;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    static struct catalog *catalog;
    if (catalog == NULL) {
        catalog = make_catalog();
    }
    if (size_bytes < 1) {
        return 0;
    }
    const char *record = (const char *)data + 1;
    struct catalog_check *check = NULL;
    struct catalog_problem problem = {0};
    fault.allowed = data[0] < 255 ? data[0] : SIZE_MAX;
    int result = catalog_check(catalog, (struct catalog_text){"e", 1}, record, size_bytes - 1,
                               &check, &problem);
    fault.allowed = SIZE_MAX;
    assert(result == 0 || result == CATALOG_EMALFORMED || result == CATALOG_ENOMEM);
    assert((check != NULL) == (result == 0));
    json_error_t error;
    json_t *root = json_loadb(record, size_bytes - 1, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    bool ours_alone =
        strstr(problem.message, "twice") != NULL || strstr(problem.message, "deeply") != NULL;
    enum json_error_code code = root == NULL ? json_error_code(&error) : json_error_unknown;
    bool jansson_alone = code == json_error_numeric_overflow ||
                         code == json_error_null_byte_in_key || code == json_error_stack_overflow ||
                         memchr(record, '\0', size_bytes - 1) != NULL;
    if (result != CATALOG_ENOMEM && !ours_alone && !jansson_alone) {
        assert((root != NULL) == (result == 0));
        int verdict = root != NULL ? judge(root) : -1;
        assert(verdict < 0 || check->valid == (verdict == 1));
    }
    json_decref(root);
    if (check != NULL) {
        struct merkle_buffer json;
        merkle_buffer_init(&json, &merkle_allocator_libc);
        result = catalog_check_print(check, -1, &json);
        assert(result == 0);
        root = json_loadb((const char *)json.data, json.size_bytes, JSON_REJECT_DUPLICATES, NULL);
        assert(root != NULL);
        json_decref(root);
        merkle_buffer_close(&json);
    }
    catalog_check_free(check);
    return 0;
}
