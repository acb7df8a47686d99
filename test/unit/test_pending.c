/* test_pending.c - the two layers against arrays: random puts, removals, stores, failures, loads and unloads.
 *
 * The model keeps for each of a few keys the stored entry, and all orders in one list. After each step both layers, the
 * counts, the sum, the walk in order and the digest tree are compared with what the arrays say.
 */
#include "catalog/internal.h"
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/catalog_kit.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 60, ORDERS_MAX = 200, STEPS = 3000 };

static uint64_t random_state;

static uint32_t random_below(uint32_t bound) {
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(random_state >> 33) % bound;
}

/* Entities that share prefixes, three kinds of names, and a kind that is unknown. */
struct shaped_key {
    char entity[16];
    char name[16];
    struct catalog_key key;
};

static struct shaped_key keys[KEYS];

static void make_keys(void) {
    static const uint16_t kinds[] = {CATALOG_SCHEMA, CATALOG_CONSTRAINT, CATALOG_INDEX, 9};
    for (unsigned i = 0; i < KEYS; ++i) {
        uint16_t kind = kinds[i % 4];
        snprintf(keys[i].entity, sizeof keys[i].entity, "%.*s%u", (int)(1 + i / 4 % 5), "aaaaa",
                 i / 20);
        snprintf(keys[i].name, sizeof keys[i].name, "n%u", i / 4 % 3);
        keys[i].key =
            catalog_kit_key(kind, keys[i].entity, kind == CATALOG_SCHEMA ? "" : keys[i].name);
    }
}

/* A new version over `before`: a set of one of several bodies, or a drop. */
static struct catalog_entry *next_entry(const struct catalog_key *key, struct catalog_entry *before,
                                        catalog_clock clock) {
    static const char *const bodies[][4] = {
        {"\x81\xa1k\x01", "\x81\xa1k\x02", "\x81\xa1k\x03", "\x81\xa1k\x04"},
    };
    static const char *const json[4][4] = {
        {0},
        {"{\"fields\":{}}", "{\"fields\":{\"x\":{\"type\":\"string\"}}}",
         "{\"fields\":{\"y\":{\"type\":\"any\"}}}", "{\"fields\":{\"z\":{\"type\":\"null\"}}}"},
        {"{\"type\":\"unique\",\"fields\":[\"x\"]}", "{\"type\":\"not_null\",\"fields\":[\"x\"]}",
         "{\"type\":\"foreign_key\",\"fields\":[\"x\"],\"references\":{\"entity\":\"a0\","
         "\"fields\":[\"x\"]},"
         "\"on_delete\":\"cascade\"}",
         "{\"type\":\"foreign_key\",\"fields\":[\"x\"],\"references\":{\"entity\":\"aa1\","
         "\"fields\":[\"x\"]},"
         "\"on_delete\":\"set_null\"}"},
        {"{\"fields\":[\"x\"]}", "{\"fields\":[\"y\"]}", "{\"fields\":[\"x\",\"y\"]}",
         "{\"fields\":[\"z\"]}"},
    };
    struct catalog__stamp stamp = {
        .clock = clock, .node = catalog_kit_text("n"), .number = clock, .state = CATALOG_ACTIVE};
    memset(stamp.origin.bytes, 7, sizeof stamp.origin.bytes);
    struct merkle_buffer body;
    merkle_buffer_init(&body, &merkle_allocator_libc);
    uint32_t choice = random_below(5);
    if (choice == 4) {
        stamp.state = CATALOG_DROPPED;
    } else if (key->kind > CATALOG_INDEX) {
        merkle_buffer_append(&body, bodies[0][choice], 4);
    } else {
        const char *text = json[key->kind][choice];
        ck_assert_int_eq(catalog_body_parse(key->kind, text, strlen(text), false, &body, NULL), 0);
    }
    stamp.body = stamp.state == CATALOG_DROPPED ? NULL : body.data;
    stamp.body_size_bytes = body.size_bytes;
    struct catalog_entry *entry = NULL;
    ck_assert_int_eq(catalog__entry_write(&merkle_allocator_libc, key, before, &stamp, &entry), 0);
    merkle_buffer_close(&body);
    return entry;
}

/* --- the model --------------------------------------------------------------------------------------------------------- */

struct model_order {
    uint64_t ticket;
    size_t key;
    struct catalog_entry *entry; /* NULL: a removal */
};

struct model {
    struct catalog_entry *stored[KEYS];
    struct model_order orders[ORDERS_MAX];
    size_t order_count;
    uint64_t ticket;
};

static struct catalog_entry *model_newest(const struct model *model, size_t key) {
    for (size_t i = model->order_count; i-- > 0;) {
        if (model->orders[i].key == key) {
            return model->orders[i].entry;
        }
    }
    return model->stored[key];
}

static void model_store(struct model *model, size_t key, struct catalog_entry *entry) {
    catalog_entry_release(model->stored[key]);
    model->stored[key] = entry;
}

static void model_stored(struct model *model, uint64_t ticket) {
    size_t done = 0;
    while (done < model->order_count && model->orders[done].ticket <= ticket) {
        model_store(model, model->orders[done].key, model->orders[done].entry);
        done += 1;
    }
    model->order_count -= done;
    memmove(model->orders, model->orders + done, model->order_count * sizeof *model->orders);
}

static void model_abandon(struct model *model, uint64_t ticket) {
    while (model->order_count > 0 && model->orders[model->order_count - 1].ticket >= ticket) {
        catalog_entry_release(model->orders[--model->order_count].entry);
    }
}

static void model_close(struct model *model) {
    model_abandon(model, 0);
    for (size_t i = 0; i < KEYS; ++i) {
        catalog_entry_release(model->stored[i]);
    }
}

static int compare_indexes(const void *a, const void *b) {
    return catalog_key_compare(&keys[*(const size_t *)a].key, &keys[*(const size_t *)b].key);
}

static void assert_walks(const struct catalog *catalog, const struct model *model,
                         const size_t *sorted, uint16_t kind, struct catalog_text entity) {
    struct catalog_entry *entry = catalog_next(catalog, kind, entity, NULL);
    for (size_t i = 0; i < KEYS; ++i) {
        const struct catalog_key *key = &keys[sorted[i]].key;
        if (model->stored[sorted[i]] == NULL || (kind != 0 && key->kind != kind) ||
            (entity.size_bytes > 0 && !catalog__text_equal(key->entity, entity))) {
            continue;
        }
        ck_assert_ptr_eq(entry, model->stored[sorted[i]]);
        struct catalog_key at = catalog_entry_key(entry);
        entry = catalog_next(catalog, kind, entity, &at);
    }
    ck_assert_ptr_null(entry);
}

/* References: exactly those of the entries on either layer. */
static void assert_references(const struct catalog *catalog, const struct model *model) {
    size_t expected = 0;
    for (size_t i = 0; i < KEYS + model->order_count; ++i) {
        const struct catalog_entry *entry =
            i < KEYS ? model->stored[i] : model->orders[i - KEYS].entry;
        if (entry == NULL || entry->kind != CATALOG_CONSTRAINT || entry->state == CATALOG_DROPPED) {
            continue;
        }
        struct catalog_version version = catalog_entry_in_force(entry);
        struct catalog__constraint *parsed = NULL;
        ck_assert_int_eq(catalog__constraint_parse(&merkle_allocator_libc, CATALOG_CONSTRAINT,
                                                   version.body, version.body_size_bytes, &parsed),
                         0);
        expected += parsed->type == CATALOG__FOREIGN_KEY;
        merkle_release(&merkle_allocator_libc, parsed);
    }
    ck_assert_uint_eq(catalog->references.count, expected);
}

static void assert_same(struct catalog *catalog, const struct model *model, const size_t *sorted) {
    struct catalog_counts counts = {0};
    struct catalog_sum sum = {0};
    for (size_t i = 0; i < KEYS; ++i) {
        struct catalog_entry *newest = model_newest(model, i);
        ck_assert_ptr_eq(catalog_find(catalog, &keys[i].key), model->stored[i]);
        ck_assert_ptr_eq(catalog_pending_find(catalog, &keys[i].key), newest);
        if (newest != NULL) {
            catalog_sum_add(&sum, &newest->digest);
        }
        if (model->stored[i] != NULL) {
            catalog__counts_add(&counts, model->stored[i]);
        }
    }
    struct catalog_sum own_sum = catalog_pending_sum(catalog);
    ck_assert_uint_eq(own_sum.entry_count, sum.entry_count);
    ck_assert(merkle_digest_equal(&own_sum.digest_sum, &sum.digest_sum));
    struct catalog_counts own_counts = catalog_count(catalog);
    counts.changes = own_counts.changes;
    ck_assert_mem_eq(&own_counts, &counts, sizeof counts);
    ck_assert_uint_eq(merkle_tree_count(catalog_tree(catalog)), counts.all);
    ck_assert(merkle_tree_verify(catalog_tree(catalog)));
    struct merkle_item items[KEYS];
    size_t item_count = merkle_tree_range(catalog_tree(catalog), 0, UINT64_MAX, 0, items, KEYS);
    ck_assert_uint_eq(item_count, counts.all);
    for (size_t i = 0; i < item_count; ++i) {
        struct catalog_entry *entry = catalog_entry_of_handle(catalog, items[i].handle);
        ck_assert_ptr_nonnull(entry);
        ck_assert_uint_eq(entry->slot, items[i].slot);
        ck_assert(merkle_digest_equal(&entry->digest, &items[i].digest));
    }
    uint16_t kind = (uint16_t[]){0, 1, 2, 3, 9}[random_below(5)];
    struct catalog_text none = {0};
    assert_walks(catalog, model, sorted, kind, none);
    assert_walks(catalog, model, sorted, kind, keys[random_below(KEYS)].key.entity);
    assert_references(catalog, model);
}

/* --- tests --------------------------------------------------------------------------------------------------------------- */

static void put(struct catalog *catalog, struct model *model, catalog_clock clock) {
    if (model->order_count == ORDERS_MAX) {
        return;
    }
    size_t key = random_below(KEYS);
    model->ticket += random_below(3) == 0;
    struct catalog_entry *entry = next_entry(&keys[key].key, model_newest(model, key), clock);
    ck_assert_int_eq(catalog_pending_put(catalog, entry, model->ticket), 0);
    model->orders[model->order_count++] = (struct model_order){model->ticket, key, entry};
}

static void take_away(struct catalog *catalog, struct model *model) {
    if (model->order_count == ORDERS_MAX) {
        return;
    }
    size_t key = random_below(KEYS);
    model->ticket += random_below(3) == 0;
    bool there = model_newest(model, key) != NULL;
    ck_assert_int_eq(catalog_pending_remove(catalog, &keys[key].key, model->ticket),
                     there ? 0 : CATALOG_ENOTFOUND);
    if (there) {
        model->orders[model->order_count++] = (struct model_order){model->ticket, key, NULL};
    }
}

/* Nodes: one for each key that is stored or has an order, and none besides. */
static void assert_nodes(const struct catalog *catalog, const struct model *model) {
    size_t expected = 0;
    for (size_t key = 0; key < KEYS; ++key) {
        bool ordered = false;
        for (size_t i = 0; i < model->order_count; ++i) {
            ordered = ordered || model->orders[i].key == key;
        }
        expected += ordered || model->stored[key] != NULL;
    }
    ck_assert_uint_eq(catalog->handles.count - catalog->handles.free_count, expected);
}

/* Whatever comes in whatever order, both layers are what arrays say (G3, G11). */
START_TEST(layers_match_arrays) {
    random_state = 1 + (uint64_t)_i;
    make_keys();
    size_t sorted[KEYS];
    for (size_t i = 0; i < KEYS; ++i) {
        sorted[i] = i;
    }
    qsort(sorted, KEYS, sizeof *sorted, compare_indexes);
    struct model model = {.ticket = 1};
    struct catalog *catalog = NULL;
    ck_assert_int_eq(catalog_new(&merkle_allocator_libc, &catalog), 0);
    for (catalog_clock clock = 1; clock <= STEPS; ++clock) {
        size_t key = random_below(KEYS);
        uint64_t oldest = model.order_count > 0 ? model.orders[0].ticket : model.ticket;
        uint64_t ticket = oldest + random_below((uint32_t)(model.ticket - oldest) + 2);
        switch (random_below(15)) {
        case 0:
        case 1:
            ck_assert_int_eq(catalog_pending_stored(catalog, ticket), 0);
            model_stored(&model, ticket);
            break;
        case 2:
            catalog_pending_abandon(catalog, ticket);
            model_abandon(&model, ticket);
            break;
        case 3: {
            int expected = model.stored[key] != NULL ? 0 : CATALOG_ENOTFOUND;
            ck_assert_int_eq(catalog_unload(catalog, &keys[key].key), expected);
            model_store(&model, key, NULL);
            break;
        }
        case 4: {
            struct catalog_entry *entry =
                next_entry(&keys[key].key, model_newest(&model, key), clock);
            ck_assert_int_eq(catalog_load(catalog, entry), 0);
            model_store(&model, key, entry);
            break;
        }
        case 5:
        case 6:
        case 7:
            take_away(catalog, &model);
            break;
        default:
            put(catalog, &model, clock);
            break;
        }
        assert_nodes(catalog, &model);
        assert_same(catalog, &model, sorted);
    }
    catalog_free(catalog);
    model_close(&model);
}
END_TEST

/* An entry put again while an earlier one is in flight: the earlier becomes stored, the later stays pending (G11). */
START_TEST(later_stays_pending) {
    random_state = 9;
    struct catalog *catalog = NULL;
    ck_assert_int_eq(catalog_new(&merkle_allocator_libc, &catalog), 0);
    struct catalog_key key = catalog_kit_key(9, "users", "x");
    struct catalog_entry *first = next_entry(&key, NULL, 1);
    struct catalog_entry *second = next_entry(&key, first, 2);
    ck_assert_int_eq(catalog_pending_put(catalog, first, 1), 0);
    ck_assert_int_eq(catalog_pending_put(catalog, second, 2), 0);
    ck_assert_ptr_null(catalog_find(catalog, &key));
    ck_assert_int_eq(catalog_pending_stored(catalog, 1), 0);
    ck_assert_ptr_eq(catalog_find(catalog, &key), first);
    ck_assert_ptr_eq(catalog_pending_find(catalog, &key), second);
    catalog_pending_abandon(catalog, 2);
    ck_assert_ptr_eq(catalog_pending_find(catalog, &key), first);
    ck_assert_uint_eq(catalog_count(catalog).changes, 1);
    struct catalog_entry *got = catalog_get(catalog, &key);
    ck_assert_ptr_eq(got, first);
    catalog_entry_release(got);
    catalog_entry_release(first);
    catalog_entry_release(second);
    catalog_free(catalog);
}
END_TEST

static void assert_layers(struct catalog *catalog, const struct catalog_key *key,
                          const struct catalog_entry *stored, const struct catalog_entry *newest) {
    ck_assert_ptr_eq(catalog_find(catalog, key), stored);
    ck_assert_ptr_eq(catalog_pending_find(catalog, key), newest);
    ck_assert_uint_eq(merkle_tree_count(catalog_tree(catalog)), stored != NULL);
    ck_assert_uint_eq(catalog_count(catalog).all, stored != NULL);
    ck_assert_uint_eq(catalog_pending_sum(catalog).entry_count, newest != NULL);
}

/* A removal is seen at once by who writes and by nobody else until it is stored (G11); a put follows on it, in the same batch or
 * another; each comes back if it is abandoned; the node ends when nothing is left of it. */
START_TEST(removed_when_stored) {
    random_state = 9;
    struct catalog *catalog = NULL;
    ck_assert_int_eq(catalog_new(&merkle_allocator_libc, &catalog), 0);
    struct catalog_key key = catalog_kit_key(9, "users", "x");
    struct catalog_entry *first = next_entry(&key, NULL, 1);
    struct catalog_entry *second = next_entry(&key, NULL, 2);
    ck_assert_int_eq(catalog_pending_remove(catalog, &key, 1), CATALOG_ENOTFOUND);
    ck_assert_int_eq(catalog_load(catalog, first), 0);
    ck_assert_int_eq(catalog_pending_remove(catalog, &key, 1), 0);
    assert_layers(catalog, &key, first, NULL);
    ck_assert_int_eq(catalog_pending_remove(catalog, &key, 1), CATALOG_ENOTFOUND);
    ck_assert_int_eq(catalog_pending_put(catalog, second, 1), 0); /* the same ticket */
    assert_layers(catalog, &key, first, second);
    ck_assert_int_eq(catalog_pending_remove(catalog, &key, 2), 0);
    assert_layers(catalog, &key, first, NULL);
    catalog_pending_abandon(catalog, 2);
    assert_layers(catalog, &key, first, second);
    catalog_pending_abandon(catalog, 1);
    assert_layers(catalog, &key, first, first);
    ck_assert_int_eq(catalog_pending_remove(catalog, &key, 3), 0);
    ck_assert_int_eq(catalog_pending_put(catalog, second, 4), 0); /* another ticket */
    ck_assert_int_eq(catalog_pending_stored(catalog, 3), 0);
    assert_layers(catalog, &key, NULL, second);
    catalog_pending_abandon(catalog, 4);
    assert_layers(catalog, &key, NULL, NULL);
    ck_assert_uint_eq(catalog->handles.count, catalog->handles.free_count);
    ck_assert_int_eq(catalog_pending_put(catalog, first, 5), 0);
    ck_assert_int_eq(catalog_pending_remove(catalog, &key, 5), 0);
    ck_assert_int_eq(catalog_pending_put(catalog, second, 5), 0);
    ck_assert_int_eq(catalog_pending_remove(catalog, &key, 5), 0);
    ck_assert_int_eq(catalog_pending_stored(catalog, 5), 0); /* and gone, all at once */
    assert_layers(catalog, &key, NULL, NULL);
    ck_assert_uint_eq(catalog->handles.count, catalog->handles.free_count);
    catalog_entry_release(first);
    catalog_entry_release(second);
    catalog_free(catalog);
}
END_TEST

/* More orders than one hold of the lock takes become stored by one call. */
START_TEST(many_at_once) {
    random_state = 3;
    struct catalog *catalog = NULL;
    ck_assert_int_eq(catalog_new(&merkle_allocator_libc, &catalog), 0);
    enum { MANY = 2500 };
    for (unsigned i = 0; i < MANY; ++i) {
        char name[16];
        snprintf(name, sizeof name, "n%u", i);
        struct catalog_key key = catalog_kit_key(CATALOG_INDEX, "users", name);
        struct catalog_entry *entry = next_entry(&key, NULL, i + 1);
        ck_assert_int_eq(catalog_pending_put(catalog, entry, 1), 0);
        catalog_entry_release(entry);
    }
    ck_assert_int_eq(catalog_pending_stored(catalog, 1), 0);
    ck_assert_uint_eq(catalog_count(catalog).all, MANY);
    ck_assert_uint_eq(catalog_count(catalog).changes, MANY);
    catalog_free(catalog);
}
END_TEST

static int load_and_put(struct catalog *catalog, struct catalog_entry *const *entries) {
    int result = catalog_load(catalog, entries[0]);
    result = result == 0 ? catalog_pending_put(catalog, entries[1], 1) : result;
    result = result == 0 ? catalog_pending_put(catalog, entries[2], 2) : result;
    struct catalog_key key = catalog_entry_key(entries[0]);
    return result == 0 ? catalog_pending_remove(catalog, &key, 2) : result;
}

/* Whichever allocation fails, a put or load changes nothing, and all memory comes back. */
START_TEST(out_of_memory) {
    struct catalog_kit kit;
    catalog_kit_init(&kit, &merkle_allocator_libc, 1);
    struct catalog_write writes[] = {
        catalog_kit_set(&kit, CATALOG_SCHEMA, "users", "",
                        "{\"fields\":{\"x\":{\"type\":\"string\"}}}"),
        catalog_kit_set(
            &kit, CATALOG_CONSTRAINT, "posts", "fk",
            "{\"type\":\"foreign_key\",\"fields\":[\"x\"],\"references\":{\"entity\":\"users\","
            "\"fields\":[\"x\"]},\"on_delete\":\"cascade\"}"),
        catalog_kit_set(&kit, CATALOG_INDEX, "posts", "i", "{\"fields\":[\"x\"]}"),
    };
    struct catalog_plan *plan = catalog_kit_plan(&kit, writes, 3);
    ck_assert_uint_eq(plan->entry_count, 3);
    for (size_t allowed = 0;; ++allowed) {
        struct alloc_fault fault = {.allowed = allowed};
        const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
        struct catalog *catalog = NULL;
        int result = catalog_new(&allocator, &catalog);
        bool made = result == 0;
        if (made) {
            result = load_and_put(catalog, plan->entries);
            size_t removed = result == 0;
            size_t nodes = catalog->orders.count + catalog_count(catalog).all - removed;
            ck_assert_uint_eq(catalog_pending_sum(catalog).entry_count, nodes - removed);
            ck_assert_uint_eq(catalog->handles.count - catalog->handles.free_count, nodes);
        }
        if (result == 0) {
            result =
                catalog_pending_stored(catalog, 2); /* fatal for the owner, who may only free it */
        }
        catalog_free(catalog);
        ck_assert_uint_eq(fault.live_blocks, 0);
        if (result == 0) {
            ck_assert_uint_gt(allowed, 3);
            break;
        }
        ck_assert_int_eq(result, CATALOG_ENOMEM);
        ck_assert_uint_ge(fault.fired, 1);
    }
    catalog_plan_free(plan);
    catalog_kit_close(&kit);
}
END_TEST

/* The sum is that of numbers of 128 bits: carries and borrows run through all bytes. */
START_TEST(sum_carries) {
    struct catalog_sum sum = {0};
    struct merkle_digest ones;
    struct merkle_digest one = {{0}};
    memset(ones.bytes, 0xff, sizeof ones.bytes);
    one.bytes[15] = 1;
    catalog_sum_add(&sum, &ones);
    catalog_sum_add(&sum, &one);
    ck_assert_uint_eq(sum.entry_count, 2);
    ck_assert(merkle_digest_equal(&sum.digest_sum, &(struct merkle_digest){{0}}));
    catalog_sum_remove(&sum, &one);
    ck_assert(merkle_digest_equal(&sum.digest_sum, &ones));
}
END_TEST

Suite *pending_suite(void);
Suite *pending_suite(void) {
    Suite *suite = suite_create("pending");
    TCase *layers = tcase_create("catalog_pending");
    tcase_add_loop_test(layers, layers_match_arrays, 0, 4);
    tcase_add_test(layers, later_stays_pending);
    tcase_add_test(layers, removed_when_stored);
    tcase_add_test(layers, many_at_once);
    tcase_add_test(layers, out_of_memory);
    suite_add_tcase(suite, layers);
    TCase *sum = tcase_create("catalog_sum");
    tcase_add_test(sum, sum_carries);
    suite_add_tcase(suite, sum);
    return suite;
}
