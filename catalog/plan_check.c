/* plan_check.c - each write of a batch by itself: what needs no catalog to be refused. */
#include "catalog/entry.h"
#include "catalog/plan.h"
#include "merkle/instrument.h"

static int check_set(struct catalog__planning *planning, struct catalog__target *target) {
    const struct catalog_write *write = target->write;
    char shown[CATALOG__KEY_SHOWN_SIZE];
    catalog__key_shown(&write->key, shown);
    if ((unsigned)write->state > CATALOG_PENDING_DROP) {
        return catalog__plan_refuse(planning, target, CATALOG_EMALFORMED,
                                    "%s: a write sets no such state", shown);
    }
    if (write->body == NULL) {
        return write->state == CATALOG_PENDING_DROP
                   ? 0
                   : catalog__plan_refuse(planning, target, CATALOG_EMALFORMED,
                                          "%s: the body is missing", shown);
    }
    if (write->body_size_bytes > CATALOG_BODY_SIZE_MAX) {
        return catalog__plan_refuse(planning, target, CATALOG_ETOOBIG,
                                    "%s: the body takes %zu bytes encoded, at most %d are allowed",
                                    shown, write->body_size_bytes, CATALOG_BODY_SIZE_MAX);
    }
    if (catalog_msgpack_check(write->body, write->body_size_bytes, CATALOG__BODY_DEPTH_MAX) != 0 ||
        catalog__body_check(write->key.kind, write->body, write->body_size_bytes) != 0) {
        return catalog__plan_refuse(planning, target, CATALOG_EMALFORMED,
                                    "%s: the body is malformed", shown);
    }
    return 0;
}

static int check_write(struct catalog__planning *planning, struct catalog__target *target) {
    const struct catalog_write *write = target->write;
    if (catalog_key_check(&write->key) != 0) {
        return catalog__plan_refuse(
            planning, target, CATALOG_EMALFORMED,
            "the key is malformed: entity and name are 1 to %d bytes of UTF-8 without control "
            "characters and '/', a schema has no name, all others have one",
            CATALOG_NAME_SIZE_MAX);
    }
    if (write->operation == CATALOG_DROP || write->operation == CATALOG_RESOLVE) {
        return 0;
    }
    if (write->operation != CATALOG_SET) {
        return catalog__plan_refuse(planning, target, CATALOG_EMALFORMED, "no such operation");
    }
    return check_set(planning, target);
}

static int refuse_duplicates(struct catalog__planning *planning) {
    for (size_t i = 1; i < planning->view.target_count; ++i) {
        struct catalog__target *target = &planning->view.targets[i];
        if (!catalog_key_equal(&target->key, &target[-1].key)) {
            continue;
        }
        char shown[CATALOG__KEY_SHOWN_SIZE];
        uint32_t line = target[-1].write->line;
        PROBE("catalog.write_twice_in_batch");
        catalog__key_shown(&target->key, shown);
        int result =
            line > 0 ? catalog__plan_refuse(planning, target, CATALOG_EDUPLICATE,
                                            "%s is in this batch already, on line %u", shown, line)
                     : catalog__plan_refuse(planning, target, CATALOG_EDUPLICATE,
                                            "%s is in this batch already", shown);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

int catalog__plan_check(struct catalog__planning *planning, const struct catalog_write *writes,
                        size_t write_count) {
    for (size_t i = 0; i < write_count; ++i) {
        struct catalog__target target = {.key = writes[i].key, .write = &writes[i], .order = i};
        int result = catalog__plan_add(planning, &target);
        if (result == 0) {
            result = check_write(planning, &planning->view.targets[i]);
        }
        if (result != 0) {
            return result;
        }
    }
    if (planning->refusal_count > 0) {
        return 0; /* keys may be unfit for sorting */
    }
    catalog__plan_sort(planning);
    return refuse_duplicates(planning);
}
