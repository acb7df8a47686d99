/* walk_answer.c - the answering side of a walk: it keeps nothing between requests.
 *
 * A request is read twice: once to see that all of it is well formed, then to answer it, so that a malformed one leaves
 * no half answer. The work is linear in the bytes of the request and of the answer.
 */
#include "merkle/instrument.h"
#include "merkle/walk.h"

static void content_write(struct merkle_buffer *answer, struct merkle_tree *tree, uint64_t salt,
                          struct merkle_path path, size_t leaf_items_max) {
    size_t count = merkle_tree_path_count(tree, path);
    if (count == 0) {
        merkle__node_write(answer, MERKLE__NODE_EMPTY, path);
    } else if (merkle__travels_as_leaf(path, count, leaf_items_max)) {
        merkle__node_write_leaf(answer, tree, salt, path, count);
    } else {
        merkle__node_write_inner(answer, tree, salt, path);
    }
}

static void children_write(struct merkle_buffer *answer, struct merkle_tree *tree, uint64_t salt,
                           const struct merkle__node *asked) {
    struct merkle_digest digests[MERKLE_FAN_OUT];
    uint16_t present = merkle__tree_children(tree, asked->path, digests);
    for (unsigned i = 0; i < MERKLE_FAN_OUT; i++) {
        bool theirs = (asked->present >> i) & 1, ours = (present >> i) & 1;
        struct merkle_path child = merkle__path_child(asked->path, i);
        if (!theirs && ours) {
            PROBE("merkle.answer_some");
            merkle__node_write(answer, MERKLE__NODE_SOME, child);
        } else if (theirs && !ours) {
            PROBE("merkle.answer_empty_child");
            merkle__node_write(answer, MERKLE__NODE_EMPTY, child);
        } else if (theirs &&
                   !merkle__fingerprint_equal(merkle_fingerprint_of_digest(&digests[i], salt),
                                              merkle__node_child(asked, i))) {
            content_write(answer, tree, salt, child, MERKLE_LEAF_ITEMS_MAX);
        }
    }
}

static void node_answer(struct merkle_buffer *answer, struct merkle_tree *tree, uint64_t salt,
                        const struct merkle__node *asked) {
    if (asked->kind == MERKLE__NODE_EXPAND) {
        content_write(answer, tree, salt, asked->path, MERKLE__EXPAND_ITEMS_MAX);
        return;
    }
    size_t count = merkle_tree_path_count(tree, asked->path);
    if (merkle__travels_as_leaf(asked->path, count, MERKLE_LEAF_ITEMS_MAX)) {
        PROBE("merkle.answer_leaf_to_inner");
        content_write(answer, tree, salt, asked->path, MERKLE_LEAF_ITEMS_MAX);
    } else {
        children_write(answer, tree, salt, asked);
    }
}

static int request_check(struct merkle__reader reader) {
    if (reader.size_bytes == 0) {
        return MERKLE_EMALFORMED;
    }
    while (reader.position < reader.size_bytes) {
        struct merkle__node node;
        if (merkle__node_read(&reader, &node) != 0 || !merkle__node_is_request(&node)) {
            return MERKLE_EMALFORMED;
        }
    }
    return 0;
}

int merkle_walk_answer(struct merkle_tree *tree, uint64_t salt, const uint8_t *request,
                       size_t size_bytes, size_t answer_size_max, struct merkle_buffer *answer) {
    struct merkle__reader reader = {.data = request, .size_bytes = size_bytes};
    if (request_check(reader) != 0) {
        PROBE("merkle.walk_request_malformed");
        return MERKLE_EMALFORMED;
    }
    size_t start = answer->size_bytes, answered = 0;
    uint8_t count_bytes[10];
    while (reader.position < reader.size_bytes && !answer->failed) {
        struct merkle__node node;
        int result = merkle__node_read(&reader, &node);
        assert(result == 0);
        size_t before = answer->size_bytes;
        node_answer(answer, tree, salt, &node);
        size_t total_bytes =
            answer->size_bytes - start + merkle__varint_write(answered + 1, count_bytes);
        if (answered > 0 && total_bytes > answer_size_max) {
            answer->size_bytes = before;
            break;
        }
        answered++;
    }
    /* The number of nodes is known only now: the nodes move to make room for it. */
    size_t count_size_bytes = merkle__varint_write(answered, count_bytes);
    if (merkle_buffer_reserve(answer, count_size_bytes) == NULL) {
        answer->size_bytes = start;
        return MERKLE_ENOMEM;
    }
    uint8_t *place = answer->data + start;
    memmove(place + count_size_bytes, place, answer->size_bytes - start);
    memcpy(place, count_bytes, count_size_bytes);
    answer->size_bytes += count_size_bytes;
    return 0;
}

int merkle_walk_answer_root(struct merkle_tree *tree, uint64_t salt, struct merkle_buffer *answer) {
    static const uint8_t expand_root[] = {MERKLE__NODE_EXPAND << 4};
    return merkle_walk_answer(tree, salt, expand_root, sizeof(expand_root), SIZE_MAX, answer);
}
