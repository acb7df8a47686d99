/* walk_format.c - the bytes of requests and answers. There is one way to write each node, and a reader takes no other.
 *
 * A reader gives out only what it has checked to be there: a declared number of fingerprints is compared with the bytes
 * that remain, and nothing is allocated from it.
 */
#include "merkle/instrument.h"
#include "merkle/walk.h"

/* --- reading */

int merkle__varint_read(struct merkle__reader *reader, uint64_t *value) {
    *value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (reader->position == reader->size_bytes) {
            return MERKLE_EMALFORMED;
        }
        uint8_t byte = reader->data[reader->position++];
        if (shift == 63 && byte > 1) {
            return MERKLE_EMALFORMED;
        }
        *value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) {
            return byte == 0 && shift > 0 ? MERKLE_EMALFORMED : 0; /* shortest form */
        }
    }
    return MERKLE_EMALFORMED;
}

static int head_read(struct merkle__reader *reader, struct merkle__node *node) {
    if (reader->position == reader->size_bytes) {
        return MERKLE_EMALFORMED;
    }
    uint8_t head = reader->data[reader->position++];
    unsigned kind = head >> 4, depth = head & 15;
    if (kind >= 8) {
        if (depth != 0) {
            return MERKLE_EMALFORMED;
        }
        kind -= 8;
        depth = MERKLE_DEPTH_MAX;
    }
    if (kind < MERKLE__NODE_EXPAND || kind >= MERKLE__NODE_KIND_COUNT) {
        return MERKLE_EMALFORMED;
    }
    size_t path_size_bytes = (depth + 1) / 2;
    if (reader->size_bytes - reader->position < path_size_bytes) {
        return MERKLE_EMALFORMED;
    }
    uint64_t prefix = 0;
    for (size_t i = 0; i < path_size_bytes; i++) {
        prefix |= (uint64_t)reader->data[reader->position++] << (56 - 8 * i);
    }
    if (depth % 2 == 1 && ((prefix >> (60 - 4 * depth)) & 15) != 0) {
        return MERKLE_EMALFORMED;
    }
    *node = (struct merkle__node){.kind = (enum merkle__node_kind)kind,
                                  .path = {.prefix = prefix, .depth = (uint8_t)depth}};
    return 0;
}

static int inner_read(struct merkle__reader *reader, struct merkle__node *node) {
    if (node->path.depth == MERKLE_DEPTH_MAX) {
        return MERKLE_EMALFORMED;
    }
    if (node->kind == MERKLE__NODE_INNER_FULL) {
        node->kind = MERKLE__NODE_INNER;
        node->present = UINT16_MAX;
    } else {
        if (reader->size_bytes - reader->position < 2) {
            return MERKLE_EMALFORMED;
        }
        const uint8_t *bytes = reader->data + reader->position;
        node->present = (uint16_t)(bytes[0] << 8 | bytes[1]);
        reader->position += 2;
        if (node->present == 0 || node->present == UINT16_MAX) {
            return MERKLE_EMALFORMED;
        }
    }
    node->fingerprint_count = (size_t)__builtin_popcount(node->present);
    return 0;
}

static int leaf_read(struct merkle__reader *reader, struct merkle__node *node) {
    uint64_t count;
    if (merkle__varint_read(reader, &count) != 0 || count == 0) {
        return MERKLE_EMALFORMED;
    }
    if (node->path.depth < MERKLE_DEPTH_MAX && count > MERKLE__EXPAND_ITEMS_MAX) {
        return MERKLE_EMALFORMED;
    }
    if (count > (reader->size_bytes - reader->position) / MERKLE_FINGERPRINT_SIZE_BYTES) {
        return MERKLE_EMALFORMED;
    }
    node->fingerprint_count = (size_t)count;
    return 0;
}

int merkle__node_read(struct merkle__reader *reader, struct merkle__node *node) {
    int result = head_read(reader, node);
    if (result == 0 &&
        (node->kind == MERKLE__NODE_INNER || node->kind == MERKLE__NODE_INNER_FULL)) {
        result = inner_read(reader, node);
    } else if (result == 0 && node->kind == MERKLE__NODE_LEAF) {
        result = leaf_read(reader, node);
    }
    if (result != 0) {
        return result;
    }
    size_t size_bytes = node->fingerprint_count * MERKLE_FINGERPRINT_SIZE_BYTES;
    if (reader->size_bytes - reader->position < size_bytes) {
        return MERKLE_EMALFORMED;
    }
    if (size_bytes > 0) {
        node->fingerprints = reader->data + reader->position;
        reader->position += size_bytes;
    }
    assert(reader->position <= reader->size_bytes);
    return 0;
}

bool merkle__node_is_request(const struct merkle__node *node) {
    return node->kind == MERKLE__NODE_EXPAND || node->kind == MERKLE__NODE_INNER;
}

struct merkle_fingerprint merkle__fingerprint_read(const uint8_t *bytes) {
    struct merkle_fingerprint fingerprint;
    memcpy(fingerprint.bytes, bytes, sizeof(fingerprint.bytes));
    return fingerprint;
}

struct merkle_fingerprint merkle__node_child(const struct merkle__node *node, unsigned nibble) {
    assert(node->kind == MERKLE__NODE_INNER && (node->present >> nibble) & 1);
    unsigned below = node->present & ((1u << nibble) - 1);
    size_t index = (size_t)__builtin_popcount(below);
    return merkle__fingerprint_read(node->fingerprints + index * MERKLE_FINGERPRINT_SIZE_BYTES);
}

bool merkle__fingerprint_equal(struct merkle_fingerprint a, struct merkle_fingerprint b) {
    return memcmp(a.bytes, b.bytes, PLANTED(ATTUNE_B23) ? 1 : sizeof(a.bytes)) == 0;
}

/* --- writing */

size_t merkle__varint_write(uint64_t value, uint8_t bytes[10]) {
    size_t size_bytes = 0;
    for (; value >= 128; value >>= 7) {
        bytes[size_bytes++] = (uint8_t)(value | 128);
    }
    bytes[size_bytes++] = (uint8_t)value;
    return size_bytes;
}

void merkle__node_write(struct merkle_buffer *buffer, enum merkle__node_kind kind,
                        struct merkle_path path) {
    assert(path.depth <= MERKLE_DEPTH_MAX);
    uint8_t bytes[1 + sizeof(path.prefix)];
    if (path.depth == MERKLE_DEPTH_MAX) {
        bytes[0] = (uint8_t)((kind + 8) << 4);
    } else {
        bytes[0] = (uint8_t)(kind << 4 | path.depth);
    }
    uint64_t prefix_big_endian = htobe64(path.prefix);
    memcpy(bytes + 1, &prefix_big_endian, sizeof(prefix_big_endian));
    (void)merkle_buffer_append(buffer, bytes, 1 + (path.depth + 1u) / 2);
}

void merkle__node_write_inner(struct merkle_buffer *buffer, struct merkle_tree *tree, uint64_t salt,
                              struct merkle_path path) {
    struct merkle_digest digests[MERKLE_FAN_OUT];
    uint16_t present = merkle__tree_children(tree, path, digests);
    assert(present != 0);
    if (present == UINT16_MAX) {
        merkle__node_write(buffer, MERKLE__NODE_INNER_FULL, path);
    } else {
        merkle__node_write(buffer, MERKLE__NODE_INNER, path);
        uint8_t bitmap[2] = {(uint8_t)(present >> 8), (uint8_t)present};
        (void)merkle_buffer_append(buffer, bitmap, sizeof(bitmap));
    }
    for (unsigned i = 0; i < MERKLE_FAN_OUT; i++) {
        if ((present >> i) & 1) {
            struct merkle_fingerprint fingerprint = merkle_fingerprint_of_digest(&digests[i], salt);
            (void)merkle_buffer_append(buffer, fingerprint.bytes, sizeof(fingerprint.bytes));
        }
    }
}

void merkle__node_write_leaf(struct merkle_buffer *buffer, const struct merkle_tree *tree,
                             uint64_t salt, struct merkle_path path, size_t count) {
    enum { ITEMS_AT_ONCE = MERKLE__EXPAND_ITEMS_MAX };
    assert(count > 0 && merkle__travels_as_leaf(path, count, MERKLE__EXPAND_ITEMS_MAX));
    merkle__node_write(buffer, MERKLE__NODE_LEAF, path);
    uint8_t count_bytes[10];
    size_t count_size_bytes = merkle__varint_write(count, count_bytes);
    (void)merkle_buffer_append(buffer, count_bytes, count_size_bytes);
    struct merkle_item items[ITEMS_AT_ONCE];
    /* More than ITEMS_AT_ONCE only in a single slot, so that resuming means skipping what was read. */
    for (size_t done = 0; done < count;) {
        size_t read = merkle_tree_range(tree, merkle_path_slot_first(path),
                                        merkle_path_slot_last(path), done, items, ITEMS_AT_ONCE);
        assert(read > 0 && read <= count - done);
        for (size_t i = 0; i < read; i++) {
            struct merkle_fingerprint fingerprint =
                merkle_fingerprint_of_item(items[i].slot, &items[i].digest, salt);
            (void)merkle_buffer_append(buffer, fingerprint.bytes, sizeof(fingerprint.bytes));
        }
        done += read;
    }
}
