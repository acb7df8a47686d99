/* plan_decide.c - what one write makes of its entry: If-Match, and the edges between states (DESIGN 4.3).
 *
 *   from             set active             set pending_add         set pending_drop        drop
 *   absent, dropped  yes                    yes                     imports only            not found
 *   active           yes (same body: -)     yes, keeps `previous`   same body               yes
 *   pending_add      step, its body;        step or import, same    no                      step: abort; no if there is
 *                    step, `previous`:      body: -                                         a `previous` to restore
 *                    abort
 *   pending_drop     step, same body:       no                      step or import, same    step
 *                    cancel                                         body: -
 *   a conflict       yes                    yes                     a version's body        yes
 *
 * "-" is a success that changes nothing. A write to an entry in conflict replaces all versions, so it resolves, also when
 * it repeats what is in force; so it is never one too many, however many versions there are. What is pending belongs to
 * the member that began it, which says `step` (DESIGN 7.6): no other write may leave that state, and an import only repeats it.
 * A resolution (plan_resolve.c) takes state and body of one version of a conflict.
 */
#include "catalog/plan.h"
#include "merkle/instrument.h"

#include <string.h>

static bool same_bytes(const uint8_t *a, size_t a_size_bytes, const uint8_t *b,
                       size_t b_size_bytes) {
    return a != NULL && b != NULL && a_size_bytes == b_size_bytes &&
           memcmp(a, b, a_size_bytes) == 0;
}

static bool stands(const struct catalog_entry *entry) {
    return entry != NULL && entry->state != CATALOG_DROPPED;
}

static int refuse(struct catalog__planning *planning, struct catalog__target *target, int code,
                  const char *why) {
    char shown[CATALOG__KEY_SHOWN_SIZE];
    return catalog__plan_refuse(planning, target, code, "%s %s",
                                catalog__key_shown(&target->key, shown), why);
}

static int refuse_number(struct catalog__planning *planning, struct catalog__target *target) {
    char shown[CATALOG__KEY_SHOWN_SIZE];
    catalog__key_shown(&target->key, shown);
    const struct catalog_entry *before = target->before;
    unsigned long long expected = target->write->number;
    PROBE("catalog.write_number_refused");
    if (before != NULL && before->conflict) {
        return catalog__plan_refuse(planning, target, CATALOG_EPRECONDITION,
                                    "%s is in conflict: no number names what is in force", shown);
    }
    if (!stands(before)) {
        return catalog__plan_refuse(planning, target, CATALOG_EPRECONDITION,
                                    "%s was expected at number %llu and does not exist", shown,
                                    expected);
    }
    if (expected == 0) {
        return catalog__plan_refuse(planning, target, CATALOG_EPRECONDITION,
                                    "%s exists already, at number %llu", shown,
                                    (unsigned long long)before->number);
    }
    return catalog__plan_refuse(planning, target, CATALOG_EPRECONDITION,
                                "%s is at number %llu, not %llu", shown,
                                (unsigned long long)before->number, expected);
}

static bool number_fits(const struct catalog__target *target) {
    const struct catalog_entry *before = target->before;
    if (!target->write->number_expected) {
        return true;
    }
    if (before != NULL && before->conflict) {
        return false;
    }
    return stands(before) ? before->number == target->write->number && target->write->number > 0
                          : target->write->number == 0;
}

static int change(struct catalog__target *target, enum catalog_state state) {
    target->changed = true;
    target->state = state;
    return 0;
}

/* What is asked for is in force: the target is what it was. */
static int keep(struct catalog__target *target, const struct catalog_version *version) {
    target->state = version->state;
    target->body = version->body;
    target->body_size_bytes = version->body_size_bytes;
    target->previous = version->previous;
    target->previous_size_bytes = version->previous_size_bytes;
    return 0;
}

static bool is_pending(unsigned state) {
    return state == CATALOG_PENDING_ADD || state == CATALOG_PENDING_DROP;
}

static int refuse_pending(struct catalog__planning *planning, struct catalog__target *target,
                          enum catalog_state state) {
    return refuse(planning, target, CATALOG_ESTATE,
                  state == CATALOG_PENDING_ADD
                      ? "is pending_add: a staged change goes on with --staged, back with --abort"
                      : "is pending_drop: a staged drop goes on with --staged, back with --abort");
}

static int decide_drop(struct catalog__planning *planning, struct catalog__target *target) {
    const struct catalog_entry *before = target->before;
    bool conflict = before != NULL && before->conflict;
    bool dropped_again = PLANTED(ATTUNE_B14) && before != NULL;
    if (!stands(before) && !conflict && !dropped_again) {
        PROBE("catalog.drop_of_nothing");
        return refuse(planning, target, CATALOG_ENOTFOUND, "does not exist");
    }
    if (!conflict && !PLANTED(ATTUNE_B14) && is_pending(before->state)) {
        if (!target->write->step) {
            PROBE("catalog.drop_of_staged_refused");
            return refuse_pending(planning, target, (enum catalog_state)before->state);
        }
        if (catalog_entry_in_force(before).previous != NULL) {
            return refuse(planning, target, CATALOG_ESTATE,
                          "has a staged change over an active one, which aborting it restores");
        }
        PROBE("catalog.staged_dropped");
    }
    if (conflict) {
        PROBE("catalog.drop_resolves_conflict");
    }
    return change(target, CATALOG_DROPPED);
}

/* In conflict: a version that survives says which `previous` belongs to its body; else what is in force becomes it. */
static int decide_conflict(struct catalog__planning *planning, struct catalog__target *target,
                           enum catalog_state state) {
    const struct catalog_entry *before = target->before;
    size_t count = before->version_count;
    struct catalog_version *versions =
        merkle_allocate(planning->allocator, count, sizeof(*versions));
    if (versions == NULL) {
        return CATALOG_ENOMEM;
    }
    size_t read = catalog_entry_versions(before, versions, count);
    assert(read == count);
    const struct catalog_version *in_force = &versions[count - 1];
    PROBE("catalog.write_resolves_conflict");
    if (target->body == NULL && in_force->state != CATALOG_DROPPED) {
        target->body = in_force->body;
        target->body_size_bytes = in_force->body_size_bytes;
    }
    bool known_body = false;
    bool taken = false;
    for (size_t i = 0; i < count; ++i) {
        bool same = versions[i].state != CATALOG_DROPPED &&
                    same_bytes(versions[i].body, versions[i].body_size_bytes, target->body,
                               target->body_size_bytes);
        known_body = known_body || same;
        if (same && versions[i].state == state) {
            target->previous = versions[i].previous;
            target->previous_size_bytes = versions[i].previous_size_bytes;
            taken = true;
        }
    }
    if (state == CATALOG_PENDING_ADD && !taken) {
        bool staged = in_force->state == CATALOG_PENDING_ADD;
        bool enforced =
            in_force->state == CATALOG_ACTIVE || in_force->state == CATALOG_PENDING_DROP;
        target->previous = staged ? in_force->previous : enforced ? in_force->body : NULL;
        target->previous_size_bytes = staged     ? in_force->previous_size_bytes
                                      : enforced ? in_force->body_size_bytes
                                                 : 0;
    }
    merkle_release(planning->allocator, versions);
    if (state == CATALOG_PENDING_DROP && !known_body) {
        return refuse(planning, target, CATALOG_ESTATE,
                      "holds no version with this body that could be dropped");
    }
    return change(target, state);
}

static int decide_from_active(struct catalog__planning *planning, struct catalog__target *target,
                              enum catalog_state state, const struct catalog_version *version,
                              bool same) {
    if (state == CATALOG_PENDING_DROP) {
        PROBE("catalog.drop_staged");
        return same ? change(target, state)
                    : refuse(planning, target, CATALOG_ESTATE,
                             "cannot be changed and dropped in one step");
    }
    if (same) {
        PROBE("catalog.write_repeats");
        return keep(target, version);
    }
    if (state == CATALOG_PENDING_ADD) {
        PROBE("catalog.change_staged");
        target->previous = version->body;
        target->previous_size_bytes = version->body_size_bytes;
    }
    return change(target, state);
}

static int decide_from_pending(struct catalog__planning *planning, struct catalog__target *target,
                               enum catalog_state state, const struct catalog_version *version,
                               bool same) {
    bool step = target->write->step;
    if (same && state == version->state && (step || target->write->line > 0)) {
        return keep(target, version);
    }
    bool aborts = version->state == CATALOG_PENDING_ADD &&
                  same_bytes(version->previous, version->previous_size_bytes, target->body,
                             target->body_size_bytes);
    if (state == CATALOG_ACTIVE && (same || aborts) && step) {
        PROBE("catalog.staged_finished_or_aborted");
        return change(target, state);
    }
    PROBE("catalog.write_on_staged_refused");
    if (PLANTED(ATTUNE_B14)) {
        return change(target, state);
    }
    return refuse_pending(planning, target, version->state);
}

static int decide_set(struct catalog__planning *planning, struct catalog__target *target) {
    const struct catalog_write *write = target->write;
    enum catalog_state state = write->state == 0 ? CATALOG_ACTIVE : write->state;
    target->body = write->body;
    target->body_size_bytes = write->body_size_bytes;
    if (target->before != NULL && target->before->conflict) {
        return decide_conflict(planning, target, state);
    }
    if (!stands(target->before)) {
        if (target->before != NULL) {
            PROBE("catalog.write_after_drop");
        }
        /* An import puts back what an export held, staged drops among it. */
        bool restored = write->line > 0 && write->body != NULL;
        return state != CATALOG_PENDING_DROP || restored
                   ? change(target, state)
                   : refuse(planning, target, CATALOG_ENOTFOUND, "does not exist");
    }
    struct catalog_version version = catalog_entry_in_force(target->before);
    if (target->body == NULL) {
        target->body = version.body;
        target->body_size_bytes = version.body_size_bytes;
    }
    bool same =
        same_bytes(version.body, version.body_size_bytes, target->body, target->body_size_bytes);
    return version.state == CATALOG_ACTIVE
               ? decide_from_active(planning, target, state, &version, same)
               : decide_from_pending(planning, target, state, &version, same);
}

/* A refused target stays in the view, so that the other lines are not refused for its sake: as it was to be, or else as the
 * entry is. */
static void settle(struct catalog__target *target) {
    target->changed = false;
    if (target->body != NULL && target->write->operation == CATALOG_SET) {
        target->state = CATALOG_ACTIVE;
    } else if (stands(target->before)) {
        struct catalog_version version = catalog_entry_in_force(target->before);
        keep(target, &version);
    } else {
        target->state = CATALOG_DROPPED;
    }
}

int catalog__plan_decide(struct catalog__planning *planning, struct catalog__target *target) {
    assert(target->write != NULL);
    target->before = catalog_pending_find(planning->catalog, &target->key);
    enum catalog_operation operation = target->write->operation;
    int result = operation == CATALOG_DROP      ? decide_drop(planning, target)
                 : operation == CATALOG_RESOLVE ? catalog__plan_resolve(planning, target)
                                                : decide_set(planning, target);
    if (result == 0 && !target->refused && !number_fits(target)) {
        result = refuse_number(planning, target);
    }
    if (result == 0 && target->refused) {
        settle(target);
    }
    return result;
}
