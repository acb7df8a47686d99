/* check_root.c - what is said of a whole catalog: S1 (roots and contents go together), S5 (the tree is what its items say),
 * G11 (the root is that of the rows on the disk). */
#include "test/sim/checker.h"

#include <stdlib.h>
#include <string.h>

enum { THOROUGH_EVERY = 4 }; /* intervals between rebuilding one node's tree */

/* --- S1 ------------------------------------------------------------------------------------------------------------------------- */

/* Root and content of a catalog as they were seen together: an open hash table, for both directions. */
struct pair {
    bool used;
    struct merkle_digest root, content;
};
struct s1 {
    struct pair *by_root, *by_content;
    size_t count, capacity;
};

static struct merkle_digest *key_of(struct pair *pair, bool by_root) {
    return by_root ? &pair->root : &pair->content;
}

static struct pair *find(struct pair *pairs, size_t capacity, const struct merkle_digest *key,
                         bool by_root) {
    uint64_t hash;
    memcpy(&hash, key->bytes, sizeof hash);
    size_t at = (size_t)(hash % capacity);
    while (pairs[at].used && !merkle_digest_equal(key_of(&pairs[at], by_root), key)) {
        at = (at + 1) % capacity;
    }
    return &pairs[at];
}

static void grow(struct s1 *s1) {
    struct s1 old = *s1;
    s1->capacity = old.capacity == 0 ? 256 : old.capacity * 2;
    s1->by_root = sim_allocate(s1->capacity, sizeof *s1->by_root);
    s1->by_content = sim_allocate(s1->capacity, sizeof *s1->by_content);
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.by_root[i].used) {
            *find(s1->by_root, s1->capacity, &old.by_root[i].root, true) = old.by_root[i];
            *find(s1->by_content, s1->capacity, &old.by_root[i].content, false) = old.by_root[i];
        }
    }
    free(old.by_root);
    free(old.by_content);
}

/* The content is a digest of all bytes, made here and not by the tree. */
static struct merkle_digest content_of(struct sim_node *node) {
    struct catalog *catalog = gossip_catalog(node->engine);
    const struct catalog_text all = {.data = "", .size_bytes = 0};
    struct merkle_digest content = {.bytes = {0}};
    for (struct catalog_entry *entry = catalog_next(catalog, 0, all, NULL); entry != NULL;) {
        struct catalog_key key = catalog_entry_key(entry);
        uint64_t seed;
        memcpy(&seed, content.bytes, sizeof seed);
        content = merkle_digest_of(entry->bytes, entry->size_bytes, seed + 1);
        entry = catalog_next(catalog, 0, all, &key);
    }
    return content;
}

static void s1_look(struct sim *sim, struct sim_node *node) {
    struct s1 *s1 = sim_checker_state(sim, &sim_check_s1);
    if (s1->count * 2 >= s1->capacity) {
        grow(s1);
    }
    struct pair now = {true, merkle_tree_root(catalog_tree(gossip_catalog(node->engine))),
                       content_of(node)};
    struct pair *by_root = find(s1->by_root, s1->capacity, &now.root, true);
    struct pair *by_content = find(s1->by_content, s1->capacity, &now.content, false);
    sim_checker_looked(sim, &sim_check_s1);
    if (by_root->used && !merkle_digest_equal(&by_root->content, &now.content)) {
        sim_violated(sim, &sim_check_s1, node, "its root stood for another content before");
    } else if (by_content->used && !merkle_digest_equal(&by_content->root, &now.root)) {
        sim_violated(sim, &sim_check_s1, node, "its content had another root before");
    } else if (!by_root->used) {
        *by_root = *by_content = now;
        s1->count++;
    }
}

static void s1_interval(struct sim *sim) {
    uint64_t number = sim->now_ms / sim->scenario->interval_ms;
    struct sim_node *node = &sim->nodes[number % sim->node_count];
    if (node->engine != NULL) {
        s1_look(sim, node);
    }
}

static void s1_finished(struct sim *sim) {
    for (size_t i = 0; i < sim->node_count && !sim->failed; i++) {
        if (sim->nodes[i].engine != NULL) {
            s1_look(sim, &sim->nodes[i]);
        }
    }
}

static void s1_close(struct sim *sim) {
    struct s1 *s1 = sim_checker_state(sim, &sim_check_s1);
    free(s1->by_root);
    free(s1->by_content);
}

const struct sim_checker sim_check_s1 = {
    .id = "S1",
    .statement = "equal roots have equal contents, and equal contents equal roots",
    .state_size_bytes = sizeof(struct s1),
    .interval = s1_interval,
    .finished = s1_finished,
    .close = s1_close,
};

/* --- S5 and G11 -------------------------------------------------------------------------------------------------------------------- */

/* The root of these entries, from an empty tree. */
static bool root_from_scratch(struct catalog_entry *const *entries, size_t count,
                              struct merkle_digest *root) {
    struct merkle_tree *tree;
    if (merkle_tree_new(&merkle_allocator_libc, &tree) != 0) {
        return false;
    }
    bool built = true;
    for (size_t i = 0; i < count && built; i++) {
        struct merkle_item item = {
            .slot = entries[i]->slot, .digest = entries[i]->digest, .handle = (uint32_t)i};
        built = merkle_tree_insert(tree, &item) == 0;
    }
    *root = merkle_tree_root(tree);
    merkle_tree_free(tree);
    return built;
}

static void tree_look(struct sim *sim, struct sim_node *node) {
    struct merkle_digest on_disk;
    struct merkle_tree *tree = catalog_tree(gossip_catalog(node->engine));
    struct merkle_digest root = merkle_tree_root(tree);
    sim_checker_looked(sim, &sim_check_s5);
    if (!merkle_tree_verify(tree)) {
        sim_violated(sim, &sim_check_s5, node, "the tree is not what its items say");
    }
    /* After a reopen what a failed commit left on the disk is on its way into the tree. */
    if (node->disk_broken || node->catching_up || node->disk.quarantined > 0) {
        return;
    }
    sim_checker_looked(sim, &sim_check_g11);
    if (!root_from_scratch(node->disk.entries, node->disk.entry_count, &on_disk) ||
        !merkle_digest_equal(&root, &on_disk)) {
        sim_violated(sim, &sim_check_g11, node, "its root is not that of its disk");
    }
}

static void s5_interval(struct sim *sim) {
    uint64_t number = sim->now_ms / sim->scenario->interval_ms;
    struct sim_node *node = &sim->nodes[number / THOROUGH_EVERY % sim->node_count];
    if (number % THOROUGH_EVERY == 0 && node->engine != NULL) {
        tree_look(sim, node);
    }
}

static void s5_started(struct sim *sim, struct sim_node *node, const struct catalog_load *load) {
    (void)load;
    tree_look(sim, node);
}

static void s5_finished(struct sim *sim) {
    for (size_t i = 0; i < sim->node_count && !sim->failed; i++) {
        if (sim->nodes[i].engine != NULL) {
            tree_look(sim, &sim->nodes[i]);
        }
    }
}

const struct sim_checker sim_check_s5 = {
    .id = "S5",
    .statement = "the digest tree is the one that would be built from its items anew",
    .started = s5_started,
    .interval = s5_interval,
    .finished = s5_finished,
};

const struct sim_checker sim_check_g11 = {
    .id = "G11",
    .statement = "the root of a node is that of the rows on its disk",
};
