/* outcome.c - are all nodes equal, who is not, and what a run has shown in the end.
 *
 * A run in which too little happened has proved nothing, and says so (`unknown`): a class of faults that is on and never
 * had an effect, an operation that was tried and never succeeded, no entry that ever crossed the network.
 */
#include "test/sim/checker.h"
#include "test/sim/content.h"

#include <string.h>

const char *sim_phase_name(enum sim_phase phase) {
    static const char *const names[] = {"load", "settle", "check", "quiet"};
    return names[phase];
}

/* --- equal ---------------------------------------------------------------------------------------------------------------------- */

/* How many others have all, and could heal this node, or admit it. */
static size_t others_whole(const struct sim *sim, const struct sim_node *node) {
    size_t count = 0;
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct sim_node *other = &sim->nodes[i];
        if (other == node || !sim_required(sim, other) || other->engine == NULL) {
            continue;
        }
        struct gossip_status status = gossip_status(other->engine, sim->now_ms, 0);
        count += status.ready && !status.healing;
    }
    return count;
}

/* In a healed core nobody is admitted (by walks with two members, DESIGN 7.4) or healed that needs those who are gone: of them
 * only roots count. */
static bool is_sound(const struct sim *sim, const struct sim_node *node,
                     const struct gossip_status *status) {
    bool core = sim->core_only;
    bool ready = status->ready || (core && others_whole(sim, node) < 2);
    bool healed = !status->healing || (core && others_whole(sim, node) == 0);
    return ready && healed && status->store_error == 0;
}

static bool looks_equal(const struct sim *sim, struct sim_node *node,
                        const struct merkle_digest *root) {
    if (node->engine == NULL) {
        return false;
    }
    struct gossip_status status = gossip_status(node->engine, sim->now_ms, 0);
    return is_sound(sim, node, &status) && merkle_digest_equal(&status.root, root);
}

static struct sim_node *first_required(struct sim *sim) {
    for (size_t i = 0; i < sim->node_count; i++) {
        if (sim_required(sim, &sim->nodes[i]) && sim->nodes[i].engine != NULL) {
            return &sim->nodes[i];
        }
    }
    return NULL;
}

bool sim_all_equal(struct sim *sim) {
    struct sim_node *first = first_required(sim);
    if (first == NULL) {
        return false;
    }
    struct merkle_digest root = gossip_status(first->engine, sim->now_ms, 0).root;
    for (size_t i = 0; i < sim->node_count; i++) {
        struct sim_node *node = &sim->nodes[i];
        if (sim_required(sim, node) && !looks_equal(sim, node, &root)) {
            return false;
        }
    }
    return true;
}

void sim_unequal_describe(struct sim *sim, char *text, size_t size_bytes) {
    struct sim_node *first = first_required(sim);
    size_t length = 0;
    (void)snprintf(text, size_bytes, "no node is up");
    if (first == NULL) {
        return;
    }
    text[0] = '\0';
    struct merkle_digest root = gossip_status(first->engine, sim->now_ms, 0).root;
    for (size_t i = 0; i < sim->node_count && length + 64 < size_bytes; i++) {
        struct sim_node *node = &sim->nodes[i];
        if (!sim_required(sim, node) || looks_equal(sim, node, &root)) {
            continue;
        }
        if (node->engine == NULL) {
            length += (size_t)snprintf(text + length, size_bytes - length, "%s down ", node->name);
            continue;
        }
        struct gossip_status status = gossip_status(node->engine, sim->now_ms, 0);
        bool same = merkle_digest_equal(&status.root, &root);
        length += (size_t)snprintf(
            text + length, size_bytes - length, "%s%s%s%s%s%s ", node->name, same ? "" : " differs",
            status.ready ? "" : " joining", status.healing ? " healing" : "",
            status.store_error != 0 ? " store" : "", status.duplicate_id ? " duplicate" : "");
    }
}

uint64_t sim_settle_bound(size_t node_count) {
    uint64_t bits = 0;
    while ((UINT64_C(1) << bits) < node_count) {
        bits++;
    }
    return 2 * bits + 8;
}

/* Its disk is older than what all have forgotten, or of an id that somebody knows as removed: it begins anew (DESIGN 4.7). Or
 * somebody knows its name as that of another id, which has to be dead there first. */
static bool begins_anew(const struct sim *sim, const struct sim_node *node) {
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct sim_disk *disk = &sim->nodes[i].disk;
        if (!disk->exists || sim->nodes[i].cluster != node->cluster) {
            continue;
        }
        if (disk->state.horizon > node->disk.state.seen) {
            return true;
        }
        for (size_t j = 0; j < disk->member_count; j++) {
            const struct catalog_member_row *row = &disk->members[j];
            bool own = catalog_id_equal(&row->id, &node->disk.state.node_id);
            bool name_taken = !own && strcmp(row->name, node->name) == 0;
            if ((row->state == GOSSIP_MEMBER_REMOVED) == own && (own || name_taken)) {
                return true;
            }
        }
    }
    return node->disk.state.removed;
}

/* Who must join first (late, with an empty disk, or with one that is too old) needs an admission and two walks; one that comes under the name of a
 * dead member also waits until that is known to be dead (DESIGN 7.1: 4*log2(n+1) intervals). */
uint64_t sim_settle_allowed(const struct sim *sim) {
    uint64_t bound = sim_settle_bound(sim->scenario->node_count);
    if (sim->scenario->expect.intervals >= 0) {
        return (uint64_t)sim->scenario->expect.intervals;
    }
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct sim_node *node = &sim->nodes[i];
        bool stands = node->disk.exists && node->disk.state.ready && !begins_anew(sim, node);
        if (sim_required(sim, node) && !stands) {
            return 3 * bound;
        }
    }
    return bound;
}

/* --- what was shown ---------------------------------------------------------------------------------------------------------------- */

static void content_take(struct sim *sim, struct sim_node *node) {
    struct merkle_buffer text;
    merkle_buffer_init(&text, &merkle_allocator_libc);
    if (catalog_export(gossip_catalog(node->engine), &text) == 0) {
        content_root((const char *)text.data, text.size_bytes, sim->result->content_root);
    }
    merkle_buffer_close(&text);
    struct catalog_counts counts = catalog_count(gossip_catalog(node->engine));
    sim->stats.entries = counts.entries;
    sim->stats.conflicts = counts.conflicts;
}

static void expectation(struct sim *sim, int64_t expected, uint64_t found, const char *what) {
    char text[120];
    if (expected >= 0 && (uint64_t)expected != found) {
        (void)snprintf(text, sizeof text, "%llu %s, expected are %lld", (unsigned long long)found,
                       what, (long long)expected);
        sim_fail(sim, "EXPECT", CHAOS_VIOLATED, NULL, text);
    }
}

static void unknown(struct sim *sim, const char *what, const char *name) {
    char text[120];
    (void)snprintf(text, sizeof text, "%s: %s", what, name);
    sim_fail(sim, "", CHAOS_UNKNOWN, NULL, text);
}

static void vacuity_check(struct sim *sim) {
    const struct scenario *scenario = sim->scenario;
    for (unsigned i = 1; i < SCENARIO_CLASS_COUNT; i++) {
        if (scenario->classes[i] && sim->stats.fired[i] == 0) {
            unknown(sim, "this class of faults never had an effect",
                    scenario_class_name((enum scenario_class)i));
        }
    }
    if (sim->stats.fired[SCENARIO_CLASS_CRASH] > 8 && sim->stats.crashes_in_commit == 0) {
        unknown(sim, "no crash met a commit", "crash");
    }
    for (unsigned i = 0; i < SIM_OPERATION_COUNT; i++) {
        bool asks = i == SIM_OPERATION_SYNC || i == SIM_OPERATION_DIFF ||
                    i == SIM_OPERATION_AGREE || i == SIM_OPERATION_CHECK;
        bool rare = i >= SIM_OPERATION_STAGED_SET && i <= SIM_OPERATION_RESOLVE;
        if ((asks && sim->core_only) || (rare && sim->scenario->drawn)) {
            continue; /* with all: nobody outside the core answers; that a sweep reaches the rare ones is said by probes */
        }
        if (sim->stats.tried[i] > 0 && sim->stats.succeeded[i] == 0) {
            unknown(sim, "this operation never succeeded",
                    sim_operation_name((enum sim_operation)i));
        }
    }
    if (sim->stats.entries_transferred == 0 && sim->scenario->node_count > 1) {
        unknown(sim, "nothing was transferred", "no entry crossed the network");
    }
}

void sim_outcome(struct sim *sim) {
    struct sim_node *first = first_required(sim);
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct gossip *engine = sim->nodes[i].engine;
        sim->stats.entries_transferred +=
            engine == NULL ? 0 : gossip_counters(engine)->entries_received;
    }
    if (!sim->failed && first != NULL) {
        content_take(sim, first);
        expectation(sim, sim->scenario->expect.entries, sim->stats.entries, "entries");
        expectation(sim, sim->scenario->expect.conflicts, sim->stats.conflicts, "conflicts");
        vacuity_check(sim);
    }
    if (sim->options->report != NULL) {
        sim_report_fill(sim);
    }
}
