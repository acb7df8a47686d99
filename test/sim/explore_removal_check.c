/* explore_removal_check.c - what must hold of a state of the model of removal, and the form in which states are compared. */
#include "test/sim/explore_removal.h"

#include <string.h>

/* --- properties ------------------------------------------------------------------------------------------------------ */

static uint8_t superseded_by(const struct removal_state *state, uint8_t known) {
    uint8_t set = 0;
    for (unsigned i = 0; i < state->write_count; i++) {
        set |= (known >> i & 1) != 0 ? state->writes[i].past : 0;
    }
    return set;
}

static uint8_t drops_passed(const struct removal_state *state, uint8_t horizon) {
    uint8_t set = 0;
    for (unsigned i = 0; i < state->write_count; i++) {
        bool passed = state->writes[i].drop && state->writes[i].clock <= horizon;
        set |= passed ? (uint8_t)(1u << i) : 0;
    }
    return set;
}

static uint8_t alive_of(const struct removal_disk *disk) {
    uint8_t alive = 0;
    for (unsigned key = 0; key < REMOVAL_KEYS_MAX; key++) {
        alive |= disk->entries[key].alive;
    }
    return alive;
}

/* `owed` is what must stand, or be superseded by what is `known`. */
static const char *judge(const struct removal_state *state, const struct removal_disk *disk,
                         uint8_t known, uint8_t owed, const char *resurrection, const char *loss) {
    uint8_t alive = alive_of(disk);
    uint8_t superseded = superseded_by(state, known);
    if ((alive & superseded) != 0) {
        return resurrection;
    }
    uint8_t excused = (uint8_t)(alive | superseded | drops_passed(state, disk->horizon));
    return (owed & ~excused) != 0 ? loss : NULL;
}

bool removal_is_removed(const struct removal_state *state, unsigned id) {
    return (state->removed_ever >> id & 1) != 0;
}

/* Whether all members have one table, one horizon and the same entries; the first of them, and what stood on any that is
 * ready. */
static bool is_quiet(const struct removal_state *state, const struct removal_disk **first,
                     uint8_t *known, uint8_t *owed) {
    *first = NULL;
    for (unsigned id = 0; id < state->ids_used; id++) {
        const struct removal_disk *disk = &state->nodes[id].disk;
        if (!removal_in_cluster(&state->nodes[id]) || removal_is_removed(state, id)) {
            continue;
        }
        *first = *first == NULL ? disk : *first;
        if (memcmp(disk->table, (*first)->table, sizeof disk->table) != 0 ||
            memcmp(disk->entries, (*first)->entries, sizeof disk->entries) != 0 ||
            disk->horizon != (*first)->horizon) {
            return false;
        }
        *known |= disk->ready ? disk->known : 0;
        *owed |= disk->ready ? disk->owed : 0;
    }
    return *first != NULL;
}

const char *removal_broken(const struct explore_world *world, const void *memory) {
    const struct removal_state *state = memory;
    if (state->thrown_out) {
        return "thrown out: a member takes a new id although no disk was put back";
    }
    for (unsigned id = 0; id < state->ids_used; id++) {
        const struct removal_disk *disk = &state->nodes[id].disk;
        if (!removal_in_cluster(&state->nodes[id])) {
            continue;
        }
        /* What a newcomer has is not its own: where it got it from it stands, or was lost. So nobody is held to keep what it
         * has from a newcomer alone: the one disk that knew of that newcomer may have been put back or lost (`owed`). Nor is
         * a member that was removed and has not heard of it: what it alone had, others may have passed. */
        bool held = disk->ready && !removal_is_removed(state, id);
        const char *why =
            judge(state, disk, disk->known, disk->owed,
                  "resurrection: a node has alive what it knew to be superseded",
                  held ? "loss: a node has lost a version that nothing superseded" : NULL);
        if (why != NULL) {
            return why;
        }
    }
    const struct removal_disk *first;
    uint8_t known = 0;
    uint8_t owed = 0;
    if (is_quiet(state, &first, &known, &owed)) {
        const char *why = judge(state, first, known, owed,
                                "resurrection: all agree on what a member had superseded",
                                "loss: all agree, and lack a version that a member had");
        if (why != NULL) {
            return why;
        }
    }
    return world->settle ? removal_unsettled(world, state) : NULL;
}

/* --- canonical form -------------------------------------------------------------------------------------------------- */

/* What a node is, whatever the ids are called: enough to sort by, not to compare with. */
static uint64_t signature(const struct removal_state *state, unsigned id) {
    const struct removal_node *node = &state->nodes[id];
    const struct removal_disk *disk = &node->disk;
    uint64_t sum = (uint64_t)node->status << 6 ^ (uint64_t)disk->ready << 4 ^
                   (uint64_t)disk->horizon << 12 ^ (uint64_t)disk->seen << 16 ^
                   (uint64_t)disk->high_water << 20 ^ (uint64_t)node->origin << 24 ^
                   (uint64_t)node->again << 30 ^ (uint64_t)node->reached << 32;
    for (unsigned key = 0; key < REMOVAL_KEYS_MAX; key++) {
        sum = sum * 1000003 + disk->entries[key].pairs * 256u + disk->entries[key].alive;
    }
    uint64_t others = 0;
    for (unsigned other = 0; other < state->ids_used; other++) {
        uint64_t pair = (uint64_t)node->counted[other] * 8 + disk->table[other] +
                        ((uint64_t)node->heard[other] << 32);
        pair += (uint64_t)state->nodes[other].disk.table[id] << 12 |
                (uint64_t)state->nodes[other].counted[id] << 16 |
                (uint64_t)(state->nodes[other].walk.peer == id) << 20;
        others += (pair + 1) * UINT64_C(0x9E3779B97F4A7C15) >> 7;
    }
    for (unsigned i = 0; i < state->late_count; i++) {
        const struct removal_message *message = &state->late[i];
        others += ((uint64_t)(message->from == id) * 3 + (uint64_t)(message->to == id) * 5) << 40;
    }
    sum = sum * 1000003 + others;
    sum = sum * 1000003 + (node->walk.peer != REMOVAL_NONE ? node->walk.clock + 1u : 0u);
    sum = sum * 1000003 + disk->owed * 512u + disk->known * 2u + (state->copied == id);
    return sum * 2 + (state->removed_ever >> id & 1);
}

static uint8_t renamed(const uint8_t *names, uint8_t id) {
    return id == REMOVAL_NONE ? id : names[id];
}

static void row_rename(const uint8_t *names, unsigned count, uint8_t *row) {
    uint8_t old[REMOVAL_IDS_MAX];
    memcpy(old, row, sizeof old);
    for (unsigned id = 0; id < count; id++) {
        row[names[id]] = old[id];
    }
}

static uint8_t set_rename(const uint8_t *names, unsigned count, uint8_t set) {
    uint8_t result = 0;
    for (unsigned id = 0; id < count; id++) {
        result |= (set >> id & 1) != 0 ? (uint8_t)(1u << names[id]) : 0;
    }
    return result;
}

static void disk_rename(const uint8_t *names, unsigned count, struct removal_disk *disk) {
    disk->admitter = renamed(names, disk->admitter);
    disk->replaces = renamed(names, disk->replaces);
    row_rename(names, count, disk->table);
}

static void ids_rename(struct removal_state *state, const uint8_t *names) {
    unsigned count = state->ids_used;
    struct removal_node old[REMOVAL_IDS_MAX];
    memcpy(old, state->nodes, sizeof old);
    for (unsigned id = 0; id < count; id++) {
        struct removal_node *node = &state->nodes[names[id]];
        *node = old[id];
        node->walk.peer = renamed(names, node->walk.peer);
        node->met = set_rename(names, count, node->met);
        node->admitted = set_rename(names, count, node->admitted);
        node->through = set_rename(names, count, node->through);
        row_rename(names, count, node->counted);
        row_rename(names, count, node->heard);
        if (node->status == REMOVAL_LIVE) {
            disk_rename(names, count, &node->disk);
        }
    }
    state->removed_ever = set_rename(names, count, state->removed_ever);
    for (unsigned i = 0; i < state->late_count; i++) {
        struct removal_message *message = &state->late[i];
        message->from = names[message->from];
        message->to = names[message->to];
        row_rename(names, count, message->table);
    }
    if (state->copied != REMOVAL_NONE) {
        state->copied = names[state->copied];
        disk_rename(names, count, &state->copy);
    }
}

static void ids_sort(struct removal_state *state, uint8_t *names) {
    uint64_t signatures[REMOVAL_IDS_MAX];
    uint8_t order[REMOVAL_IDS_MAX];
    bool moved = false;
    for (unsigned id = 0; id < state->ids_used; id++) {
        signatures[id] = signature(state, id);
        unsigned at = id;
        for (; at > 0 && signatures[order[at - 1]] < signatures[id]; at--) {
            order[at] = order[at - 1];
        }
        order[at] = (uint8_t)id;
    }
    for (unsigned at = 0; at < state->ids_used; at++) {
        names[order[at]] = (uint8_t)at;
        moved = moved || order[at] != at;
    }
    if (moved) {
        ids_rename(state, names);
    }
}

/* Without disks that are put back it is the high-water mark. */
static void reached_follow(const struct explore_world *world, struct removal_node *node) {
    if (world->limits.restores == 0) {
        node->reached = 0;
    } else if (node->disk.high_water > node->reached) {
        node->reached = node->disk.high_water;
    }
}

/* What is at or below `seen` cannot raise it: all such values are one. */
static void counted_clamp(struct removal_node *node, unsigned id, unsigned ids) {
    for (unsigned other = 0; other < REMOVAL_IDS_MAX; other++) {
        bool matters = node->status == REMOVAL_LIVE && other < ids && other != id &&
                       (node->disk.table[other] == REMOVAL_JOINING ||
                        node->disk.table[other] == REMOVAL_READY);
        if (!matters) {
            node->counted[other] = 0;
            node->heard[other] = 0;
            node->met &= (uint8_t) ~(1u << other);
        } else if (node->counted[other] < node->disk.seen) {
            node->counted[other] = node->disk.seen;
        }
    }
}

/* Origins are only compared for being the same: they get the number of their first write; a process that has written
 * nothing yet has none. */
static void origins_name(struct removal_state *state) {
    uint8_t names[REMOVAL_WRITES_MAX + 1] = {0};
    uint8_t count = 0;
    for (unsigned i = 0; i < state->write_count; i++) {
        uint8_t *name = &names[state->writes[i].origin];
        *name = *name == 0 ? ++count : *name;
        state->writes[i].origin = *name;
    }
    for (unsigned id = 0; id < state->ids_used; id++) {
        state->nodes[id].origin = names[state->nodes[id].origin];
    }
    state->origin_count = count;
}

static void late_sort(struct removal_state *state) {
    for (unsigned i = 1; i < state->late_count; i++) {
        for (unsigned j = i;
             j > 0 && memcmp(&state->late[j - 1], &state->late[j], sizeof state->late[j]) > 0;
             j--) {
            struct removal_message message = state->late[j];
            state->late[j] = state->late[j - 1];
            state->late[j - 1] = message;
        }
    }
}

void removal_canonical(const struct explore_world *world, void *memory, uint8_t *names) {
    struct removal_state *state = memory;
    for (unsigned id = 0; id < REMOVAL_IDS_MAX; id++) {
        reached_follow(world, &state->nodes[id]);
        counted_clamp(&state->nodes[id], id, state->ids_used);
    }
    removal_listen(state, world->plant);
    origins_name(state);
    ids_sort(state, names);
    late_sort(state);
}
