/* explore_removal_rules.c - the rules of DESIGN 4.7 as functions of numbers and sets.
 *
 * The merge is that of catalog/merge.c on sets of writes: test_explore_removal.c enumerates all small entries and compares
 * the two, with every horizon. A write's bit stands for its pair and, if it survives, for its version.
 */
#include "test/sim/explore_removal.h"

/* Of the writes in `set` those of one origin; with `origin` 0 nothing. */
static uint8_t of_origin(const struct removal_state *state, uint8_t set, uint8_t origin) {
    uint8_t found = 0;
    for (unsigned i = 0; i < state->write_count; i++) {
        if ((set >> i & 1) != 0 && state->writes[i].origin == origin) {
            found |= (uint8_t)(1u << i);
        }
    }
    return found;
}

/* Order of versions is (clock, origin); writes are kept in order of clocks, those of one clock in order of origins. */
static uint8_t highest_bit(uint8_t set) {
    return set == 0 ? 0 : (uint8_t)(1u << (31 - __builtin_clz(set)));
}

uint8_t removal_highest(const struct removal_state *state, struct removal_entry entry) {
    uint8_t bit = highest_bit(entry.pairs);
    return bit == 0 ? 0 : state->writes[__builtin_ctz(bit)].clock;
}

static uint8_t at_or_below(const struct removal_state *state, uint8_t set, uint8_t horizon) {
    for (unsigned i = 0; i < state->write_count; i++) {
        if (state->writes[i].clock > horizon) {
            set &= (uint8_t) ~(1u << i);
        }
    }
    return set;
}

static uint8_t drops(const struct removal_state *state, uint8_t set) {
    for (unsigned i = 0; i < state->write_count; i++) {
        if (!state->writes[i].drop) {
            set &= (uint8_t) ~(1u << i);
        }
    }
    return set;
}

/* Steps 3 and 4 of merge.c, and what leaves with the horizon. */
static struct removal_entry apply_horizon(const struct removal_state *state, unsigned plant,
                                          struct removal_entry entry, uint8_t horizon) {
    uint8_t below = at_or_below(state, entry.pairs, horizon);
    uint8_t dropped = drops(state, entry.alive);
    bool set_above = (entry.alive & ~dropped & ~below) != 0;
    if (set_above && plant != REMOVAL_PLANT_DROP_STAYS) {
        entry.alive &= (uint8_t) ~(dropped & below);
    }
    entry.pairs &= (uint8_t)(entry.alive | (uint8_t)~below);
    return entry;
}

static bool is_passed_tombstone(const struct removal_state *state, struct removal_entry entry,
                                uint8_t horizon) {
    return drops(state, entry.alive) == entry.alive &&
           at_or_below(state, entry.alive, horizon) == entry.alive;
}

struct removal_entry removal_prune(const struct removal_state *state, unsigned plant,
                                   struct removal_entry entry, uint8_t horizon) {
    entry = apply_horizon(state, plant, entry, horizon);
    return is_passed_tombstone(state, entry, horizon) ? (struct removal_entry){0, 0} : entry;
}

/* One side does not know the origin: it may have forgotten it at the horizon. */
static bool unmatched_survives(const struct removal_state *state, unsigned plant, uint8_t bit,
                               uint8_t largest, uint8_t horizon) {
    bool forgotten = state->writes[__builtin_ctz(bit)].clock <= horizon && bit != largest;
    return !forgotten || plant == REMOVAL_PLANT_ABSENT;
}

struct removal_entry removal_merge(const struct removal_state *state, unsigned plant,
                                   struct removal_entry a, struct removal_entry b, uint8_t horizon,
                                   uint8_t horizon_b) {
    struct removal_entry merged = {0, 0};
    bool both_present = a.alive != 0 && b.alive != 0;
    uint8_t largest = highest_bit(a.pairs | b.pairs);
    for (uint8_t rest = a.pairs | b.pairs; rest != 0;) {
        uint8_t origin = state->writes[__builtin_ctz(rest)].origin;
        uint8_t of_a = of_origin(state, a.pairs, origin);
        uint8_t of_b = of_origin(state, b.pairs, origin);
        uint8_t bit = highest_bit(of_a | of_b);
        bool survives =
            (of_a != bit || (a.alive & bit) != 0) && (of_b != bit || (b.alive & bit) != 0);
        if (both_present && (of_a == 0 || of_b == 0)) {
            uint8_t forgotten = of_a == 0 ? horizon : horizon_b;
            survives = survives && unmatched_survives(state, plant, bit, largest, forgotten);
        }
        merged.pairs |= bit;
        merged.alive |= survives ? bit : 0;
        rest &= (uint8_t) ~(of_a | of_b);
    }
    merged = apply_horizon(state, plant, merged, horizon);
    bool leaves =
        plant != REMOVAL_PLANT_TOMBSTONES_STAY && is_passed_tombstone(state, merged, horizon);
    return leaves ? (struct removal_entry){0, 0} : merged;
}

enum gossip__horizon_verdict removal_judge(unsigned plant, const struct removal_disk *disk,
                                           uint8_t heard) {
    enum gossip__horizon_verdict verdict =
        gossip__horizon_judge(disk->ready, disk->horizon, disk->seen, heard);
    bool raises = (verdict == GOSSIP__HORIZON_NEW_ID && plant == REMOVAL_PLANT_OLD_DISK) ||
                  (verdict == GOSSIP__HORIZON_EMPTY && plant == REMOVAL_PLANT_NEWCOMER);
    return raises ? GOSSIP__HORIZON_RAISE : verdict;
}

bool removal_takes(unsigned plant, bool present, uint8_t horizon, uint8_t stamp) {
    bool merged = plant == REMOVAL_PLANT_PRESENT || plant == REMOVAL_PLANT_TWO_HORIZONS;
    return gossip__horizon_takes(horizon, stamp) || (present && merged) ||
           plant == REMOVAL_PLANT_REFUSAL;
}

uint8_t removal_horizon(const struct removal_state *state, unsigned plant, unsigned node) {
    const struct removal_disk *disk = &state->nodes[node].disk;
    uint8_t smallest = plant == REMOVAL_PLANT_HORIZON_ALONE ? disk->seen : UINT8_MAX;
    for (unsigned id = 0; id < REMOVAL_IDS_MAX && plant != REMOVAL_PLANT_HORIZON_ALONE; id++) {
        uint8_t row = disk->table[id];
        bool counts =
            row == REMOVAL_READY || (row == REMOVAL_JOINING && plant != REMOVAL_PLANT_JOINING);
        if (id != node && counts && state->nodes[node].heard[id] < smallest) {
            smallest = state->nodes[node].heard[id];
        }
    }
    bool alone = smallest == UINT8_MAX; /* it has seen all there is */
    uint8_t own = alone ? disk->high_water : disk->seen;
    smallest = own < smallest ? own : smallest;
    return smallest > disk->horizon ? smallest : disk->horizon;
}
