/* check_write.c - S7: what a write makes of an entry, and what merges may make of it.
 *
 * A local write moves an entry along one of the edges of DESIGN 4.3, from what was in force at that node (with what was
 * under way to its disk) when it was planned. The table is written down here a second time, from the design and not from
 * the code. An entry in conflict may become anything that a version of it allows: the write resolves it.
 *
 *   from              to active              to pending_add        to pending_drop      to dropped
 *   absent, dropped   yes                    yes                   by an import         no
 *   active            another body           keeps `previous`      same body            yes
 *   pending_add       its body, `previous`   no                    no                   without `previous`
 *   pending_drop      same body              no                    no                   yes
 *
 * What merges make is checked against the model of causal.h wherever an entry takes its place on a disk. The horizon shortens
 * contexts, so what they say is compared above it; what survives, and what is gone, is compared as before (causal.h).
 */
#include "test/sim/causal.h"
#include "test/sim/checker.h"

#include <string.h>

/* --- edges ----------------------------------------------------------------------------------------------------------- */

enum { ABSENT = 0, CONFLICT = CATALOG_STATE_COUNT, FROM_COUNT };

enum edge {
    NO = 0,
    YES,
    OTHER_BODY,    /* than the one in force */
    SAME_BODY,     /* as the one in force */
    KEEPS,         /* the body in force becomes `previous` */
    STEP_OR_ABORT, /* its own body, or the `previous` one */
    NO_PREVIOUS,   /* only if there is none to restore */
};

static const enum edge edges[FROM_COUNT][CATALOG_STATE_COUNT] = {
    [ABSENT] = {[CATALOG_ACTIVE] = YES, [CATALOG_PENDING_ADD] = YES, [CATALOG_PENDING_DROP] = YES},
    [CATALOG_ACTIVE] = {[CATALOG_ACTIVE] = OTHER_BODY,
                        [CATALOG_PENDING_ADD] = KEEPS,
                        [CATALOG_PENDING_DROP] = SAME_BODY,
                        [CATALOG_DROPPED] = YES},
    [CATALOG_PENDING_ADD] = {[CATALOG_ACTIVE] = STEP_OR_ABORT, [CATALOG_DROPPED] = NO_PREVIOUS},
    [CATALOG_PENDING_DROP] = {[CATALOG_ACTIVE] = SAME_BODY, [CATALOG_DROPPED] = YES},
    [CONFLICT] = {[CATALOG_ACTIVE] = YES,
                  [CATALOG_PENDING_ADD] = YES,
                  [CATALOG_PENDING_DROP] = YES,
                  [CATALOG_DROPPED] = YES},
};

static unsigned from_of(const struct catalog_entry *before) {
    if (before == NULL) {
        return ABSENT;
    }
    if (before->conflict) {
        return CONFLICT;
    }
    return before->state == CATALOG_DROPPED ? (unsigned)ABSENT : before->state;
}

static bool bytes_equal(const uint8_t *a, size_t a_size_bytes, const uint8_t *b,
                        size_t b_size_bytes) {
    return a != NULL && b != NULL && a_size_bytes == b_size_bytes &&
           memcmp(a, b, a_size_bytes) == 0;
}

static bool same_body(const struct catalog_version *a, const struct catalog_version *b) {
    return bytes_equal(a->body, a->body_size_bytes, b->body, b->body_size_bytes);
}

static bool edge_allows(enum edge edge, const struct catalog_version *from,
                        const struct catalog_version *to) {
    switch (edge) {
    case YES:
        return true;
    case OTHER_BODY:
        return !same_body(from, to);
    case SAME_BODY:
        return same_body(from, to);
    case KEEPS:
        return bytes_equal(from->body, from->body_size_bytes, to->previous,
                           to->previous_size_bytes);
    case STEP_OR_ABORT:
        return same_body(from, to) || bytes_equal(from->previous, from->previous_size_bytes,
                                                  to->body, to->body_size_bytes);
    case NO_PREVIOUS:
        return from->previous == NULL;
    default:
        return false;
    }
}

/* The number that users see: one more than the largest that is replaced. */
static uint64_t number_after(const struct catalog_entry *before) {
    enum { VERSIONS_MAX = 256 };
    static struct catalog_version versions[VERSIONS_MAX];
    uint64_t largest = 0;
    size_t count = before == NULL ? 0 : catalog_entry_versions(before, versions, VERSIONS_MAX);
    for (size_t i = 0; i < count && i < VERSIONS_MAX; i++) {
        largest = versions[i].number > largest ? versions[i].number : largest;
    }
    return largest + 1;
}

static const char *stamp_fault(const struct sim_node *node, const struct catalog_entry *before,
                               const struct catalog_entry *after,
                               const struct catalog_version *made) {
    if (after->version_count != 1) {
        return "a write leaves a version that its writer had seen";
    }
    if (!catalog_id_equal(&made->origin, &node->origin)) {
        return "a write bears another origin than that of this start";
    }
    if (before != NULL && made->clock <= before->clock_highest) {
        return "a write bears a clock that is not above what it replaces";
    }
    return made->number == number_after(before) ? NULL
                                                : "a write's number is not one more than before";
}

static void s7_acknowledged(struct sim *sim, struct sim_node *node,
                            const struct catalog_outcome *outcome) {
    const struct catalog_entry *before = outcome->before;
    const struct catalog_entry *after = outcome->entry;
    struct catalog_version from = {0};
    struct catalog_version to = catalog_entry_in_force(after);
    sim_checker_looked(sim, &sim_check_s7);
    if (!outcome->changed) {
        if (before == NULL || before->conflict ||
            !merkle_digest_equal(&before->digest, &after->digest)) {
            sim_violated(sim, &sim_check_s7, node,
                         "a write is said to have changed nothing, and it did");
        }
        return;
    }
    if (before != NULL) {
        from = catalog_entry_in_force(before);
    }
    const char *fault = stamp_fault(node, before, after, &to);
    if (fault != NULL) {
        sim_violated(sim, &sim_check_s7, node, "%s", fault);
    } else if (!edge_allows(edges[from_of(before)][to.state], &from, &to)) {
        sim_violated(sim, &sim_check_s7, node,
                     "a write moves an entry from %s to %s, which is no edge of the table",
                     from_of(before) == ABSENT     ? "absent"
                     : from_of(before) == CONFLICT ? "a conflict"
                                                   : catalog_state_name(from.state),
                     catalog_state_name(to.state));
    }
}

/* --- merges ---------------------------------------------------------------------------------------------------------- */

static void verdict_look(struct sim *sim, struct sim_node *node, enum sim_causal_verdict verdict) {
    if (verdict == SIM_CAUSAL_UNKNOWN) {
        return;
    }
    sim_checker_looked(sim, &sim_check_s7);
    if (verdict != SIM_CAUSAL_RIGHT) {
        sim_violated(sim, &sim_check_s7, node, "%s", sim_causal_text(verdict));
    }
}

static void s7_put(struct sim *sim, struct sim_node *node, struct catalog_entry *before,
                   struct catalog_entry *after) {
    catalog_clock horizon = node->disk.landing_horizon;
    if (sim_entry_first(sim, after, SIM_MARK_S7) ||
        (horizon != 0 && sim_entries_first(sim, after, after, horizon, SIM_MARK_S7))) {
        verdict_look(sim, node, sim_causal_look(&sim->causal, after, horizon));
    }
    if (!sim->failed && before != NULL &&
        sim_entries_first(sim, before, after, horizon, SIM_MARK_S7)) {
        verdict_look(sim, node, sim_causal_compare(&sim->causal, before, after, horizon));
    }
}

/* What a real store turned out to hold after a power cut landed while nobody watched. */
static void s7_started(struct sim *sim, struct sim_node *node, const struct catalog_load *load) {
    for (size_t i = 0; node->store != NULL && i < load->entry_count; i++) {
        sim_causal_note(&sim->causal, NULL, load->entries[i]);
    }
}

const struct sim_checker sim_check_s7 = {
    .id = "S7",
    .statement = "writes take the edges of the table; merges only add and remove versions",
    .started = s7_started,
    .put = s7_put,
    .acknowledged = s7_acknowledged,
};
