/* fuzz_import.c - any text as an import. What is taken is exported, and that export imports unchanged: into the same catalog
 * nothing new, into an empty one the same bytes.
 *
 *      byte 0      which allocation of the reading and planning fails (255: none)
 *      the rest    the text
 */
#include "catalog/catalog.h"
#include "test/unit/support/alloc_fault.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

enum { ORIGIN = 5 };

/* Imports a text; tells how many entries that stored, or -1 if it was refused or memory was short. */
static long import_text(struct catalog *catalog, const struct merkle_allocator *allocator,
                        const char *text, size_t size_bytes, uint64_t ticket) {
    struct catalog_import *import = NULL;
    struct catalog_plan *plan = NULL;
    long stored = -1;
    int result = catalog_import_parse(allocator, text, size_bytes, &import);
    assert(result == 0 || result == CATALOG_ENOMEM);
    if (result != 0 || import->problem_count > 0) {
        assert(import == NULL ||
               (import->write_count == 0 && import->problem_count <= CATALOG_PROBLEMS_MAX));
        catalog_import_free(import);
        return stored;
    }
    const struct catalog_writer writer = {
        .origin = {{ORIGIN}}, .node = {"n", 1}, .high_water = ticket << 32, .wall_ms = 1};
    result = catalog_plan_new(catalog, import->writes, import->write_count, &writer, &plan);
    assert(result == 0 || result == CATALOG_ENOMEM);
    if (result == 0 && plan->problem_count == 0) {
        assert(plan->outcome_count == import->write_count);
        stored = (long)plan->entry_count;
        for (size_t i = 0; i < plan->entry_count && stored >= 0; ++i) {
            if (catalog_pending_put(catalog, plan->entries[i], ticket) != 0) {
                stored = -1;
            }
        }
    }
    if (stored < 0) {
        catalog_pending_abandon(catalog, ticket);
    } else if (catalog_pending_stored(catalog, ticket) != 0) {
        stored = -1;
    }
    catalog_plan_free(plan);
    catalog_import_free(import);
    return stored;
}

static void check_export(struct catalog *catalog) {
    struct catalog *other = NULL;
    struct merkle_buffer text;
    struct merkle_buffer again;
    merkle_buffer_init(&text, &merkle_allocator_libc);
    merkle_buffer_init(&again, &merkle_allocator_libc);
    int result = catalog_export(catalog, &text);
    assert(result == 0);
    long stored =
        import_text(catalog, &merkle_allocator_libc, (const char *)text.data, text.size_bytes, 2);
    assert(stored == 0);
    result = catalog_new(&merkle_allocator_libc, &other);
    assert(result == 0);
    stored =
        import_text(other, &merkle_allocator_libc, (const char *)text.data, text.size_bytes, 1);
    assert(stored == (long)catalog_count(catalog).all);
    result = catalog_export(other, &again);
    assert(result == 0);
    assert(catalog_count(catalog).by_kind_and_state[0][CATALOG_ACTIVE] > 0 ||
           again.size_bytes == text.size_bytes);
    assert(catalog_audit(catalog, NULL, 0) == 0);
    catalog_free(other);
    merkle_buffer_close(&again);
    merkle_buffer_close(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    if (size_bytes < 1) {
        return 0;
    }
    struct alloc_fault fault = {.allowed = SIZE_MAX};
    const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
    struct catalog *catalog = NULL;
    int result = catalog_new(&allocator, &catalog);
    assert(result == 0);
    fault.allowed = data[0] < 255 ? data[0] : SIZE_MAX;
    long stored = import_text(catalog, &allocator, (const char *)data + 1, size_bytes - 1, 1);
    fault.allowed = SIZE_MAX;
    if (stored >= 0) {
        check_export(catalog);
    }
    catalog_free(catalog);
    assert(fault.live_blocks == 0);
    return 0;
}
