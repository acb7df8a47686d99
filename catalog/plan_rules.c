/* plan_rules.c - the rules on the result of a batch: which constraints to look at, and which line to blame.
 *
 * Looked at are the constraints and indexes that the batch writes, and those on which a changed schema or a new not_null
 * may tell: the entity's own, and the foreign keys that reference it. The cost is that of what is around the batch, never
 * of the whole catalog. What was broken before (by a merge) and is broken still is let pass: a write that does not touch
 * the fault must not be refused for it.
 */
#include "catalog/rules.h"
#include "merkle/instrument.h"

#include <stdlib.h>
#include <string.h>

struct pass {
    struct catalog__planning *planning;
    struct catalog__rules result;
    struct catalog__rules before;
};

static bool is_constraint(const struct catalog__target *target) {
    return target->key.kind == CATALOG_CONSTRAINT || target->key.kind == CATALOG_INDEX;
}

static bool is_new(const struct catalog__target *target) {
    return target->before == NULL || target->before->state == CATALOG_DROPPED;
}

/* Its own staged drop is taken back; not along with that of its schema, which is then active. */
static bool comes_back(const struct catalog__target *target) {
    return !is_new(target) && target->write != NULL && target->state == CATALOG_ACTIVE &&
           !target->before->conflict && target->before->state == CATALOG_PENDING_DROP;
}

/* A write that repeats the body in force: it resolves a conflict, or takes a step. */
static bool repeats_body(const struct catalog__target *target) {
    if (is_new(target)) {
        return false;
    }
    struct catalog_version version = catalog_entry_in_force(target->before);
    return version.body_size_bytes == target->body_size_bytes &&
           memcmp(version.body, target->body, target->body_size_bytes) == 0;
}

static int was_broken(struct pass *pass, const struct catalog_key *key, bool *broken) {
    struct catalog__in_force before;
    struct catalog__finding finding = {0};
    int result = 0;
    if (catalog__view_find(&pass->planning->before, key, &before)) {
        result = catalog__rules_check(&pass->before, &before, &finding);
    }
    *broken = finding.code != 0;
    return result;
}

/* --- a constraint or index that the batch writes ---------------------------------------------------------------------- */

/* While a schema is pending_drop nothing new may hang on it, and nothing that leaves with it comes back; what an import puts
 * back with it may. */
static bool is_leaving(const struct catalog__facts *facts) {
    bool restored = facts->schema_target != NULL && is_new(facts->schema_target);
    return facts->schema_count > 0 && facts->schema_state == CATALOG_PENDING_DROP && !restored;
}

static int check_leaving(struct pass *pass, struct catalog__target *target,
                         const struct catalog__constraint *constraint) {
    struct catalog__facts *facts = NULL;
    int result = catalog__rules_facts(&pass->result, target->key.entity, NULL, &facts);
    if (result == 0 && !is_leaving(facts) && constraint->type == CATALOG__FOREIGN_KEY) {
        result = catalog__rules_facts(&pass->result, constraint->referenced, NULL, &facts);
    }
    if (result != 0 || !is_leaving(facts)) {
        return result;
    }
    char shown[CATALOG__KEY_SHOWN_SIZE];
    PROBE("catalog.rule_schema_leaves");
    return catalog__plan_refuse(pass->planning, target, CATALOG_ESTATE,
                                "%.290s: the schema of entity '%.*s' is pending_drop, nothing may "
                                "be added to it, or come back "
                                "without it",
                                catalog__key_shown(&target->key, shown),
                                (int)facts->entity.size_bytes, facts->entity.data);
}

static int check_written(struct pass *pass, struct catalog__target *target) {
    struct catalog__in_force written;
    bool standing = catalog__view_find(&pass->planning->view, &target->key, &written);
    assert(standing);
    struct catalog__constraint *parsed = NULL;
    int result = 0;
    if (is_new(target) || comes_back(target)) {
        result = catalog__rules_parse(&pass->result, &written, &parsed);
        if (result == 0) {
            result = check_leaving(pass, target, parsed);
        }
        merkle_release(pass->planning->allocator, parsed);
    }
    struct catalog__finding finding = {0};
    if (result == 0 && !target->refused) {
        result = catalog__rules_check(&pass->result, &written, &finding);
    }
    if (result != 0 || finding.code == 0) {
        return result;
    }
    bool broken = false;
    if (repeats_body(target)) {
        result = was_broken(pass, &target->key, &broken);
    }
    if (result != 0 || broken) {
        return result;
    }
    PROBE("catalog.rule_refuses_write");
    return catalog__plan_refuse(pass->planning, target, finding.code, "%s", finding.message);
}

/* --- a constraint or index that stands, when something around it changes ------------------------------------------------ */

static int blame(struct pass *pass, struct catalog__target *looker,
                 const struct catalog__finding *finding) {
    struct catalog__target *culprit =
        catalog__view_target(&pass->planning->view, &finding->culprit);
    if (culprit == NULL || !culprit->changed) {
        culprit = looker;
    }
    PROBE("catalog.rule_blames_cause");
    bool lacks_field = finding->code == CATALOG_EMISSINGFIELD || finding->target_lacks_field;
    int code = lacks_field ? CATALOG_EFIELDINUSE : finding->code;
    return catalog__plan_refuse(pass->planning, culprit, code, "%s", finding->message);
}

static int check_standing(struct pass *pass, struct catalog__target *looker,
                          const struct catalog__in_force *standing) {
    if (standing->target != NULL && (standing->target->changed || standing->target->refused)) {
        return 0; /* looked at as written */
    }
    struct catalog__finding finding;
    int result = catalog__rules_check(&pass->result, standing, &finding);
    if (result != 0 || finding.code == 0) {
        return result;
    }
    bool broken = false;
    result = was_broken(pass, &standing->key, &broken);
    if (broken) {
        PROBE("catalog.rule_broken_before");
    }
    return result == 0 && !broken ? blame(pass, looker, &finding) : result;
}

static int check_entity(struct pass *pass, struct catalog__target *looker, uint16_t kind_last) {
    for (uint16_t kind = CATALOG_CONSTRAINT; kind <= kind_last; ++kind) {
        const struct catalog_key *after = NULL;
        struct catalog_key at;
        struct catalog__in_force found;
        while (catalog__view_next(&pass->planning->view, kind, looker->key.entity, after, &found)) {
            at = found.key;
            after = &at;
            int result = check_standing(pass, looker, &found);
            if (result != 0) {
                return result;
            }
        }
    }
    return 0;
}

static int check_references(struct pass *pass, struct catalog__target *looker) {
    struct catalog__node **nodes = NULL;
    size_t count = 0;
    int result =
        catalog__reference_list(pass->planning->catalog, looker->key.entity, &nodes, &count);
    for (size_t i = 0; i < count && result == 0; ++i) {
        struct catalog_key key = catalog__node_key(nodes[i]);
        struct catalog__in_force found;
        if (!catalog__text_equal(key.entity, looker->key.entity) &&
            catalog__view_find(&pass->planning->view, &key, &found)) {
            result = check_standing(pass, looker, &found);
        }
    }
    merkle_release(pass->planning->allocator, nodes);
    return result;
}

static int is_not_null(const struct pass *pass, const struct catalog__target *target, bool *yes) {
    struct catalog__constraint *parsed = NULL;
    int result = catalog__constraint_parse(pass->planning->allocator, target->key.kind,
                                           target->body, target->body_size_bytes, &parsed);
    *yes = result == 0 && parsed->type == CATALOG__NOT_NULL;
    merkle_release(pass->planning->allocator, parsed);
    return result == CATALOG_ENOMEM ? result : 0;
}

/* --- all of them ------------------------------------------------------------------------------------------------------ */

/* `swept` is the last entity whose constraints were all looked at for the sake of a not_null. */
static int check_target(struct pass *pass, struct catalog__target *target,
                        struct catalog_text *swept) {
    if (target->key.kind == CATALOG_SCHEMA) {
        int result = check_entity(pass, target, CATALOG_INDEX);
        return result == 0 ? check_references(pass, target) : result;
    }
    if (!is_constraint(target)) {
        return 0;
    }
    bool not_null = false;
    int result = check_written(pass, target);
    if (result == 0 && target->key.kind == CATALOG_CONSTRAINT &&
        !catalog__text_equal(*swept, target->key.entity)) {
        result = is_not_null(pass, target, &not_null);
    }
    if (result == 0 && not_null) {
        *swept = target->key.entity;
        result = check_entity(pass, target, CATALOG_CONSTRAINT);
    }
    return result;
}

int catalog__plan_rules(struct catalog__planning *planning) {
    struct pass pass = {.planning = planning};
    catalog__rules_init(&pass.result, planning->allocator, &planning->view);
    catalog__rules_init(&pass.before, planning->allocator, &planning->before);
    struct catalog_text swept = {0};
    int result = 0;
    for (size_t i = 0; i < planning->view.target_count && result == 0; ++i) {
        struct catalog__target *target = &planning->view.targets[i];
        if (target->changed && !target->refused && target->state != CATALOG_DROPPED) {
            result = check_target(&pass, target, &swept);
        }
    }
    if (result == 0) {
        result = catalog__plan_meanings(planning);
    }
    catalog__rules_close(&pass.before);
    catalog__rules_close(&pass.result);
    return result;
}
