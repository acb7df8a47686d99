/* real_lists.c - what a node shows of its entries: the three lists, each entry with its clock and origin. */
#include "bin/chaos/real_run.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

const char *const real_list_names[4] = {[CATALOG_SCHEMA] = "schemas",
                                        [CATALOG_CONSTRAINT] = "constraints",
                                        [CATALOG_INDEX] = "indexes"};

bool real_lists_version(const void *json_object, struct real_version *version) {
    const json_t *object = json_object;
    const char *clock = json_string_value(json_object_get(object, "clock"));
    const char *origin = json_string_value(json_object_get(object, "origin"));
    char *end = NULL;
    if (clock == NULL || origin == NULL || strlen(clock) != 16 ||
        !catalog_id_parse(origin, strlen(origin), &version->origin))
        return false;
    version->clock = strtoull(clock, &end, 16);
    return *end == '\0' && version->clock != 0;
}

bool real_lists_take(struct real_run *run, size_t node, uint16_t kind, const char *text,
                     uint64_t moment) {
    json_t *root = json_loads(text, 0, NULL);
    const json_t *list = json_object_get(root, real_list_names[kind]);
    bool whole = json_is_array(list);
    size_t count = json_array_size(list);
    if (whole)
        real_book_list_begin(&run->book);
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(list, i);
        const char *entity = json_string_value(json_object_get(entry, "entity"));
        const char *name = json_string_value(json_object_get(entry, "name"));
        struct real_version version;
        if (entity == NULL || !real_lists_version(entry, &version)) {
            whole = false;
            continue;
        }
        size_t key = real_book_key(&run->book, kind, entity, name == NULL ? "" : name);
        real_book_list_entry(&run->book, node, key, &version, moment);
    }
    /* Of a list that was not understood nothing is concluded from what is absent. */
    if (whole)
        real_book_list_end(&run->book, node, kind, moment);
    json_decref(root);
    return whole;
}
