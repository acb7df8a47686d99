/* plan_resolve.c - a conflict is decided by taking what one node wrote, over all versions (G7).
 *
 * The version that is taken becomes a new one, with its state, body and `previous`, and supersedes all that are there, itself
 * included. Of several that the node wrote (each of its starts is an origin of its own) the newest is meant. It is a write like any
 * other: the rules are asked of its result.
 */
#include "catalog/plan.h"
#include "merkle/instrument.h"

#include <stdio.h>
#include <string.h>

/* Together they fit a message, whatever the names. */
enum { KEY_SHOWN_MAX = 200, NODE_SHOWN_MAX = 64, NODES_SHOWN_SIZE = 160 };

/* How much of a text to show: whole characters. */
static int shown_size(struct catalog_text text, size_t max) {
    size_t size_bytes = text.size_bytes;
    if (size_bytes > max) {
        size_bytes = max;
        while (size_bytes > 0 && ((uint8_t)text.data[size_bytes] & 0xc0) == 0x80) {
            size_bytes -= 1;
        }
    }
    return (int)size_bytes;
}

/* "'a', 'b'": the nodes that have a version, each once. */
static void show_nodes(const struct catalog_version *versions, size_t count,
                       char text[NODES_SHOWN_SIZE]) {
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count && used + 1 < NODES_SHOWN_SIZE; ++i) {
        bool shown = false;
        for (size_t k = 0; k < i && !shown; ++k) {
            shown = catalog__text_equal(versions[k].node, versions[i].node);
        }
        if (!shown) {
            int size =
                snprintf(text + used, NODES_SHOWN_SIZE - used, "%s'%.*s'", used > 0 ? ", " : "",
                         (int)versions[i].node.size_bytes, versions[i].node.data);
            used += (size_t)(size > 0 ? size : 0);
        }
    }
}

static int refuse_node(struct catalog__planning *planning, struct catalog__target *target,
                       const struct catalog_version *versions, size_t count) {
    char shown[CATALOG__KEY_SHOWN_SIZE];
    char nodes[NODES_SHOWN_SIZE];
    struct catalog_text take = target->write->take;
    struct catalog_text key = {.data = catalog__key_shown(&target->key, shown)};
    key.size_bytes = strlen(shown);
    show_nodes(versions, count, nodes);
    PROBE("catalog.resolve_without_version");
    return catalog__plan_refuse(planning, target, CATALOG_ENOTFOUND,
                                "%.*s has no version of node '%.*s'; there are those of %s",
                                shown_size(key, KEY_SHOWN_MAX), key.data,
                                shown_size(take, NODE_SHOWN_MAX), take.data, nodes);
}

static void take_version(struct catalog__target *target, const struct catalog_version *version) {
    PROBE("catalog.resolve_takes");
    target->changed = true;
    target->state = version->state;
    if (version->state != CATALOG_DROPPED) {
        target->body = version->body;
        target->body_size_bytes = version->body_size_bytes;
    }
    target->previous = version->previous;
    target->previous_size_bytes = version->previous_size_bytes;
}

int catalog__plan_resolve(struct catalog__planning *planning, struct catalog__target *target) {
    const struct catalog_entry *before = target->before;
    char shown[CATALOG__KEY_SHOWN_SIZE];
    if (before == NULL || !before->conflict) {
        return catalog__plan_refuse(planning, target,
                                    before == NULL ? CATALOG_ENOTFOUND : CATALOG_ESTATE, "%s %s",
                                    catalog__key_shown(&target->key, shown),
                                    before == NULL ? "does not exist" : "is not in conflict");
    }
    size_t count = before->version_count;
    struct catalog_version *versions =
        merkle_allocate(planning->allocator, count, sizeof(*versions));
    if (versions == NULL) {
        return CATALOG_ENOMEM;
    }
    size_t read = catalog_entry_versions(before, versions, count);
    assert(read == count);
    size_t taken = count;
    while (taken > 0 && !catalog__text_equal(versions[taken - 1].node, target->write->take)) {
        taken -= 1;
    }
    int result = 0;
    if (taken > 0) {
        take_version(target, &versions[taken - 1]);
    } else {
        result = refuse_node(planning, target, versions, count);
    }
    merkle_release(planning->allocator, versions);
    return result;
}
