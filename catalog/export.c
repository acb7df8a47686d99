/* export.c - the whole catalog as JSON Lines: what two nodes that agree print byte for byte alike (DESIGN 10.2).
 *
 * The order of keys is the order of export: schemas, constraints, indexes, then kinds without a name.
 */
#include "catalog/internal.h"

int catalog_export(const struct catalog *catalog, struct merkle_buffer *text) {
    const struct catalog_text all = {0};
    const struct catalog_key *after = NULL;
    struct catalog_key at;
    struct catalog_entry *entry = NULL;
    while ((entry = catalog_next(catalog, 0, all, after)) != NULL) {
        at = catalog_entry_key(entry);
        after = &at;
        if (entry->state == CATALOG_DROPPED) {
            continue;
        }
        int result = catalog_entry_print(entry, CATALOG_FORM_EXPORT, text);
        if (result == 0 && merkle_buffer_append(text, "\n", 1) != 0) {
            result = CATALOG_ENOMEM;
        }
        if (result != 0) {
            return result;
        }
    }
    return text->failed ? CATALOG_ENOMEM : 0;
}
