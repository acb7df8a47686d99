/* import_line.c - one line of an import: key, state, and the body that is left. */
#include "catalog/entry.h"
#include "catalog/import.h"

#include <assert.h>
#include <jansson.h>
#include <string.h>

static struct catalog_text text_of(const json_t *string) {
    return (struct catalog_text){.data = json_string_value(string),
                                 .size_bytes = json_string_length(string)};
}

/* --- key and state ---------------------------------------------------------------------------------------------------- */

/* 0: none. Known kinds have names; a number is for those that this version has no name for. */
static uint16_t read_kind(const json_t *value) {
    if (json_is_string(value)) {
        for (uint16_t kind = CATALOG_SCHEMA; kind <= CATALOG_INDEX; ++kind) {
            if (catalog__text_is(text_of(value), catalog_kind_name(kind))) {
                return kind;
            }
        }
        return 0;
    }
    json_int_t number = json_integer_value(value);
    return json_is_integer(value) && number > CATALOG_INDEX && number <= UINT16_MAX
               ? (uint16_t)number
               : 0;
}

static enum catalog_state read_state(const json_t *value) {
    for (enum catalog_state state = CATALOG_ACTIVE; state <= CATALOG_PENDING_DROP; ++state) {
        if (json_is_string(value) && catalog__text_is(text_of(value), catalog_state_name(state))) {
            return state;
        }
    }
    return 0;
}

/* Refuses the line unless `*fine` comes back true. */
static int read_head(struct catalog__importing *importing, const json_t *root,
                     struct catalog__import_line *line, bool *fine) {
    *fine = false;
    const json_t *entity = json_object_get(root, "entity");
    const json_t *name = json_object_get(root, "name");
    const json_t *state = json_object_get(root, "state");
    line->key.kind = read_kind(json_object_get(root, "kind"));
    if (line->key.kind == 0) {
        return catalog__import_refuse(
            importing, CATALOG_EMALFORMED,
            "\"kind\" must be \"schema\", \"constraint\", \"index\", or the number of an "
            "unknown kind");
    }
    if (!json_is_string(entity)) {
        return catalog__import_refuse(importing, CATALOG_EMALFORMED, "\"entity\" must be a string");
    }
    if (name != NULL && !json_is_string(name)) {
        return catalog__import_refuse(importing, CATALOG_EMALFORMED, "\"name\" must be a string");
    }
    line->key.entity = text_of(entity);
    line->key.name = name != NULL ? text_of(name) : (struct catalog_text){.data = ""};
    if (catalog_key_check(&line->key) != 0 || (name != NULL && line->key.name.size_bytes == 0)) {
        return catalog__import_refuse(
            importing, CATALOG_EMALFORMED,
            "entity and name must be 1 to %d bytes of UTF-8 without control characters and "
            "'/', and a schema has no name, all others have one",
            CATALOG_NAME_SIZE_MAX);
    }
    line->state = state != NULL ? read_state(state) : CATALOG_ACTIVE;
    if (line->state == 0) {
        return catalog__import_refuse(
            importing, CATALOG_EMALFORMED,
            "\"state\" must be \"active\", \"pending_add\" or \"pending_drop\"");
    }
    *fine = true;
    return 0;
}

/* --- bodies ------------------------------------------------------------------------------------------------------------- */

static int append(const char *text, size_t size_bytes, void *context) {
    return merkle_buffer_append(context, text, size_bytes) == 0 ? 0 : -1;
}

static int read_body(struct catalog__importing *importing, json_t *root,
                     struct catalog__import_line *line) {
    /* A copy of the object alone: the texts of the key belong to the values, which stay. */
    json_t *rest = json_copy(root);
    if (rest == NULL) {
        return CATALOG_ENOMEM;
    }
    static const char *const head[] = {"kind", "entity", "name", "state"};
    for (size_t i = 0; i < sizeof head / sizeof *head; ++i) {
        json_object_del(rest, head[i]);
    }
    struct merkle_buffer text;
    merkle_buffer_init(&text, importing->made->allocator);
    struct catalog_problem problem = {0};
    int result = CATALOG_ENOMEM;
    if (json_dump_callback(rest, append, &text, JSON_COMPACT) == 0) {
        result = catalog_body_parse(line->key.kind, (const char *)text.data, text.size_bytes, false,
                                    &importing->made->memory, &problem);
    }
    line->accepted = result == 0;
    if (result != 0 && result != CATALOG_ENOMEM) {
        result = catalog__import_refuse(importing, result, "%s", problem.message);
    }
    merkle_buffer_close(&text);
    json_decref(rest);
    return result;
}

static int base64_value(char digit) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = digit != '\0' ? strchr(alphabet, digit) : NULL;
    return found != NULL ? (int)(found - alphabet) : -1;
}

/* Appends what a text in base64 says, in its one canonical form; false if it is none (then the buffer is of no use). */
static bool base64_read(struct catalog_text text, struct merkle_buffer *bytes) {
    if (text.size_bytes % 4 != 0) {
        return false;
    }
    for (size_t i = 0; i < text.size_bytes; i += 4) {
        const char *quad = text.data + i;
        bool last = i + 4 == text.size_bytes;
        size_t padding = last && quad[3] == '=' ? 1 + (quad[2] == '=') : 0;
        uint32_t bits = 0;
        for (size_t digit = 0; digit < 4; ++digit) {
            int value = digit >= 4 - padding ? 0 : base64_value(quad[digit]);
            if (value < 0) {
                return false;
            }
            bits = bits << 6 | (uint32_t)value;
        }
        const uint8_t three[3] = {(uint8_t)(bits >> 16), (uint8_t)(bits >> 8), (uint8_t)bits};
        if (padding > 0 && (bits & ((1U << (8 * padding)) - 1)) != 0) {
            return false;
        }
        merkle_buffer_append(bytes, three, 3 - padding);
    }
    return true;
}

static int read_opaque(struct catalog__importing *importing, const json_t *root,
                       struct catalog__import_line *line) {
    const json_t *value = json_object_get(root, "bytes");
    size_t expected = 3 + (size_t)(line->key.name.size_bytes > 0) +
                      (size_t)(json_object_get(root, "state") != NULL);
    if (!json_is_string(value) || json_object_size(root) != expected) {
        return catalog__import_refuse(
            importing, CATALOG_EMALFORMED,
            "an entry of an unknown kind has \"bytes\", and nothing else besides its key");
    }
    struct merkle_buffer bytes;
    merkle_buffer_init(&bytes, importing->made->allocator);
    struct catalog_entry *entry = NULL;
    int result = CATALOG_EMALFORMED;
    if (base64_read(text_of(value), &bytes)) {
        result = bytes.failed ? CATALOG_ENOMEM
                              : catalog_entry_decode(importing->made->allocator, bytes.data,
                                                     bytes.size_bytes, &entry);
    }
    merkle_buffer_close(&bytes);
    if (result == CATALOG_ENOMEM) {
        return result;
    }
    assert(result != 0 || entry != NULL);
    struct catalog_key key = entry != NULL ? catalog_entry_key(entry) : (struct catalog_key){0};
    if (result != 0 || entry->state == CATALOG_DROPPED || !catalog_key_equal(&key, &line->key)) {
        catalog_entry_release(entry);
        return catalog__import_refuse(importing, CATALOG_EMALFORMED,
                                      "\"bytes\" must be base64 of this entry's bytes");
    }
    struct catalog_version version = catalog_entry_in_force(entry);
    merkle_buffer_append(&importing->made->memory, version.body, version.body_size_bytes);
    catalog_entry_release(entry);
    line->accepted = true;
    return importing->made->memory.failed ? CATALOG_ENOMEM : 0;
}

/* --- the line ----------------------------------------------------------------------------------------------------------- */

int catalog__import_read(struct catalog__importing *importing, const char *text, size_t size_bytes,
                         struct catalog__import_line *line) {
    if (memchr(text, '\0', size_bytes) != NULL) {
        /* Jansson would take it for the end, and pass over what follows. */
        return catalog__import_refuse(importing, CATALOG_EMALFORMED, "not JSON: a NUL byte");
    }
    json_error_t error;
    json_t *root = json_loadb(text, size_bytes,
                              JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);
    line->root = root;
    if (root == NULL && json_error_code(&error) == json_error_out_of_memory) {
        return CATALOG_ENOMEM;
    }
    if (root == NULL) {
        return catalog__import_refuse(importing, CATALOG_EMALFORMED, "not JSON: column %d: %.300s",
                                      error.column, error.text);
    }
    if (!json_is_object(root)) {
        return catalog__import_refuse(importing, CATALOG_EMALFORMED,
                                      "a line must be a JSON object");
    }
    bool fine = false;
    int result = read_head(importing, root, line, &fine);
    if (result != 0 || !fine) {
        return result;
    }
    return line->key.kind <= CATALOG_INDEX ? read_body(importing, root, line)
                                           : read_opaque(importing, root, line);
}

void catalog__import_line_close(struct catalog__import_line *line) {
    json_decref(line->root);
    *line = (struct catalog__import_line){0};
}
