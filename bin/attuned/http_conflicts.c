/* http_conflicts.c - GET /v1/conflicts: all entries in conflict, with each version (G7). */
#include "bin/attuned/http_handlers.h"

void http_conflicts(struct http_request *request) {
    const struct catalog *catalog = http_catalog(request);
    uint64_t left = catalog_count(catalog).conflicts;
    struct catalog_key key;
    const struct catalog_key *after = NULL;
    const char *separator = "";
    http_print(&request->answer, "{\"conflicts\":[");
    /* Stops at the last one, so an undivided catalog is not walked at all. */
    while (left > 0) {
        struct catalog_entry *entry = catalog_next(catalog, 0, (struct catalog_text){0}, after);
        if (entry == NULL)
            break;
        key = catalog_entry_key(entry);
        after = &key;
        if (!entry->conflict)
            continue;
        http_print(&request->answer, "%s", separator);
        catalog_entry_print_versions(entry, &request->answer);
        separator = ",";
        left--;
    }
    http_print(&request->answer, "]}\n");
    http_answer(request, 200);
}
