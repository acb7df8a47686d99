/* http_audit.c - looks through the catalog for what status, metrics and doctor tell: broken rules, pending changes.
 *
 * That walks the whole catalog; it is repeated only if the catalog has changed, and not in the same moment again.
 */
#include "bin/attuned/http.h"

#include <assert.h>
#include <string.h>

enum { AUDIT_PAUSE_MS = 200 };

static void copy(char to[CATALOG_NAME_SIZE_MAX + 1], struct catalog_text text) {
    assert(text.size_bytes <= CATALOG_NAME_SIZE_MAX);
    if (text.size_bytes > 0)
        memcpy(to, text.data, text.size_bytes);
    to[text.size_bytes] = '\0';
}

static void keep(struct http_pending *pending, const struct catalog_entry *entry) {
    struct catalog_key key = catalog_entry_key(entry);
    struct catalog_version version = catalog_entry_in_force(entry);
    *pending = (struct http_pending){
        .kind = key.kind,
        .state = version.state,
        .since_wall_ms = version.clock >> 16,
    };
    copy(pending->entity, key.entity);
    copy(pending->name, key.name);
    copy(pending->node, version.node);
}

static size_t count_pending(const struct catalog *catalog) {
    struct catalog_counts counts = catalog_count(catalog);
    uint64_t count = 0;
    for (size_t kind = 0; kind < 4; kind++)
        count += counts.by_kind_and_state[kind][CATALOG_PENDING_ADD] +
                 counts.by_kind_and_state[kind][CATALOG_PENDING_DROP];
    return (size_t)count;
}

/* Stops at the last one, so that a catalog without any is not walked. */
static void find_pending(struct http_audit *audit, const struct catalog *catalog) {
    struct catalog_key key;
    const struct catalog_key *after = NULL;
    audit->pending_count = count_pending(catalog);
    for (size_t found = 0; found < audit->pending_count && found < HTTP_PENDING_MAX;) {
        const struct catalog_entry *entry =
            catalog_next(catalog, 0, (struct catalog_text){0}, after);
        assert(entry != NULL);
        key = catalog_entry_key(entry);
        after = &key;
        if (entry->state == CATALOG_PENDING_ADD || entry->state == CATALOG_PENDING_DROP)
            keep(&audit->pending[found++], entry);
    }
}

void http_audit_refresh(struct http_server *server) {
    struct http_audit *audit = &server->audit;
    const struct catalog *catalog = gossip_catalog(gossip_service_engine(server->service));
    uint64_t changes = catalog_count(catalog).changes;
    gossip_time_ms now_ms = gossip_service_now(server->service);
    if (audit->known && (audit->changes == changes || now_ms < audit->at_ms + AUDIT_PAUSE_MS)) {
        if (audit->pending_count != count_pending(catalog))
            find_pending(audit, catalog); /* who just ended one looks whether it has */
        return;
    }
    http_audit_catalog(audit, catalog);
    audit->known = true;
    audit->changes = changes;
    audit->at_ms = now_ms;
}

void http_audit_catalog(struct http_audit *audit, const struct catalog *catalog) {
    audit->problem_count = catalog_audit(catalog, audit->problems, HTTP_PROBLEMS_MAX);
    find_pending(audit, catalog);
}

uint64_t http_pending_age(const struct http_pending *pending, uint64_t wall_ms) {
    return wall_ms > pending->since_wall_ms ? wall_ms - pending->since_wall_ms : 0;
}
