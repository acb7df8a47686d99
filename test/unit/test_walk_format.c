/* test_walk_format.c - the bytes of a walk: one way to write each node, and no other is read. */
#include "merkle/walk.h"
#include "test/unit/support/items.h"

#include <check.h>
#include <string.h>

static int read_node(const void *bytes, size_t size_bytes, struct merkle__node *node) {
    struct merkle__reader reader = {.data = bytes, .size_bytes = size_bytes};
    const int result = merkle__node_read(&reader, node);
    return result == 0 && reader.position != size_bytes ? 1 : result;
}

/* A node of these bytes, followed by enough fingerprints, is refused. */
static void assert_refused(const char *bytes, size_t size_bytes) {
    uint8_t message[300] = {0};
    struct merkle__reader reader = {.data = message, .size_bytes = sizeof(message)};
    struct merkle__node node;
    memcpy(message, bytes, size_bytes);
    ck_assert_int_eq(merkle__node_read(&reader, &node), MERKLE_EMALFORMED);
}

START_TEST(varints_have_one_form) {
    /* Every number reads back; longer forms, numbers over 64 bits and cut ones are refused. */
    static const uint64_t values[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); ++i) {
        uint8_t bytes[10];
        uint64_t value;
        struct merkle__reader reader = {.data = bytes};
        reader.size_bytes = merkle__varint_write(values[i], bytes);
        ck_assert_int_eq(merkle__varint_read(&reader, &value), 0);
        ck_assert_uint_eq(value, values[i]);
        ck_assert_uint_eq(reader.position, reader.size_bytes);
        reader = (struct merkle__reader){.data = bytes, .size_bytes = reader.size_bytes - 1};
        ck_assert_int_eq(merkle__varint_read(&reader, &value), MERKLE_EMALFORMED);
    }
    static const char *const refused[] = {"\x80\x00", "\xff\x80\x00",
                                          "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
                                          "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"};
    static const size_t refused_sizes[] = {2, 3, 10, 11};
    for (size_t i = 0; i < 4; ++i) {
        uint64_t value;
        struct merkle__reader reader = {.data = (const uint8_t *)refused[i],
                                        .size_bytes = refused_sizes[i]};
        ck_assert_int_eq(merkle__varint_read(&reader, &value), MERKLE_EMALFORMED);
    }
}
END_TEST

START_TEST(heads_and_paths_read_back) {
    /* A bare node at every depth is its head and ceil(depth / 2) bytes of path, and reads back as it was. */
    for (unsigned depth = 0; depth <= 16; ++depth) {
        struct merkle_buffer buffer;
        struct merkle_path path = {.depth = (uint8_t)depth};
        struct merkle__node node;
        path.prefix = UINT64_C(0x123456789abcdef1) & ~merkle_path_slot_last(path);
        merkle_buffer_init(&buffer, &merkle_allocator_libc);
        merkle__node_write(&buffer, MERKLE__NODE_EXPAND, path);
        ck_assert_uint_eq(buffer.size_bytes, 1 + (depth + 1) / 2);
        ck_assert_int_eq(read_node(buffer.data, buffer.size_bytes, &node), 0);
        ck_assert_int_eq(node.kind, MERKLE__NODE_EXPAND);
        ck_assert_uint_eq(node.path.depth, depth);
        ck_assert_uint_eq(node.path.prefix, path.prefix);
        for (size_t size = 0; size < buffer.size_bytes; ++size)
            ck_assert_int_eq(read_node(buffer.data, size, &node), MERKLE_EMALFORMED);
        merkle_buffer_close(&buffer);
    }
}
END_TEST

START_TEST(known_bytes) {
    /* These nodes are these bytes, for ever. */
    struct merkle_buffer buffer;
    merkle_buffer_init(&buffer, &merkle_allocator_libc);
    const struct merkle_path odd = {.prefix = UINT64_C(0xabc0000000000000), .depth = 3};
    merkle__node_write(&buffer, MERKLE__NODE_EXPAND, odd);
    merkle__node_write(&buffer, MERKLE__NODE_EMPTY, (struct merkle_path){.prefix = 0, .depth = 0});
    const struct merkle_path deepest = {.prefix = 1, .depth = 16};
    merkle__node_write(&buffer, MERKLE__NODE_SOME, deepest);
    static const uint8_t expected[] = {0x13, 0xab, 0xc0, 0x50, 0xe0, 0, 0, 0, 0, 0, 0, 0, 1};
    ck_assert_uint_eq(buffer.size_bytes, sizeof(expected));
    ck_assert_mem_eq(buffer.data, expected, sizeof(expected));
    merkle_buffer_close(&buffer);
}
END_TEST

START_TEST(other_forms_are_refused) {
    /* Kinds that there are not, paths with bits below their depth, INNER at depth 16, bitmaps of no or all children, empty
     * and oversized leaves: each has its own form, or none. */
    assert_refused("\x00", 1);                                      /* kind 0 */
    assert_refused("\x70", 1);                                      /* kind 7 */
    assert_refused("\x81", 1);                                      /* depth 16 with a depth */
    assert_refused("\x80\0\0\0\0\0\0\0", 9);                        /* kind 0 at depth 16 */
    assert_refused("\x11\xab", 2);                                  /* depth 1, two nibbles */
    assert_refused("\x13\xab\xcd", 3);                              /* depth 3, four nibbles */
    assert_refused("\xa0", 1);                                      /* INNER at depth 16 */
    assert_refused("\xb0", 1);                                      /* INNER_FULL at depth 16 */
    assert_refused("\x20\x00\x00", 3);                              /* INNER of none */
    assert_refused("\x20\xff\xff", 3);                              /* INNER of all */
    assert_refused("\x40\x00", 2);                                  /* LEAF of none */
    assert_refused("\x40\x21", 2);                                  /* LEAF of 33 */
    assert_refused("\x40\x81\x00", 3);                              /* LEAF of 1, the long way */
    assert_refused("\xc0\0\0\0\0\0\0\0\0\xff\xff\xff\xff\x0f", 14); /* more than there is */
}
END_TEST

START_TEST(content_reads_back) {
    /* What the writers write of a tree reads back as its children and items, and not one byte less is enough. */
    for (uint32_t count = 2; count < 3000; count *= 3) {
        uint64_t random = count;
        struct items items;
        items_init(&items);
        for (uint32_t i = 0; i < count; ++i)
            items_push(&items, items_item(items_slot(ITEMS_UNIFORM, &random), i));
        struct merkle_tree *tree = items_tree(&merkle_allocator_libc, &items);
        const struct merkle_path root = {.depth = 0};
        struct merkle_buffer buffer;
        merkle_buffer_init(&buffer, &merkle_allocator_libc);
        struct merkle__node node;
        if (count <= 32)
            merkle__node_write_leaf(&buffer, tree, 5, root, count);
        else
            merkle__node_write_inner(&buffer, tree, 5, root);
        ck_assert_int_eq(read_node(buffer.data, buffer.size_bytes, &node), 0);
        for (size_t size = 0; size < buffer.size_bytes; ++size)
            ck_assert_int_eq(read_node(buffer.data, size, &node), MERKLE_EMALFORMED);
        ck_assert_int_eq(read_node(buffer.data, buffer.size_bytes, &node), 0);
        for (unsigned i = 0; count > 32 && i < 16; ++i) {
            const struct merkle_path child = merkle__path_child(root, i);
            ck_assert_int_eq((node.present >> i) & 1, merkle_tree_path_count(tree, child) > 0);
            if (!((node.present >> i) & 1))
                continue;
            const struct merkle_digest digest = merkle_tree_path_digest(tree, child);
            ck_assert(merkle__fingerprint_equal(merkle__node_child(&node, i),
                                                merkle_fingerprint_of_digest(&digest, 5)));
        }
        if (count <= 32)
            ck_assert_uint_eq(node.fingerprint_count, count);
        merkle_buffer_close(&buffer);
        merkle_tree_free(tree);
        items_close(&items);
    }
}
END_TEST

Suite *walk_format_suite(void);

Suite *walk_format_suite(void) {
    Suite *suite = suite_create("walk_format");
    TCase *varint = tcase_create("merkle__varint_read");
    tcase_add_test(varint, varints_have_one_form);
    suite_add_tcase(suite, varint);
    TCase *node = tcase_create("merkle__node_read");
    tcase_add_test(node, heads_and_paths_read_back);
    tcase_add_test(node, known_bytes);
    tcase_add_test(node, other_forms_are_refused);
    tcase_add_test(node, content_reads_back);
    suite_add_tcase(suite, node);
    return suite;
}
