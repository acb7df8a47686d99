/* walk_receive.c - what the initiator learns from an answer.
 *
 * An answer is read against its request, twice: first to see that each node of it is one that the request allows (after
 * that nothing can be wrong with it any more), then to learn from it. If memory ends on the way, the lists are cut back
 * to what they were, and the same answer can be given again.
 */
#include "merkle/instrument.h"
#include "merkle/walk.h"

/* --- learning: what one node of the answer says, beside our own tree */

static int frontier_push(struct merkle_walk *walk, struct merkle_path path) {
    return merkle__list_append(walk->allocator, &walk->frontier[path.depth], &path.prefix);
}

static int have_path(struct merkle_walk *walk, struct merkle_path path) {
    struct merkle_walk_have have = {.whole_path = true, .path = path};
    return merkle__list_append(walk->allocator, &walk->haves, &have);
}

static int learn_inner(struct merkle_walk *walk, const struct merkle__node *node) {
    struct merkle_digest digests[MERKLE_FAN_OUT];
    uint16_t present = merkle__tree_children(walk->tree, node->path, digests);
    int result = 0;
    for (unsigned i = 0; i < MERKLE_FAN_OUT && result == 0; i++) {
        bool theirs = (node->present >> i) & 1, ours = (present >> i) & 1;
        struct merkle_path child = merkle__path_child(node->path, i);
        if (theirs && !ours) {
            PROBE("merkle.walk_range");
            result = merkle__list_append(walk->allocator, &walk->ranges, &child);
        } else if (!theirs && ours) {
            PROBE("merkle.walk_have_path");
            result = have_path(walk, child);
        } else if (theirs &&
                   !merkle__fingerprint_equal(merkle_fingerprint_of_digest(&digests[i], walk->salt),
                                              merkle__node_child(node, i))) {
            PROBE("merkle.walk_goes_down");
            result = frontier_push(walk, child);
        }
    }
    return result;
}

static int learn(struct merkle_walk *walk, const struct merkle__node *node) {
    bool ours = merkle_tree_path_count(walk->tree, node->path) > 0;
    if (node->kind == MERKLE__NODE_EMPTY) {
        return ours ? have_path(walk, node->path) : 0;
    }
    if (!ours) {
        PROBE("merkle.walk_range_whole");
        return merkle__list_append(walk->allocator, &walk->ranges, &node->path);
    }
    switch (node->kind) {
    case MERKLE__NODE_LEAF:
        return merkle__walk_compare_leaf(walk, node);
    case MERKLE__NODE_INNER:
        return learn_inner(walk, node);
    default: /* SOME, where we had none when we asked and have some now */
        return frontier_push(walk, node->path);
    }
}

/* --- reading an answer against its request. `walk` is NULL where it is only checked. */

/* Is `path` a child of `parent`? If so, which. */
static bool path_is_child(struct merkle_path path, struct merkle_path parent, unsigned *nibble) {
    if (parent.depth >= MERKLE_DEPTH_MAX || path.depth != parent.depth + 1 ||
        path.prefix < merkle_path_slot_first(parent) ||
        path.prefix > merkle_path_slot_last(parent)) {
        return false;
    }
    *nibble = merkle__nibble(path.prefix, parent.depth);
    return true;
}

static bool path_equal(struct merkle_path a, struct merkle_path b) {
    return a.depth == b.depth && a.prefix == b.prefix;
}

/* May a child be answered so, given whether the request named it? */
static bool child_is_allowed(const struct merkle__node *node, bool named) {
    switch (node->kind) {
    case MERKLE__NODE_SOME:
        return !named;
    case MERKLE__NODE_LEAF:
        return named &&
               merkle__travels_as_leaf(node->path, node->fingerprint_count, MERKLE_LEAF_ITEMS_MAX);
    case MERKLE__NODE_EMPTY:
    case MERKLE__NODE_INNER:
        return named;
    default:
        return false;
    }
}

static int answer_to_expand(struct merkle_walk *walk, const struct merkle__node *asked,
                            struct merkle__reader *answer) {
    struct merkle__node node;
    if (merkle__node_read(answer, &node) != 0 || !path_equal(node.path, asked->path) ||
        !(node.kind == MERKLE__NODE_EMPTY || node.kind == MERKLE__NODE_LEAF ||
          node.kind == MERKLE__NODE_INNER)) {
        return MERKLE_EMALFORMED;
    }
    return walk != NULL ? learn(walk, &node) : 0;
}

static int answer_to_inner(struct merkle_walk *walk, const struct merkle__node *asked,
                           struct merkle__reader *answer) {
    unsigned nibble_next = 0, nibble;
    while (answer->position < answer->size_bytes) {
        struct merkle__reader after = *answer;
        struct merkle__node node;
        if (merkle__node_read(&after, &node) != 0) {
            return MERKLE_EMALFORMED;
        }
        bool whole = path_equal(node.path, asked->path);
        if (whole) {
            if (nibble_next > 0 ||
                !(node.kind == MERKLE__NODE_EMPTY || node.kind == MERKLE__NODE_LEAF) ||
                node.fingerprint_count > MERKLE_LEAF_ITEMS_MAX) {
                return MERKLE_EMALFORMED;
            }
        } else if (path_is_child(node.path, asked->path, &nibble)) {
            if (nibble < nibble_next || !child_is_allowed(&node, (asked->present >> nibble) & 1)) {
                return MERKLE_EMALFORMED;
            }
            nibble_next = nibble + 1;
        } else {
            break; /* the answer to the next node of the request, or to none */
        }
        *answer = after;
        int result = walk != NULL ? learn(walk, &node) : 0;
        if (result != 0 || whole) {
            PROBE("merkle.walk_answered_whole");
            return result;
        }
    }
    return 0;
}

static int answer_read(struct merkle_walk *walk, struct merkle__reader request,
                       struct merkle__reader answer) {
    uint64_t answered;
    if (merkle__varint_read(&answer, &answered) != 0 || answered == 0) {
        return MERKLE_EMALFORMED;
    }
    for (; request.position<request.size_bytes; answered -= answered> 0) {
        struct merkle__node asked;
        if (merkle__node_read(&request, &asked) != 0 || !merkle__node_is_request(&asked)) {
            return MERKLE_EMALFORMED;
        }
        int result = 0;
        if (answered == 0) {
            result = walk != NULL ? frontier_push(walk, asked.path) : 0;
        } else if (asked.kind == MERKLE__NODE_EXPAND) {
            result = answer_to_expand(walk, &asked, &answer);
        } else {
            result = answer_to_inner(walk, &asked, &answer);
        }
        if (result != 0) {
            return result;
        }
    }
    return answered == 0 && answer.position == answer.size_bytes ? 0 : MERKLE_EMALFORMED;
}

/* --- the whole */

/* What came on the frontier last goes first; turned round, requests go up in slot order. */
static void frontier_reverse(struct merkle__list *list, size_t kept) {
    uint64_t *prefixes = (uint64_t *)(void *)list->data;
    for (size_t low = list->first + kept, high = list->first + list->count; low + 1 < high; low++) {
        high--;
        uint64_t prefix = prefixes[low];
        prefixes[low] = prefixes[high];
        prefixes[high] = prefix;
    }
}

int merkle_walk_receive(struct merkle_walk *walk, const uint8_t *request, size_t request_size_bytes,
                        const uint8_t *answer, size_t answer_size_bytes) {
    struct merkle__reader request_reader = {.data = request, .size_bytes = request_size_bytes};
    struct merkle__reader answer_reader = {.data = answer, .size_bytes = answer_size_bytes};
    if (answer_read(NULL, request_reader, answer_reader) != 0) {
        PROBE("merkle.walk_answer_malformed");
        return MERKLE_EMALFORMED;
    }
    size_t frontier_counts[MERKLE_DEPTH_MAX + 1];
    for (unsigned depth = 0; depth <= MERKLE_DEPTH_MAX; depth++) {
        frontier_counts[depth] = walk->frontier[depth].count;
    }
    size_t wants = walk->wants.count, ranges = walk->ranges.count, haves = walk->haves.count;
    int result = answer_read(walk, request_reader, answer_reader);
    assert(result == 0 || result == MERKLE_ENOMEM);
    for (unsigned depth = 0; depth <= MERKLE_DEPTH_MAX; depth++) {
        if (result == 0) {
            frontier_reverse(&walk->frontier[depth], frontier_counts[depth]);
        } else {
            walk->frontier[depth].count = frontier_counts[depth];
        }
    }
    if (result != 0) {
        walk->wants.count = wants;
        walk->ranges.count = ranges;
        walk->haves.count = haves;
    }
    return result;
}

int merkle_walk_start(struct merkle_walk *walk, const uint8_t *answer, size_t size_bytes) {
    static const uint8_t expand_root[] = {MERKLE__NODE_EXPAND << 4};
    return merkle_walk_receive(walk, expand_root, sizeof(expand_root), answer, size_bytes);
}
