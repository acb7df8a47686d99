/* check.c - does a record meet what the entity demands: made for a host's write path, so it costs microseconds.
 *
 * The record is scanned once; of each field that the validator knows one byte is kept, the kind of its value. Then the
 * rules are gone through in order of the fields, which is the order of the violations. Fields that no rule names are let
 * pass. A default stands in for a field that is missing, never for an explicit null.
 *
 *   the record has        and the field is                          violates
 *   nothing, no default   required / under not_null                 required / not_null
 *   null                  of type null or any, not under not_null   nothing
 *   null                  required / under not_null                 required / not_null
 *   another value         of another type                           type
 */
#include "catalog/entry.h"
#include "catalog/json_scan.h"
#include "catalog/validator.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The answer with what it needs to free itself. */
struct answer {
    struct catalog_check check; /* first: what callers see */
    const struct merkle_allocator *allocator;
    struct catalog__validator *validator;
    struct catalog_violation violations[];
};
static_assert(offsetof(struct answer, check) == 0, "an answer is a check");

enum { KINDS_ON_STACK = 256, MISSING = 0 };

static const char *const kind_names[] = {
    [CATALOG__JSON_STRING] = "string",   [CATALOG__JSON_NUMBER] = "number",
    [CATALOG__JSON_INTEGER] = "integer", [CATALOG__JSON_BOOLEAN] = "boolean",
    [CATALOG__JSON_ARRAY] = "array",     [CATALOG__JSON_OBJECT] = "object",
    [CATALOG__JSON_NULL] = "null",
};

static bool fits(enum catalog__type type, uint8_t kind) {
    switch (type) {
    case CATALOG__STRING:
        return kind == CATALOG__JSON_STRING;
    case CATALOG__NUMBER:
        return kind == CATALOG__JSON_NUMBER || kind == CATALOG__JSON_INTEGER;
    case CATALOG__INTEGER:
        return kind == CATALOG__JSON_INTEGER;
    case CATALOG__BOOLEAN:
        return kind == CATALOG__JSON_BOOLEAN;
    case CATALOG__ARRAY:
        return kind == CATALOG__JSON_ARRAY;
    case CATALOG__OBJECT:
        return kind == CATALOG__JSON_OBJECT;
    case CATALOG__NULL:
        return kind == CATALOG__JSON_NULL;
    case CATALOG__ANY:
    case CATALOG__TYPE_COUNT:
        return true;
    }
    return true;
}

/* --- scanning ------------------------------------------------------------------------------------------------------- */

static int malformed(const struct catalog__json_scan *scan, size_t offset, const char *fault,
                     struct catalog_problem *problem) {
    if (problem != NULL) {
        size_t line = 0;
        size_t column = 0;
        catalog__json_position(scan->text, offset, &line, &column);
        *problem = (struct catalog_problem){
            .code = CATALOG_EMALFORMED,
            .line = line <= UINT32_MAX ? (uint32_t)line : UINT32_MAX,
        };
        snprintf(problem->message, sizeof problem->message,
                 "the record is not JSON: line %zu, column %zu: %s", line, column, fault);
    }
    return CATALOG_EMALFORMED;
}

static const struct catalog__rule *find_rule(const struct catalog__validator *validator,
                                             struct catalog_text field) {
    size_t low = 0;
    size_t high = validator->rule_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = catalog__text_compare(validator->rules[middle].field, field);
        if (order == 0) {
            return &validator->rules[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

/* Fills `kinds`, one for each rule. */
static int scan_members(const struct catalog__validator *validator, struct catalog__json_scan *scan,
                        uint8_t *kinds, struct catalog_problem *problem) {
    struct catalog__json_member member;
    int more = 0;
    while ((more = catalog__json_scan_member(scan, &member)) > 0) {
        char name[CATALOG_NAME_SIZE_MAX];
        struct catalog_text field = member.name;
        if (member.escaped) {
            field = (struct catalog_text){.data = name};
            if (!catalog__json_unescape(member.name, name, sizeof name, &field.size_bytes)) {
                continue;
            }
        }
        const struct catalog__rule *rule = find_rule(validator, field);
        if (rule == NULL) {
            continue;
        }
        uint8_t *kind = &kinds[rule - validator->rules];
        if (*kind != MISSING) {
            /* Which of the two a reader takes depends on the reader: no answer about such a record is safe. */
            return malformed(scan, member.name_offset, "the same field twice", problem);
        }
        *kind = (uint8_t)member.kind;
    }
    return more == 0 ? 0 : malformed(scan, scan->offset, scan->fault, problem);
}

/* --- rules ---------------------------------------------------------------------------------------------------------- */

static bool lacks(const struct catalog__rule *rule, uint8_t kind) {
    return kind == MISSING && !rule->has_default;
}

static bool violates_required(const struct catalog__rule *rule, uint8_t kind) {
    bool null_refused = kind == CATALOG__JSON_NULL && !fits(rule->type, kind);
    return rule->required && (lacks(rule, kind) || null_refused);
}

static bool violates_type(const struct catalog__rule *rule, uint8_t kind) {
    return kind != MISSING && kind != CATALOG__JSON_NULL && !fits(rule->type, kind);
}

static bool violates_not_null(const struct catalog__rule *rule, uint8_t kind) {
    bool defaults_to_null = kind == MISSING && rule->default_null;
    return rule->not_null && (lacks(rule, kind) || defaults_to_null || kind == CATALOG__JSON_NULL);
}

static size_t count_violations(const struct catalog__validator *validator, const uint8_t *kinds) {
    size_t count = 0;
    for (size_t i = 0; i < validator->rule_count; ++i) {
        const struct catalog__rule *rule = &validator->rules[i];
        count += violates_required(rule, kinds[i]);
        count += violates_type(rule, kinds[i]);
        count += violates_not_null(rule, kinds[i]);
    }
    return count;
}

__attribute__((format(printf, 4, 5))) static void
add(struct answer *answer, struct catalog_text field, const char *rule, const char *format, ...) {
    struct catalog_violation *violation = &answer->violations[answer->check.violation_count++];
    *violation = (struct catalog_violation){.field = field, .rule = rule};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(violation->message, sizeof violation->message, format, arguments);
    va_end(arguments);
}

static void add_violations(struct answer *answer, const struct catalog__rule *rule, uint8_t kind) {
    const char *found = kind == MISSING ? "it is missing" : "it is null";
    int size = (int)rule->field.size_bytes;
    const char *name = rule->field.data;
    if (violates_required(rule, kind)) {
        add(answer, rule->field, "required", "field '%.*s' is required: %s", size, name, found);
    }
    if (violates_type(rule, kind)) {
        add(answer, rule->field, "type", "field '%.*s' must be of type %s: it is of type %s", size,
            name, catalog__type_name(rule->type), kind_names[kind]);
    }
    if (violates_not_null(rule, kind)) {
        add(answer, rule->field, "not_null", "field '%.*s' must not be null: %s", size, name,
            found);
    }
}

/* --- the answer ------------------------------------------------------------------------------------------------------ */

/* Takes over the validator if it succeeds. */
static struct answer *answer_new(const struct merkle_allocator *allocator,
                                 struct catalog__validator *validator, size_t violations_max) {
    if (violations_max > (SIZE_MAX - sizeof(struct answer)) / sizeof(struct catalog_violation)) {
        return NULL;
    }
    struct answer *answer = merkle_allocate(
        allocator, 1, sizeof(struct answer) + violations_max * sizeof(struct catalog_violation));
    if (answer == NULL) {
        return NULL;
    }
    *answer = (struct answer){
        .check =
            {
                .valid = violations_max == 0,
                .violations = answer->violations,
                .uniques = validator->uniques,
                .unique_count = validator->unique_count,
                .foreign_keys = validator->foreign_keys,
                .foreign_key_count = validator->foreign_key_count,
                .number = validator->number,
            },
        .allocator = allocator,
        .validator = validator,
    };
    return answer;
}

static int check_object(const struct merkle_allocator *allocator,
                        struct catalog__validator *validator, struct catalog__json_scan *scan,
                        struct answer **answer, struct catalog_problem *problem) {
    uint8_t few[KINDS_ON_STACK];
    uint8_t *kinds = few;
    if (validator->rule_count > KINDS_ON_STACK) {
        kinds = merkle_allocate(allocator, validator->rule_count, 1);
        if (kinds == NULL) {
            return CATALOG_ENOMEM;
        }
    }
    if (validator->rule_count > 0) {
        memset(kinds, MISSING, validator->rule_count);
    }
    int result = scan_members(validator, scan, kinds, problem);
    if (result != 0) {
        goto release_kinds;
    }
    size_t count = count_violations(validator, kinds);
    *answer = answer_new(allocator, validator, count);
    if (*answer == NULL) {
        result = CATALOG_ENOMEM;
        goto release_kinds;
    }
    for (size_t i = 0; i < validator->rule_count; ++i) {
        add_violations(*answer, &validator->rules[i], kinds[i]);
    }
    assert((*answer)->check.violation_count == count);
release_kinds:
    if (kinds != few) {
        merkle_release(allocator, kinds);
    }
    return result;
}

int catalog_check(struct catalog *catalog, struct catalog_text entity, const char *record,
                  size_t size_bytes, struct catalog_check **check,
                  struct catalog_problem *problem) {
    *check = NULL;
    if (!catalog__name_valid(entity)) {
        if (problem != NULL) {
            *problem =
                (struct catalog_problem){.code = CATALOG_EMALFORMED,
                                         .message = "the name of the entity is not a valid name"};
        }
        return CATALOG_EMALFORMED;
    }
    struct catalog__json_scan scan;
    enum catalog__json_kind kind = 0;
    if (catalog__json_scan_begin(&scan, record, size_bytes, &kind) != 0) {
        return malformed(&scan, scan.offset, scan.fault, problem);
    }
    struct catalog__validator *validator = NULL;
    int result = catalog__validator_get(catalog, entity, &validator);
    if (result != 0) {
        return result;
    }
    struct answer *answer = NULL;
    if (kind == CATALOG__JSON_OBJECT) {
        result = check_object(catalog->allocator, validator, &scan, &answer, problem);
    } else {
        answer = answer_new(catalog->allocator, validator, 1);
        result = answer == NULL ? CATALOG_ENOMEM : 0;
        if (answer != NULL) {
            struct catalog_text none = {.data = ""};
            add(answer, none, "record", "a record must be an object: it is of type %s",
                kind_names[kind]);
        }
    }
    if (result != 0) {
        catalog__validator_release(validator);
        return result;
    }
    *check = &answer->check;
    return 0;
}

void catalog_check_free(struct catalog_check *check) {
    if (check == NULL) {
        return;
    }
    struct answer *answer = (struct answer *)check;
    catalog__validator_release(answer->validator);
    merkle_release(answer->allocator, answer);
}
