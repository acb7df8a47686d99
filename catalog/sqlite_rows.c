/* sqlite_rows.c - rows of catalog.db out of structures, and back.
 *
 * Nothing that is read is trusted. An entry's row bears the digest of its bytes; rows of state and members bear a digest
 * over their fields, since a flipped bit in `seen` or in a member's id would break promises without any sign:
 *
 *      digest of a row = XXH3-128, seed CATALOG__SEED_ROW, of its fields in the order of the columns:
 *                        a number as 8 bytes big endian; an id as its 16 bytes; a text as its size (8 bytes), its bytes
 *
 * Numbers of 64 bits without sign (incarnations, clocks) stand as SQLite's signed ones with the same bits.
 */
#include "catalog/sqlite_store.h"

#include <assert.h>
#include <string.h>

#define SLOT_TOP_BIT (UINT64_C(1) << 63)

int64_t catalog__slot_to_column(uint64_t slot) {
    return (int64_t)(slot ^ SLOT_TOP_BIT);
}

uint64_t catalog__slot_from_column(int64_t column) {
    return (uint64_t)column ^ SLOT_TOP_BIT;
}

size_t catalog__key_to_text(const struct catalog_entry *entry,
                            char text[CATALOG__KEY_TEXT_SIZE_MAX]) {
    struct catalog_key key = catalog_entry_key(entry);
    assert(key.entity.size_bytes <= CATALOG_NAME_SIZE_MAX);
    assert(key.name.size_bytes <= CATALOG_NAME_SIZE_MAX);
    const char *kind = catalog_kind_name(key.kind);
    size_t size = 0;
    if (kind != NULL) {
        size = strlen(kind);
        memcpy(text, kind, size);
    } else {
        unsigned divisor = 10000;
        while (divisor > key.kind && divisor > 1) {
            divisor /= 10;
        }
        for (; divisor > 0; divisor /= 10) {
            text[size++] = (char)('0' + key.kind / divisor % 10);
        }
    }
    text[size++] = '/';
    memcpy(text + size, key.entity.data, key.entity.size_bytes);
    size += key.entity.size_bytes;
    if (key.kind != CATALOG_SCHEMA) {
        text[size++] = '/';
        memcpy(text + size, key.name.data, key.name.size_bytes);
        size += key.name.size_bytes;
    }
    return size;
}

/* --- digests of rows ----------------------------------------------------------------------------------------------- */

struct fields {
    uint8_t bytes[1024];
    size_t size_bytes;
};
static_assert(sizeof(struct catalog_node_state) + 64 < 1024 &&
                  sizeof(struct catalog_member_row) + 64 < 1024,
              "the fields of a row fit");

static void add_bytes(struct fields *fields, const void *bytes, size_t size_bytes) {
    assert(size_bytes <= sizeof fields->bytes - fields->size_bytes);
    memcpy(fields->bytes + fields->size_bytes, bytes, size_bytes);
    fields->size_bytes += size_bytes;
}

static void add_number(struct fields *fields, uint64_t number) {
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(number >> (56 - 8 * i));
    }
    add_bytes(fields, bytes, sizeof bytes);
}

static void add_text(struct fields *fields, const char *text) {
    add_number(fields, strlen(text));
    add_bytes(fields, text, strlen(text));
}

static struct merkle_digest digest_of_state(const struct catalog_node_state *state, int format) {
    struct fields fields = {.size_bytes = 0};
    add_number(&fields, CATALOG_FORMAT);
    add_bytes(&fields, state->node_id.bytes, sizeof state->node_id.bytes);
    add_bytes(&fields, state->cluster_id.bytes, sizeof state->cluster_id.bytes);
    add_text(&fields, state->cluster_name);
    add_text(&fields, state->node_name);
    add_number(&fields, state->incarnation);
    add_number(&fields, state->high_water);
    add_number(&fields, state->seen);
    add_number(&fields, state->horizon);
    add_number(&fields, state->ready);
    add_number(&fields, state->healing);
    add_number(&fields, state->had_entry);
    if (format > CATALOG__FILE_FORMAT_FIRST) {
        add_number(&fields, state->removed);
        add_bytes(&fields, state->admitter_id.bytes, sizeof state->admitter_id.bytes);
        add_bytes(&fields, state->replaced_id.bytes, sizeof state->replaced_id.bytes);
    }
    add_number(&fields, state->sum.entry_count);
    add_bytes(&fields, state->sum.digest_sum.bytes, sizeof state->sum.digest_sum.bytes);
    return merkle_digest_of(fields.bytes, fields.size_bytes, CATALOG__SEED_ROW);
}

struct merkle_digest catalog__row_state_digest(const struct catalog_node_state *state) {
    return digest_of_state(state, CATALOG__FILE_FORMAT);
}

static struct merkle_digest digest_of_member(const struct catalog_member_row *member) {
    struct fields fields = {.size_bytes = 0};
    add_bytes(&fields, member->id.bytes, sizeof member->id.bytes);
    add_text(&fields, member->name);
    add_text(&fields, member->address);
    add_number(&fields, member->incarnation);
    add_number(&fields, member->state);
    add_number(&fields, member->ready);
    return merkle_digest_of(fields.bytes, fields.size_bytes, CATALOG__SEED_ROW);
}

/* --- writing ------------------------------------------------------------------------------------------------------- */

/* Binds columns one after the other; the first error stays. What is bound must last until the statement has run. */
struct binder {
    sqlite3_stmt *statement;
    int column;
    int code;
};

static void bind_number(struct binder *binder, uint64_t number) {
    if (binder->code == SQLITE_OK) {
        binder->code = sqlite3_bind_int64(binder->statement, ++binder->column, (int64_t)number);
    }
}

static void bind_blob(struct binder *binder, const void *bytes, size_t size_bytes) {
    if (binder->code == SQLITE_OK) {
        binder->code = sqlite3_bind_blob64(binder->statement, ++binder->column, bytes, size_bytes,
                                           SQLITE_STATIC);
    }
}

static void bind_text(struct binder *binder, const char *text, size_t size_bytes) {
    if (binder->code == SQLITE_OK) {
        binder->code = sqlite3_bind_text64(binder->statement, ++binder->column, text, size_bytes,
                                           SQLITE_STATIC, SQLITE_UTF8);
    }
}

static int run(struct catalog_store *store, enum catalog__statement statement,
               const struct binder *binder) {
    return binder->code == SQLITE_OK ? catalog__store_run(store, statement) : binder->code;
}

static struct binder binder_of(struct catalog_store *store, enum catalog__statement statement) {
    return (struct binder){
        .statement = store->statements[statement], .column = 0, .code = SQLITE_OK};
}

static int put_entry(struct catalog_store *store, enum catalog__statement statement,
                     const struct catalog_entry *entry) {
    char key[CATALOG__KEY_TEXT_SIZE_MAX];
    size_t key_size_bytes = catalog__key_to_text(entry, key);
    struct binder binder = binder_of(store, statement);
    bind_number(&binder, (uint64_t)catalog__slot_to_column(entry->slot));
    bind_text(&binder, key, key_size_bytes);
    bind_blob(&binder, entry->digest.bytes, sizeof entry->digest.bytes);
    bind_blob(&binder, entry->bytes, entry->size_bytes);
    return run(store, statement, &binder);
}

int catalog__row_put_entry(struct catalog_store *store, const struct catalog_entry *entry) {
    return put_entry(store, CATALOG__PUT_ENTRY, entry);
}

int catalog__row_put_kept(struct catalog_store *store, const struct catalog_entry *entry) {
    return put_entry(store, CATALOG__PUT_KEPT, entry);
}

int catalog__row_remove_entry(struct catalog_store *store, const struct catalog_entry *entry) {
    char key[CATALOG__KEY_TEXT_SIZE_MAX];
    size_t key_size_bytes = catalog__key_to_text(entry, key);
    struct binder binder = binder_of(store, CATALOG__REMOVE_ENTRY);
    bind_number(&binder, (uint64_t)catalog__slot_to_column(entry->slot));
    bind_text(&binder, key, key_size_bytes);
    return run(store, CATALOG__REMOVE_ENTRY, &binder);
}

int catalog__row_put_state(struct catalog_store *store, const struct catalog_node_state *state) {
    struct merkle_digest digest = catalog__row_state_digest(state);
    struct binder binder = binder_of(store, CATALOG__PUT_STATE);
    bind_number(&binder, CATALOG_FORMAT);
    bind_blob(&binder, state->node_id.bytes, sizeof state->node_id.bytes);
    bind_blob(&binder, state->cluster_id.bytes, sizeof state->cluster_id.bytes);
    bind_text(&binder, state->cluster_name, strlen(state->cluster_name));
    bind_text(&binder, state->node_name, strlen(state->node_name));
    bind_number(&binder, state->incarnation);
    bind_number(&binder, state->high_water);
    bind_number(&binder, state->seen);
    bind_number(&binder, state->horizon);
    bind_number(&binder, state->ready);
    bind_number(&binder, state->healing);
    bind_number(&binder, state->had_entry);
    bind_number(&binder, state->removed);
    bind_blob(&binder, state->admitter_id.bytes, sizeof state->admitter_id.bytes);
    bind_blob(&binder, state->replaced_id.bytes, sizeof state->replaced_id.bytes);
    bind_number(&binder, state->sum.entry_count);
    bind_blob(&binder, state->sum.digest_sum.bytes, sizeof state->sum.digest_sum.bytes);
    bind_blob(&binder, digest.bytes, sizeof digest.bytes);
    return run(store, CATALOG__PUT_STATE, &binder);
}

static int put_member(struct catalog_store *store, const struct catalog_member_row *member) {
    struct merkle_digest digest = digest_of_member(member);
    struct binder binder = binder_of(store, CATALOG__PUT_MEMBER);
    bind_blob(&binder, member->id.bytes, sizeof member->id.bytes);
    bind_text(&binder, member->name, strlen(member->name));
    bind_text(&binder, member->address, strlen(member->address));
    bind_number(&binder, member->incarnation);
    bind_number(&binder, member->state);
    bind_number(&binder, member->ready);
    bind_blob(&binder, digest.bytes, sizeof digest.bytes);
    return run(store, CATALOG__PUT_MEMBER, &binder);
}

static bool read_digest(sqlite3_stmt *row, int column, struct merkle_digest *digest) {
    const void *bytes = sqlite3_column_blob(row, column);
    if (bytes == NULL || sqlite3_column_bytes(row, column) != MERKLE_DIGEST_SIZE_BYTES) {
        return false;
    }
    memcpy(digest->bytes, bytes, MERKLE_DIGEST_SIZE_BYTES);
    return true;
}

int catalog__row_put_sum(struct catalog_store *store, enum catalog__statement read,
                         enum catalog__statement put) {
    struct catalog_sum sum = {.entry_count = 0};
    sqlite3_stmt *query = store->statements[read];
    int step = sqlite3_step(query);
    for (; step == SQLITE_ROW; step = sqlite3_step(query)) {
        struct merkle_digest digest;
        if (!read_digest(query, 0, &digest)) {
            (void)sqlite3_reset(query);
            return SQLITE_CORRUPT;
        }
        catalog_sum_add(&sum, &digest);
    }
    int code = sqlite3_reset(query);
    if (step != SQLITE_DONE) {
        return code;
    }
    struct binder binder = binder_of(store, put);
    bind_number(&binder, sum.entry_count);
    bind_blob(&binder, sum.digest_sum.bytes, sizeof sum.digest_sum.bytes);
    return run(store, put, &binder);
}

int catalog__row_put_members(struct catalog_store *store, const struct catalog_batch *batch) {
    if (!batch->members_cleared && batch->member_count == 0) {
        return SQLITE_OK;
    }
    int code = SQLITE_OK;
    if (batch->members_cleared) {
        code = catalog__store_run(store, CATALOG__CLEAR_MEMBERS);
    }
    for (size_t i = 0; i < batch->member_count && code == SQLITE_OK; i++) {
        code = put_member(store, &batch->members[i]);
    }
    /* Members are few and change seldom, so their sum is made anew from all of them. */
    return code == SQLITE_OK
               ? catalog__row_put_sum(store, CATALOG__READ_MEMBER_DIGESTS, CATALOG__PUT_MEMBER_SUM)
               : code;
}

/* --- reading ------------------------------------------------------------------------------------------------------- */

/* Reads columns one after the other; what does not fit makes the row a bad one. */
struct reader {
    sqlite3_stmt *row;
    int column;
    bool good;
};

static uint64_t read_number(struct reader *reader) {
    int column = reader->column++;
    reader->good = reader->good && sqlite3_column_type(reader->row, column) == SQLITE_INTEGER;
    return (uint64_t)sqlite3_column_int64(reader->row, column);
}

static bool read_flag(struct reader *reader) {
    uint64_t number = read_number(reader);
    reader->good = reader->good && number <= 1;
    return number == 1;
}

static void read_id(struct reader *reader, struct catalog_id *id) {
    int column = reader->column++;
    const void *bytes = sqlite3_column_blob(reader->row, column);
    reader->good = reader->good && bytes != NULL &&
                   (size_t)sqlite3_column_bytes(reader->row, column) == sizeof id->bytes;
    if (reader->good) {
        memcpy(id->bytes, bytes, sizeof id->bytes);
    }
}

static void read_text(struct reader *reader, char text[CATALOG_NAME_SIZE_MAX + 1]) {
    int column = reader->column++;
    const unsigned char *bytes = sqlite3_column_text(reader->row, column);
    size_t size_bytes = (size_t)sqlite3_column_bytes(reader->row, column);
    reader->good = reader->good && bytes != NULL && size_bytes <= CATALOG_NAME_SIZE_MAX &&
                   memchr(bytes, '\0', size_bytes) == NULL;
    if (reader->good) {
        memcpy(text, bytes, size_bytes);
        text[size_bytes] = '\0';
    }
}

static void read_sum(struct reader *reader, struct catalog_sum *sum) {
    sum->entry_count = read_number(reader);
    reader->good = reader->good && read_digest(reader->row, reader->column, &sum->digest_sum);
    reader->column++;
}

/* Whether the next column is the digest expected. */
static bool read_same_digest(struct reader *reader, const struct merkle_digest *expected) {
    struct merkle_digest digest;
    reader->good = reader->good && read_digest(reader->row, reader->column, &digest) &&
                   merkle_digest_equal(&digest, expected);
    reader->column++;
    return reader->good;
}

/* Columns of the state, and their digest. */
static void read_state(struct reader *reader, int format, struct catalog_node_state *state) {
    *state = (struct catalog_node_state){.incarnation = 0};
    uint64_t entry_format = read_number(reader);
    reader->good = reader->good && entry_format == CATALOG_FORMAT;
    read_id(reader, &state->node_id);
    read_id(reader, &state->cluster_id);
    read_text(reader, state->cluster_name);
    read_text(reader, state->node_name);
    state->incarnation = read_number(reader);
    state->high_water = read_number(reader);
    state->seen = read_number(reader);
    state->horizon = read_number(reader);
    state->ready = read_flag(reader);
    state->healing = read_flag(reader);
    state->had_entry = read_flag(reader);
    if (format > CATALOG__FILE_FORMAT_FIRST) {
        state->removed = read_flag(reader);
        read_id(reader, &state->admitter_id);
        read_id(reader, &state->replaced_id);
    }
    read_sum(reader, &state->sum);
    struct merkle_digest digest = digest_of_state(state, format);
    (void)read_same_digest(reader, &digest);
}

bool catalog__row_read_state(sqlite3_stmt *row, struct catalog_node_state *state,
                             struct catalog_sum *member_sum, struct catalog_sum *kept_sum) {
    struct reader reader = {.row = row, .column = 0, .good = true};
    read_state(&reader, CATALOG__FILE_FORMAT, state);
    read_sum(&reader, member_sum);
    read_sum(&reader, kept_sum);
    return reader.good;
}

bool catalog__row_read_first_state(sqlite3_stmt *row, struct catalog_node_state *state) {
    struct reader reader = {.row = row, .column = 0, .good = true};
    read_state(&reader, CATALOG__FILE_FORMAT_FIRST, state);
    return reader.good;
}

bool catalog__row_read_member(sqlite3_stmt *row, struct catalog_member_row *member,
                              struct catalog_sum *sum) {
    *member = (struct catalog_member_row){.incarnation = 0};
    struct reader reader = {.row = row, .column = 0, .good = true};
    read_id(&reader, &member->id);
    read_text(&reader, member->name);
    read_text(&reader, member->address);
    member->incarnation = read_number(&reader);
    uint64_t state = read_number(&reader);
    reader.good = reader.good && state <= UINT8_MAX;
    member->state = (uint8_t)state;
    member->ready = read_flag(&reader);
    struct merkle_digest digest = digest_of_member(member);
    if (!read_same_digest(&reader, &digest)) {
        return false;
    }
    catalog_sum_add(sum, &digest);
    return true;
}

int catalog__row_read_entry(const struct merkle_allocator *allocator, sqlite3_stmt *row,
                            struct catalog_entry **entry) {
    *entry = NULL;
    const uint8_t *bytes = sqlite3_column_blob(row, 4);
    size_t size_bytes = (size_t)sqlite3_column_bytes(row, 4);
    if (bytes == NULL) {
        return CATALOG_EDAMAGED;
    }
    struct catalog_entry *decoded = NULL;
    int result = catalog_entry_decode(allocator, bytes, size_bytes, &decoded);
    if (result != 0) {
        return result == CATALOG_ENOMEM ? CATALOG_ENOMEM : CATALOG_EDAMAGED;
    }
    char text[CATALOG__KEY_TEXT_SIZE_MAX];
    size_t text_size_bytes = catalog__key_to_text(decoded, text);
    struct merkle_digest digest;
    const void *key = sqlite3_column_blob(row, 2);
    if (sqlite3_column_type(row, 1) != SQLITE_INTEGER ||
        catalog__slot_from_column(sqlite3_column_int64(row, 1)) != decoded->slot ||
        sqlite3_column_type(row, 2) != SQLITE_TEXT || key == NULL ||
        (size_t)sqlite3_column_bytes(row, 2) != text_size_bytes ||
        memcmp(key, text, text_size_bytes) != 0 || !read_digest(row, 3, &digest) ||
        !merkle_digest_equal(&digest, &decoded->digest)) {
        catalog_entry_release(decoded);
        return CATALOG_EDAMAGED;
    }
    *entry = decoded;
    return 0;
}
