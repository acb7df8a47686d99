/* config.c - reads the YAML configuration file with libcyaml.
 *
 * The schema is made from the table of options, so a new option is a key at once. Every scalar is read as a string:
 * options.c gives it its meaning. libcyaml tells what is wrong only through its log, and gives for unknown and doubled
 * keys the line of the token before; so the log is caught, and for these two the line of the key is looked up in the
 * text.
 */
#include "bin/attuned/config.h"

#include <cyaml/cyaml.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VALUE_SIZE_MAX = 4096, CAUGHT_SIZE_MAX = 200 };

struct config_file {
#define X(option, key, flag, argument, help) char *key;
    OPTIONS(X)
#undef X
    char **join;
    unsigned join_count;
};

static const cyaml_schema_value_t join_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, VALUE_SIZE_MAX),
};
static const cyaml_schema_field_t field_schemas[] = {
#define X(option, key, flag, argument, help)                                                       \
    CYAML_FIELD_STRING_PTR(#key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct config_file,     \
                           key, 0, VALUE_SIZE_MAX),
    OPTIONS(X)
#undef X
        CYAML_FIELD_SEQUENCE("join", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct config_file,
                             join, &join_schema, 0, OPTIONS_JOIN_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t file_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct config_file, field_schemas),
};

/* What libcyaml logged: its first line, and the first place of the backtrace. */
struct caught {
    char text[CAUGHT_SIZE_MAX];
    unsigned line;
};

static void catch_line(cyaml_log_t level, void *context, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));
static void catch_line(cyaml_log_t level, void *context, const char *format, va_list arguments) {
    struct caught *caught = context;
    char text[CAUGHT_SIZE_MAX];
    (void)level;
    vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\n")] = '\0';
    const char *place = strstr(text, "(line: ");
    if (caught->text[0] == '\0' && place == NULL && strstr(text, "Backtrace:") == NULL)
        snprintf(caught->text, sizeof caught->text, "%s",
                 strncmp(text, "Load: ", 6) == 0 ? text + 6 : text);
    else if (place != NULL && caught->line == 0)
        caught->line = (unsigned)strtoul(place + 7, NULL, 10);
}

/* The line of the `occurrence`-th time that `key` stands as a key of the top level; 0 if it cannot be found. */
static unsigned line_of_key(const char *text, size_t size_bytes, const char *key,
                            unsigned occurrence) {
    size_t key_size_bytes = strlen(key);
    unsigned line = 1;
    for (size_t start = 0; start < size_bytes; line++) {
        const char *newline = memchr(text + start, '\n', size_bytes - start);
        size_t end = newline == NULL ? size_bytes : (size_t)(newline - text);
        size_t first = start;
        while (first < end && (text[first] == '"' || text[first] == '\''))
            first++;
        if (end - first > key_size_bytes && memcmp(text + first, key, key_size_bytes) == 0 &&
            strchr(": \"'\t", text[first + key_size_bytes]) != NULL && --occurrence == 0)
            return line;
        start = end + 1;
    }
    return 0;
}

static bool report(const char *path, const char *text, size_t size_bytes, cyaml_err_t error,
                   const struct caught *caught, char message[OPTIONS_MESSAGE_SIZE_MAX]) {
    static const char unknown[] = "Unexpected key: ", doubled[] = "Mapping field already seen: ";
    unsigned line = caught->line;
    char sentence[CAUGHT_SIZE_MAX + 32];
    if (strncmp(caught->text, unknown, sizeof unknown - 1) == 0) {
        const char *key = caught->text + sizeof unknown - 1;
        line = line_of_key(text, size_bytes, key, 1);
        snprintf(sentence, sizeof sentence, "unknown key '%s'", key);
    } else if (strncmp(caught->text, doubled, sizeof doubled - 1) == 0) {
        const char *key = caught->text + sizeof doubled - 1;
        line = line_of_key(text, size_bytes, key, 2);
        snprintf(sentence, sizeof sentence, "key '%s' is given twice", key);
    } else {
        snprintf(sentence, sizeof sentence, "%s",
                 caught->text[0] != '\0' ? caught->text : cyaml_strerror(error));
    }
    if (line > 0)
        snprintf(message, OPTIONS_MESSAGE_SIZE_MAX, "%.150s: line %u: %s", path, line, sentence);
    else
        snprintf(message, OPTIONS_MESSAGE_SIZE_MAX, "%.150s: %s", path, sentence);
    return false;
}

static bool take(const struct config_file *file, struct settings *settings) {
    const char *const values[OPTION_COUNT] = {
#define X(option, key, flag, argument, help) [option] = file->key,
        OPTIONS(X)
#undef X
    };
    for (unsigned option = 0; option < OPTION_COUNT; option++) {
        if (values[option] != NULL &&
            !settings_set(settings, (enum option_number)option, values[option], OPTION_FILE))
            return false;
    }
    for (unsigned i = 0; i < file->join_count; i++) {
        if (!settings_join(settings, file->join[i], OPTION_FILE))
            return false;
    }
    return true;
}

bool config_parse(const char *path, const char *text, size_t size_bytes, struct settings *settings,
                  char message[OPTIONS_MESSAGE_SIZE_MAX]) {
    struct caught caught = {0};
    const cyaml_config_t config = {
        .log_fn = catch_line,
        .log_ctx = &caught,
        .mem_fn = cyaml_mem,
        .log_level = CYAML_LOG_WARNING,
        .flags = CYAML_CFG_NO_ALIAS,
    };
    struct config_file *file = NULL;
    if (size_bytes == 0)
        return true;
    cyaml_err_t error = cyaml_load_data((const uint8_t *)text, size_bytes, &config, &file_schema,
                                        (cyaml_data_t **)&file, NULL);
    /* A second document is only warned of by libcyaml; its keys would be lost in silence. */
    if (error != CYAML_OK || caught.text[0] != '\0') {
        if (file != NULL)
            cyaml_free(&config, &file_schema, file, 0);
        return report(path, text, size_bytes, error, &caught, message);
    }
    bool taken = file == NULL || take(file, settings);
    if (file != NULL)
        cyaml_free(&config, &file_schema, file, 0);
    if (!taken)
        snprintf(message, OPTIONS_MESSAGE_SIZE_MAX, "out of memory");
    return taken;
}

/* A pipe would be waited for without end, and be empty at the next SIGHUP. */
static FILE *open_file(const char *path, char message[OPTIONS_MESSAGE_SIZE_MAX]) {
    struct stat status;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    bool pipe = fd >= 0 && fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
    FILE *file = fd < 0 || pipe ? NULL : fdopen(fd, "r");
    if (file == NULL)
        snprintf(message, OPTIONS_MESSAGE_SIZE_MAX, "%.300s: %s", path,
                 pipe ? "is a pipe, not a file" : strerror(errno));
    if (file == NULL && fd >= 0)
        close(fd);
    return file;
}

bool config_read(const char *path, struct settings *settings,
                 char message[OPTIONS_MESSAGE_SIZE_MAX]) {
    bool read = false;
    char *text = NULL;
    FILE *file = open_file(path, message);
    if (file == NULL)
        return false;
    text = malloc(CONFIG_SIZE_MAX + 1);
    size_t size_bytes = text == NULL ? 0 : fread(text, 1, CONFIG_SIZE_MAX + 1, file);
    if (text == NULL || ferror(file))
        snprintf(message, OPTIONS_MESSAGE_SIZE_MAX, "%.300s: cannot be read", path);
    else if (size_bytes > CONFIG_SIZE_MAX)
        snprintf(message, OPTIONS_MESSAGE_SIZE_MAX, "%.300s: larger than 1 MiB", path);
    else
        read = config_parse(path, text, size_bytes, settings, message);
    free(text);
    fclose(file);
    return read;
}
