/* plan.c - from a batch of writes to what is to be stored, or to the reasons why not.
 *
 * Nothing of the catalog changes here: a plan that is thrown away never was. The steps are those drawn in plan.h; each
 * goes on to name every line that it refuses, and the next one begins only where its own lines make sense. Clocks are
 * given last, one to a version, in the order of slots, which is also the order of the entries.
 */
#include "catalog/plan.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* --- targets and refusals --------------------------------------------------------------------------------------------- */

int catalog__plan_add(struct catalog__planning *planning, const struct catalog__target *target) {
    struct catalog__view *view = &planning->view;
    if (view->target_count == planning->target_capacity) {
        size_t capacity = planning->target_capacity == 0 ? 16 : planning->target_capacity * 2;
        struct catalog__target *grown =
            merkle_reallocate(planning->allocator, view->targets, capacity, sizeof(*grown));
        if (grown == NULL) {
            return CATALOG_ENOMEM;
        }
        view->targets = grown;
        planning->target_capacity = capacity;
    }
    view->targets[view->target_count++] = *target;
    return 0;
}

static int compare_keys(const void *a, const void *b) {
    const struct catalog__target *target_a = a;
    const struct catalog__target *target_b = b;
    int order = catalog_key_compare(&target_a->key, &target_b->key);
    return order != 0 ? order
                      : (target_a->order > target_b->order) - (target_a->order < target_b->order);
}

static int compare_slots(const void *a, const void *b) {
    const struct catalog__target *target_a = a;
    const struct catalog__target *target_b = b;
    if (target_a->slot != target_b->slot) {
        return target_a->slot < target_b->slot ? -1 : 1;
    }
    return compare_keys(a, b);
}

static int compare_refusals(const void *a, const void *b) {
    size_t order_a = ((const struct catalog__refusal *)a)->order;
    size_t order_b = ((const struct catalog__refusal *)b)->order;
    return (order_a > order_b) - (order_a < order_b);
}

static void sort(struct catalog__planning *planning, int (*compare)(const void *, const void *)) {
    if (planning->view.target_count > 1) {
        qsort(planning->view.targets, planning->view.target_count, sizeof(struct catalog__target),
              compare);
    }
}

void catalog__plan_sort(struct catalog__planning *planning) {
    sort(planning, compare_keys);
}

int catalog__plan_refuse(struct catalog__planning *planning, struct catalog__target *target,
                         int code, const char *format, ...) {
    if (target->refused) {
        return 0;
    }
    target->refused = true;
    if (planning->refusal_count == CATALOG_PROBLEMS_MAX) {
        return 0;
    }
    if (planning->refusal_count == planning->refusal_capacity) {
        size_t capacity = planning->refusal_capacity == 0 ? 4 : planning->refusal_capacity * 2;
        struct catalog__refusal *grown =
            merkle_reallocate(planning->allocator, planning->refusals, capacity, sizeof(*grown));
        if (grown == NULL) {
            return CATALOG_ENOMEM;
        }
        planning->refusals = grown;
        planning->refusal_capacity = capacity;
    }
    struct catalog__refusal *refusal = &planning->refusals[planning->refusal_count++];
    *refusal = (struct catalog__refusal){
        .order = target->order,
        .problem = {.code = code, .line = target->write != NULL ? target->write->line : 0},
    };
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(refusal->problem.message, sizeof refusal->problem.message, format, arguments);
    va_end(arguments);
    catalog__message_trim(refusal->problem.message);
    return 0;
}

/* --- stamping ----------------------------------------------------------------------------------------------------------- */

static int number_of(const struct catalog__planning *planning, const struct catalog_entry *before,
                     uint64_t *number) {
    *number = 1;
    if (before == NULL) {
        return 0;
    }
    size_t count = before->version_count;
    struct catalog_version *versions =
        merkle_allocate(planning->allocator, count, sizeof(*versions));
    if (versions == NULL) {
        return CATALOG_ENOMEM;
    }
    size_t read = catalog_entry_versions(before, versions, count);
    assert(read == count);
    for (size_t i = 0; i < count; ++i) {
        *number = versions[i].number >= *number ? versions[i].number + 1 : *number;
    }
    merkle_release(planning->allocator, versions);
    return 0;
}

static int stamp_target(struct catalog__planning *planning, struct catalog__target *target,
                        const struct catalog_writer *writer, struct catalog_plan *plan) {
    if (target->before != NULL && target->before->clock_highest > plan->high_water) {
        plan->high_water =
            target->before->clock_highest; /* what was merged lies below the new version, always */
    }
    struct catalog__stamp stamp = {
        .clock = catalog_clock_next(plan->high_water, writer->wall_ms),
        .origin = writer->origin,
        .node = writer->node,
        .state = target->state,
        .body = target->state == CATALOG_DROPPED ? NULL : target->body,
        .body_size_bytes = target->state == CATALOG_DROPPED ? 0 : target->body_size_bytes,
        .previous = target->state == CATALOG_PENDING_ADD ? target->previous : NULL,
        .previous_size_bytes =
            target->state == CATALOG_PENDING_ADD ? target->previous_size_bytes : 0,
    };
    char shown[CATALOG__KEY_SHOWN_SIZE];
    catalog__key_shown(&target->key, shown);
    if (stamp.clock == 0) {
        return catalog__plan_refuse(planning, target, CATALOG_ECLOCK,
                                    "%s: the clock of this node is past the year 2200", shown);
    }
    int result = number_of(planning, target->before, &stamp.number);
    if (result != 0) {
        return result;
    }
    struct catalog_entry *entry = NULL;
    result =
        catalog__entry_write(planning->allocator, &target->key, target->before, &stamp, &entry);
    if (result == CATALOG_ENOMEM) {
        return result;
    }
    if (result != 0) {
        return catalog__plan_refuse(planning, target, result, "%s: %s", shown,
                                    catalog_error_message(result));
    }
    struct catalog_entry *pruned;
    result = catalog_prune(planning->allocator, entry, writer->horizon, &pruned);
    catalog_entry_release(entry);
    if (result != 0) {
        return result;
    }
    assert(pruned != NULL); /* its clock is above all that was ever seen */
    assert(plan->entries != NULL);
    plan->entries[plan->entry_count++] = pruned;
    plan->high_water = stamp.clock;
    return 0;
}

static void tell_outcome(const struct catalog__target *target, struct catalog_entry *entry,
                         struct catalog_plan *plan) {
    if (target->write == NULL) {
        return;
    }
    assert(plan->outcomes != NULL);
    struct catalog_entry *before = target->before;
    bool stood = before != NULL && before->state != CATALOG_DROPPED;
    plan->outcomes[target->order] = (struct catalog_outcome){
        .changed = target->changed,
        .created = target->changed && !stood && target->state != CATALOG_DROPPED,
        .entry = catalog_entry_hold(entry),
        .before = before != NULL ? catalog_entry_hold(before) : NULL,
    };
}

static int stamp(struct catalog__planning *planning, const struct catalog_writer *writer,
                 size_t write_count, struct catalog_plan *plan) {
    struct catalog__view *view = &planning->view;
    size_t changed = 0;
    for (size_t i = 0; i < view->target_count; ++i) {
        changed += view->targets[i].changed;
        view->targets[i].slot = catalog_key_slot(&view->targets[i].key);
    }
    if (changed > 0) {
        plan->entries =
            merkle_allocate(planning->allocator, changed, sizeof(struct catalog_entry *));
    }
    if (write_count > 0) {
        plan->outcomes = merkle_allocate_zeroed(planning->allocator, write_count,
                                                sizeof(struct catalog_outcome));
    }
    if ((changed > 0 && plan->entries == NULL) || (write_count > 0 && plan->outcomes == NULL)) {
        return CATALOG_ENOMEM;
    }
    plan->outcome_count = write_count;
    sort(planning, compare_slots);
    for (size_t i = 0; i < view->target_count; ++i) {
        struct catalog__target *target = &view->targets[i];
        if (target->changed) {
            int result = stamp_target(planning, target, writer, plan);
            if (result != 0) {
                return result;
            }
        }
        if (planning->refusal_count == 0) {
            assert(!target->changed || (plan->entries != NULL && plan->entry_count > 0));
            tell_outcome(target,
                         target->changed ? plan->entries[plan->entry_count - 1] : target->before,
                         plan);
        }
    }
    return 0;
}

/* --- the plan ----------------------------------------------------------------------------------------------------------- */

static void release_entries(struct catalog_plan *plan) {
    for (size_t i = 0; i < plan->entry_count; ++i) {
        catalog_entry_release(plan->entries[i]);
    }
    for (size_t i = 0; i < plan->outcome_count; ++i) {
        catalog_entry_release(plan->outcomes[i].entry);
        catalog_entry_release(plan->outcomes[i].before);
    }
    merkle_release(plan->allocator, plan->entries);
    merkle_release(plan->allocator, plan->outcomes);
}

/* Forgets what would have been stored, and keeps the reasons, in order of the lines. */
static int refuse_all(struct catalog__planning *planning, struct catalog_plan *plan,
                      catalog_clock high_water) {
    const struct merkle_allocator *allocator = planning->allocator;
    struct catalog_problem *problems =
        merkle_allocate(allocator, planning->refusal_count, sizeof(struct catalog_problem));
    if (problems == NULL) {
        return CATALOG_ENOMEM;
    }
    qsort(planning->refusals, planning->refusal_count, sizeof(struct catalog__refusal),
          compare_refusals);
    for (size_t i = 0; i < planning->refusal_count; ++i) {
        problems[i] = planning->refusals[i].problem;
    }
    release_entries(plan);
    *plan = (struct catalog_plan){.allocator = allocator,
                                  .problems = problems,
                                  .problem_count = planning->refusal_count,
                                  .high_water = high_water};
    return 0;
}

static int plan_targets(struct catalog__planning *planning, const struct catalog_write *writes,
                        size_t write_count) {
    int result = catalog__plan_check(planning, writes, write_count);
    if (result != 0 || planning->refusal_count > 0) {
        return result;
    }
    for (size_t i = 0; i < planning->view.target_count && result == 0; ++i) {
        result = catalog__plan_decide(planning, &planning->view.targets[i]);
    }
    if (result == 0) {
        result = catalog__plan_drops(planning);
    }
    return result == 0 ? catalog__plan_rules(planning) : result;
}

int catalog_plan_new(const struct catalog *catalog, const struct catalog_write *writes,
                     size_t write_count, const struct catalog_writer *writer,
                     struct catalog_plan **plan) {
    *plan = NULL;
    const struct merkle_allocator *allocator = catalog->allocator;
    struct catalog_plan *made = merkle_allocate(allocator, 1, sizeof(*made));
    if (made == NULL) {
        return CATALOG_ENOMEM;
    }
    *made = (struct catalog_plan){.allocator = allocator, .high_water = writer->high_water};
    struct catalog__planning planning = {
        .catalog = catalog,
        .allocator = allocator,
        .view = {.catalog = catalog, .layer = CATALOG__PENDING},
        .before = {.catalog = catalog, .layer = CATALOG__PENDING},
    };
    int result = plan_targets(&planning, writes, write_count);
    if (result == 0 && planning.refusal_count == 0) {
        result = stamp(&planning, writer, write_count, made);
    }
    if (result == 0 && planning.refusal_count > 0) {
        result = refuse_all(&planning, made, writer->high_water);
    }
    merkle_release(allocator, planning.view.targets);
    merkle_release(allocator, planning.refusals);
    if (result != 0) {
        catalog_plan_free(made);
        return result;
    }
    *plan = made;
    return 0;
}

void catalog_plan_free(struct catalog_plan *plan) {
    if (plan == NULL) {
        return;
    }
    release_entries(plan);
    merkle_release(plan->allocator, plan->problems);
    merkle_release(plan->allocator, plan);
}
