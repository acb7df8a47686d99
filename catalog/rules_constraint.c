/* rules_constraint.c - whether one constraint or index goes with the schemas and constraints around it.
 *
 * A body and, while it is pending_add over an active one, its `previous` are both looked at, on the constraint's side and
 * on the schemas': one is in force now and the other may come, by the step or by the abort. Types must be equal, or one of
 * them `any`. An entity without a schema has all fields, of unknown type.
 */
#include "catalog/rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* One body of the constraint under examination. */
struct subject {
    struct catalog__rules *rules;
    const struct catalog_key *key;
    const struct catalog__constraint *constraint;
    struct catalog__finding *finding;
};

__attribute__((format(printf, 4, 5))) static void report(const struct subject *subject, int code,
                                                         struct catalog_key culprit,
                                                         const char *format, ...) {
    struct catalog__finding *finding = subject->finding;
    char shown[CATALOG__KEY_SHOWN_SIZE];
    char what[sizeof finding->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    finding->code = code;
    finding->culprit = culprit;
    snprintf(finding->message, sizeof finding->message, "%.280s %.198s",
             catalog__key_shown(subject->key, shown), what);
    catalog__message_trim(finding->message);
}

static struct catalog_key schema_key(struct catalog_text entity) {
    return (struct catalog_key){.kind = CATALOG_SCHEMA, .entity = entity};
}

#define SHOWN(text) (int)(text).size_bytes, (text).data

static void check_fields(const struct subject *subject, const struct catalog__facts *own) {
    const struct catalog__constraint *constraint = subject->constraint;
    for (size_t s = 0; s < own->schema_count; ++s) {
        for (size_t i = 0; i < constraint->field_count; ++i) {
            struct catalog_text field = constraint->fields[i];
            if (catalog__schema_find(own->schemas[s], field) == NULL) {
                report(subject, CATALOG_EMISSINGFIELD, schema_key(own->entity),
                       "uses field '%.*s', which the schema does not have", SHOWN(field));
                return;
            }
        }
    }
}

/* Of an entity that references itself, body goes with body and `previous` with `previous`. */
static bool go_together(const struct catalog__facts *own, const struct catalog__facts *target,
                        size_t s, size_t t) {
    return own != target || s == t;
}

static void check_types(const struct subject *subject, const struct catalog__facts *own,
                        const struct catalog__facts *target, size_t i, size_t t) {
    struct catalog_text name = subject->constraint->fields[i];
    struct catalog_text referenced_name = subject->constraint->referenced_fields[i];
    const struct catalog__field *referenced =
        catalog__schema_find(target->schemas[t], referenced_name);
    for (size_t s = 0; s < own->schema_count; ++s) {
        const struct catalog__field *field = catalog__schema_find(own->schemas[s], name);
        if (field == NULL || !go_together(own, target, s, t) || field->type == referenced->type ||
            field->type == CATALOG__ANY || referenced->type == CATALOG__ANY) {
            continue;
        }
        /* Both schemas have a part in it: the one that the batch changes is to blame. */
        bool own_changes = own->schema_target != NULL && own->schema_target->changed;
        report(subject, CATALOG_EREFERENCE, schema_key(own_changes ? own->entity : target->entity),
               "references a field of type %s, '%.*s', with one of type %s, '%.*s'",
               catalog__type_name(referenced->type), SHOWN(referenced_name),
               catalog__type_name(field->type), SHOWN(name));
        return;
    }
}

static void check_reference(const struct subject *subject, const struct catalog__facts *own,
                            const struct catalog__facts *target) {
    const struct catalog__constraint *constraint = subject->constraint;
    if (constraint->referenced_count != constraint->field_count) {
        report(subject, CATALOG_EREFERENCE, *subject->key, "references %zu fields with %zu",
               constraint->referenced_count, constraint->field_count);
        return;
    }
    for (size_t t = 0; t < target->schema_count; ++t) {
        for (size_t i = 0; i < constraint->field_count && subject->finding->code == 0; ++i) {
            struct catalog_text field = constraint->referenced_fields[i];
            if (catalog__schema_find(target->schemas[t], field) == NULL) {
                subject->finding->target_lacks_field = true;
                report(subject, CATALOG_EREFERENCE, schema_key(target->entity),
                       "references field '%.*s', which the schema of entity '%.*s' does not have",
                       SHOWN(field), SHOWN(target->entity));
            } else {
                check_types(subject, own, target, i, t);
            }
        }
    }
}

/* --- set_null ------------------------------------------------------------------------------------------------------- */

static int compare_not_nulls(const void *a, const void *b) {
    const struct catalog__not_null *not_null_a = a;
    const struct catalog__not_null *not_null_b = b;
    int order = catalog__text_compare(not_null_a->field, not_null_b->field);
    return order != 0 ? order : catalog_key_compare(&not_null_a->key, &not_null_b->key);
}

static int read_not_nulls(const struct catalog__rules *rules, struct catalog__facts *facts) {
    if (facts->not_nulls_read) {
        return 0;
    }
    size_t capacity = 0;
    struct catalog__in_force found;
    const struct catalog_key *after = NULL;
    struct catalog_key at;
    while (catalog__view_next(rules->view, CATALOG_CONSTRAINT, facts->entity, after, &found)) {
        at = found.key;
        after = &at;
        struct catalog__constraint *parsed = NULL;
        int result = catalog__rules_parse(rules, &found, &parsed);
        if (result == CATALOG_ENOMEM) {
            return result;
        }
        bool not_null = result == 0 && parsed->type == CATALOG__NOT_NULL;
        struct catalog_text field = not_null ? parsed->fields[0] : (struct catalog_text){0};
        merkle_release(rules->allocator, parsed);
        if (not_null && facts->not_null_count == capacity) {
            capacity = capacity == 0 ? 16 : capacity * 2;
            struct catalog__not_null *grown =
                merkle_reallocate(rules->allocator, facts->not_nulls, capacity, sizeof(*grown));
            if (grown == NULL) {
                return CATALOG_ENOMEM;
            }
            facts->not_nulls = grown;
        }
        if (not_null) {
            facts->not_nulls[facts->not_null_count++] =
                (struct catalog__not_null){.field = field, .key = found.key};
        }
    }
    if (facts->not_null_count > 0) {
        qsort(facts->not_nulls, facts->not_null_count, sizeof(struct catalog__not_null),
              compare_not_nulls);
    }
    facts->not_nulls_read = true;
    return 0;
}

static const struct catalog__not_null *find_not_null(const struct catalog__facts *facts,
                                                     struct catalog_text field) {
    size_t low = 0;
    size_t high = facts->not_null_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (catalog__text_compare(facts->not_nulls[middle].field, field) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool found =
        low < facts->not_null_count && catalog__text_equal(facts->not_nulls[low].field, field);
    return found ? &facts->not_nulls[low] : NULL;
}

static int check_set_null(const struct subject *subject, struct catalog__facts *own) {
    int result = read_not_nulls(subject->rules, own);
    if (result != 0) {
        own->not_null_count = 0; /* half read: again the next time */
        merkle_release(subject->rules->allocator, own->not_nulls);
        own->not_nulls = NULL;
        return result;
    }
    for (size_t i = 0; i < subject->constraint->field_count; ++i) {
        struct catalog_text name = subject->constraint->fields[i];
        for (size_t s = 0; s < own->schema_count; ++s) {
            const struct catalog__field *field = catalog__schema_find(own->schemas[s], name);
            if (field != NULL && field->required) {
                report(subject, CATALOG_ESETNULL, schema_key(own->entity),
                       "sets field '%.*s' to null, which the schema requires", SHOWN(name));
                return 0;
            }
        }
        const struct catalog__not_null *not_null = find_not_null(own, name);
        if (not_null != NULL) {
            report(subject, CATALOG_ESETNULL, not_null->key,
                   "sets field '%.*s' to null, which constraint '%.*s' forbids", SHOWN(name),
                   SHOWN(not_null->key.name));
            return 0;
        }
    }
    return 0;
}

/* --- all together --------------------------------------------------------------------------------------------------- */

static int check_body(const struct subject *subject) {
    struct catalog__facts *own = NULL;
    int result = catalog__rules_facts(subject->rules, subject->key->entity, NULL, &own);
    if (result != 0) {
        return result;
    }
    check_fields(subject, own);
    if (subject->finding->code != 0 || subject->constraint->type != CATALOG__FOREIGN_KEY) {
        return 0;
    }
    struct catalog__facts *target = NULL;
    result = catalog__rules_facts(subject->rules, subject->constraint->referenced, own, &target);
    if (result != 0) {
        return result;
    }
    check_reference(subject, own, target);
    bool sets_null = subject->constraint->on_delete == CATALOG__SET_NULL;
    return subject->finding->code == 0 && sets_null ? check_set_null(subject, own) : 0;
}

int catalog__rules_check(struct catalog__rules *rules, const struct catalog__in_force *constraint,
                         struct catalog__finding *finding) {
    *finding = (struct catalog__finding){0};
    struct catalog__in_force each = *constraint;
    for (size_t i = 0; i < CATALOG__BODIES_MAX && each.body != NULL && finding->code == 0; ++i) {
        struct catalog__constraint *parsed = NULL;
        int result = catalog__rules_parse(rules, &each, &parsed);
        if (result == 0) {
            const struct subject subject = {
                .rules = rules, .key = &constraint->key, .constraint = parsed, .finding = finding};
            result = check_body(&subject);
        }
        merkle_release(rules->allocator, parsed);
        if (result == CATALOG_ENOMEM) {
            return result;
        }
        each.body = constraint->previous;
        each.body_size_bytes = constraint->previous_size_bytes;
    }
    return 0;
}
