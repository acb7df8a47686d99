/* upgrade.c - a node runs a newer version for a moment and is rolled back: on its disk is what this version knows not
 * (M5; DESIGN 4.1: kinds and fields of newer formats are kept, hashed and sent byte for byte).
 *
 * The newer process is played while the node is down. It writes as any start does: under an origin of its own, with clocks
 * above the stored high-water mark, all in one commit, and is gone before it has told anybody.
 *
 *      known kind     a version over all that is there, with an element behind `previous`
 *      unknown kind   the same, with a body of any shape
 */
#include "test/sim/checker.h"

#include "catalog/entry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { WRITES_MAX = 4, ENTRY_SIZE_MAX = 4096, PAIRS_MAX = 64, KIND_UNKNOWN = 9, ORIGIN = 10 };

struct bytes {
    uint8_t data[ENTRY_SIZE_MAX];
    size_t size_bytes;
};

/* --- bytes (docs/FORMAT.md); no encoder of ours, which writes what it knows ------------------------------------------- */

static void put(struct bytes *to, const void *data, size_t size_bytes) {
    assert(size_bytes <= sizeof to->data - to->size_bytes);
    memcpy(to->data + to->size_bytes, data, size_bytes);
    to->size_bytes += size_bytes;
}

static void put_byte(struct bytes *to, unsigned value) {
    put(to, &(uint8_t){(uint8_t)value}, 1);
}

static void put_text(struct bytes *to, struct catalog_text text) {
    assert(text.size_bytes < 32);
    put_byte(to, 0xa0u | (unsigned)text.size_bytes);
    put(to, text.data, text.size_bytes);
}

static void put_clock(struct bytes *to, catalog_clock clock) {
    assert(clock > UINT32_MAX);
    put_byte(to, 0xcf);
    for (unsigned i = 0; i < 8; i++) {
        put_byte(to, (unsigned)(clock >> (56 - 8 * i)) & 0xff);
    }
}

static void put_id(struct bytes *to, const struct catalog_id *id) {
    put(to, (uint8_t[]){0xc4, sizeof id->bytes}, 2);
    put(to, id->bytes, sizeof id->bytes);
}

static void put_pair(struct bytes *to, const struct catalog_id *origin, catalog_clock clock) {
    put_byte(to, 0x92);
    put_id(to, origin);
    put_clock(to, clock);
}

/* --- what is written --------------------------------------------------------------------------------------------------- */

struct writing {
    struct catalog_key key;
    struct catalog_id origin;
    catalog_clock clock;
    const char *node;
    uint64_t number;
    const uint8_t *body;
    size_t body_size_bytes;
    struct catalog__pair before[PAIRS_MAX]; /* the context of what it replaces */
    size_t before_count;
};

static void put_version(struct bytes *to, const struct writing *writing) {
    put_byte(to, 0x98);
    put_clock(to, writing->clock);
    put_id(to, &writing->origin);
    put_text(to, (struct catalog_text){writing->node, strlen(writing->node)});
    assert(writing->number < 128);
    put_byte(to, (unsigned)writing->number);
    put_byte(to, CATALOG_ACTIVE);
    put(to, writing->body, writing->body_size_bytes);
    put_byte(to, 0xc0); /* no `previous` */
    put_text(to, (struct catalog_text){"newer", 5});
}

static void put_context(struct bytes *to, const struct writing *writing) {
    bool own = false;
    assert(writing->before_count < 15);
    put_byte(to, 0x90u | (unsigned)(writing->before_count + 1));
    for (size_t i = 0; i < writing->before_count; i++) {
        const struct catalog__pair *pair = &writing->before[i];
        if (!own && catalog_id_compare(&writing->origin, &pair->origin) < 0) {
            put_pair(to, &writing->origin, writing->clock);
            own = true;
        }
        put_pair(to, &pair->origin, pair->clock);
    }
    if (!own) {
        put_pair(to, &writing->origin, writing->clock);
    }
}

static struct catalog_entry *entry_make(const struct writing *writing) {
    struct bytes bytes = {.size_bytes = 0};
    struct catalog_entry *made = NULL;
    put(&bytes, (uint8_t[]){0x93, 0x93}, 2);
    put_byte(&bytes, writing->key.kind);
    put_text(&bytes, writing->key.entity);
    put_text(&bytes, writing->key.name);
    put_byte(&bytes, 0x91);
    put_version(&bytes, writing);
    put_context(&bytes, writing);
    int result = catalog_entry_decode(&merkle_allocator_libc, bytes.data, bytes.size_bytes, &made);
    assert(result == 0);
    return made;
}

/* Over what stands there; false if it cannot be said with the short forms above. */
static bool over(struct writing *writing, const struct catalog_entry *entry) {
    struct catalog_version version = catalog_entry_in_force(entry);
    size_t pairs = catalog__entry_pair_count(entry);
    if (entry->size_bytes > ENTRY_SIZE_MAX / 2 || pairs >= 15 || entry->conflict ||
        entry->state != CATALOG_ACTIVE || version.number > 100) {
        return false;
    }
    catalog__entry_pairs(entry, writing->before);
    writing->before_count = pairs;
    writing->key = catalog_entry_key(entry);
    writing->number = version.number + 1;
    writing->body = version.body;
    writing->body_size_bytes = version.body_size_bytes;
    return writing->key.entity.size_bytes < 32 && writing->key.name.size_bytes < 32;
}

/* An entry of a kind that there is not, once for each node and start. */
static void anew(struct writing *writing, char entity[24], const struct sim_node *node) {
    static const uint8_t body[] = {0x92, 0x01, 0xa1, 'b'};
    (void)snprintf(entity, 24, "u%zu", node->index % 4);
    writing->before_count = 0;
    writing->key = (struct catalog_key){
        .kind = KIND_UNKNOWN, .entity = {entity, strlen(entity)}, .name = {"n", 1}};
    writing->number = 1;
    writing->body = body;
    writing->body_size_bytes = sizeof body;
}

/* It keeps the rules of this version: no context says what the horizon has passed. */
static struct catalog_entry *pruned(struct catalog_entry *made, catalog_clock horizon) {
    struct catalog_entry *shorter = NULL;
    int result = catalog_prune(&merkle_allocator_libc, made, horizon, &shorter);
    assert(result == 0 && shorter != NULL); /* what is set stays */
    catalog_entry_release(made);
    return shorter;
}

static bool write_one(struct sim *sim, struct sim_node *node, struct writing *writing, bool known,
                      struct sim_batch *batch) {
    char entity[24];
    const struct sim_disk *disk = &node->disk;
    if (known) {
        if (disk->entry_count == 0) {
            return false;
        }
        size_t which = (size_t)choice_below(sim->choice, disk->entry_count, "newer version of");
        if (!over(writing, disk->entries[which])) {
            return false;
        }
    } else {
        anew(writing, entity, node);
        if (sim_disk_find(disk, &writing->key) != NULL) {
            return false;
        }
    }
    struct catalog_entry *made = pruned(entry_make(writing), disk->state.horizon);
    struct catalog_key key = catalog_entry_key(made);
    for (size_t i = 0; i < batch->entry_count; i++) {
        struct catalog_key other = catalog_entry_key(batch->entries[i]);
        if (catalog_key_equal(&key, &other)) {
            catalog_entry_release(made);
            return false;
        }
    }
    batch->entries[batch->entry_count++] = made;
    return true;
}

/* --- the newer process ------------------------------------------------------------------------------------------------- */

static struct writing newer_start(const struct sim *sim, const struct sim_node *node,
                                  struct sim_batch *batch) {
    struct writing writing = {.clock = batch->state.high_water, .node = node->name};
    for (uint64_t half = 0; half < 2; half++) {
        uint64_t value = choice_identity(sim->choice, node->index, node->starts, ORIGIN + half);
        memcpy(writing.origin.bytes + 8 * half, &value, sizeof value);
    }
    batch->state.incarnation = ((batch->state.incarnation >> 16) + 1) << 16;
    return writing;
}

static void sum_set(const struct sim_disk *disk, struct sim_batch *batch) {
    batch->state.sum = disk->sum;
    for (size_t i = 0; i < batch->entry_count; i++) {
        struct catalog_key key = catalog_entry_key(batch->entries[i]);
        struct catalog_entry *before = sim_disk_find(disk, &key);
        if (before != NULL) {
            catalog_sum_remove(&batch->state.sum, &before->digest);
        }
        catalog_sum_add(&batch->state.sum, &batch->entries[i]->digest);
    }
}

/* False: it cannot play it here. A real store has one writer only, and a newcomer or a node that heals nothing to keep. */
bool sim_upgrade_possible(const struct sim_node *node) {
    const struct sim_disk *disk = &node->disk;
    return node->store == NULL && disk->exists && disk->state.ready && !disk->state.healing &&
           disk->quarantined == 0 && !catalog_id_is_none(&disk->state.cluster_id);
}

bool sim_upgrade(struct sim *sim, struct sim_node *node) {
    assert(node->engine == NULL && sim_upgrade_possible(node));
    struct catalog_batch empty = {.state = node->disk.state};
    struct sim_batch *batch = sim_batch_new(sim, &empty);
    free(batch->entries);
    batch->entries = sim_allocate(WRITES_MAX, sizeof *batch->entries);
    struct writing writing = newer_start(sim, node, batch);
    node->origin = writing.origin; /* of a start of its own */
    uint64_t count = 1 + choice_below(sim->choice, WRITES_MAX, "newer writes");
    for (uint64_t i = 0; i < count; i++) {
        bool known = choice_below(sim->choice, 3, "newer kind") > 0;
        writing.clock = catalog_clock_next(batch->state.high_water, sim_wall_ms(sim, node));
        if (write_one(sim, node, &writing, known, batch)) {
            batch->state.high_water = writing.clock;
        }
    }
    bool wrote = batch->entry_count > 0;
    if (wrote) {
        PROBE("sim.newer_version_wrote");
        batch->state.had_entry = true;
        sum_set(&node->disk, batch);
        sim_disk_apply(sim, node, batch);
    }
    sim_trace(sim, node, "a newer version wrote %zu entries", batch->entry_count);
    sim_batch_free(batch);
    return wrote;
}
