/* options.c - the table of options, the layers they come from, and the check of their values.
 *
 * All values are texts until one function reads them, so a mistake is answered in the same words wherever it was made,
 * and the file has no rules of its own (its parser would read `010` as 8 and `insecure: maybe` as true).
 */
#include "bin/attuned/options.h"
#include "bin/attuned/address.h"
#include "bin/attuned/duration.h"
#include "catalog/catalog.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *flag;
    const char *key;
} table[OPTION_COUNT] = {
#define X(option, key, flag, argument, help) [option] = {flag, #key},
    OPTIONS(X)
#undef X
};

const char *option_flag(enum option_number option) {
    assert(option < OPTION_COUNT);
    return table[option].flag;
}

const char *option_key(enum option_number option) {
    assert(option < OPTION_COUNT);
    return table[option].key;
}

/* --- layers ------------------------------------------------------------------------------------------------------ */

static void clear_joins(struct settings *settings) {
    for (size_t i = 0; i < settings->join_count; i++)
        free(settings->joins[i]);
    settings->join_count = 0;
}

void settings_close(struct settings *settings) {
    for (size_t i = 0; i < OPTION_COUNT; i++)
        free(settings->values[i]);
    clear_joins(settings);
    *settings = (struct settings){0};
}

bool settings_set(struct settings *settings, enum option_number option, const char *value,
                  enum option_source source) {
    if (source < settings->sources[option])
        return true;
    char *copy = strdup(value);
    if (copy == NULL)
        return false;
    free(settings->values[option]);
    settings->values[option] = copy;
    settings->sources[option] = source;
    return true;
}

bool settings_join(struct settings *settings, const char *address, enum option_source source) {
    if (source < settings->join_source)
        return true;
    if (source > settings->join_source)
        clear_joins(settings);
    settings->join_source = source;
    if (settings->join_count == OPTIONS_JOIN_MAX)
        return false;
    char *copy = strdup(address);
    if (copy == NULL)
        return false;
    settings->joins[settings->join_count++] = copy;
    return true;
}

static bool refuse(char message[OPTIONS_MESSAGE_SIZE_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static bool refuse(char message[OPTIONS_MESSAGE_SIZE_MAX], const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, OPTIONS_MESSAGE_SIZE_MAX, format, arguments);
    va_end(arguments);
    return false;
}

/* ATTUNE_DATA_DIR of data_dir. */
static void variable_name(const char *key, char name[64]) {
    size_t size_bytes = (size_t)snprintf(name, 64, "ATTUNE_%s", key);
    assert(size_bytes < 64);
    for (size_t i = 0; i < size_bytes; i++)
        name[i] = (char)toupper((unsigned char)name[i]);
}

static bool environment_joins(struct settings *settings, const char *list,
                              char message[OPTIONS_MESSAGE_SIZE_MAX]) {
    char *copy = strdup(list);
    bool taken = copy != NULL;
    char *position = NULL;
    for (char *item = taken ? strtok_r(copy, ", ", &position) : NULL; item != NULL && taken;
         item = strtok_r(NULL, ", ", &position))
        taken = settings_join(settings, item, OPTION_ENVIRONMENT);
    free(copy);
    return taken || refuse(message, "ATTUNE_JOIN: more than %d addresses, or out of memory",
                           OPTIONS_JOIN_MAX);
}

bool settings_environment(struct settings *settings, char *(*lookup)(const char *name),
                          char message[OPTIONS_MESSAGE_SIZE_MAX]) {
    for (unsigned option = 0; option < OPTION_COUNT; option++) {
        char name[64];
        variable_name(table[option].key, name);
        const char *value = lookup(name);
        if (value != NULL &&
            !settings_set(settings, (enum option_number)option, value, OPTION_ENVIRONMENT))
            return refuse(message, "out of memory");
    }
    const char *joins = lookup("ATTUNE_JOIN");
    return joins == NULL || environment_joins(settings, joins, message);
}

/* --- values ------------------------------------------------------------------------------------------------------ */

/* The option as the operator wrote it. */
static const char *named(const struct settings *settings, enum option_number option,
                         char name[64]) {
    if (settings->sources[option] == OPTION_ENVIRONMENT)
        variable_name(table[option].key, name);
    else if (settings->sources[option] == OPTION_FILE)
        snprintf(name, 64, "%s (configuration file)", table[option].key);
    else
        snprintf(name, 64, "--%s", table[option].flag);
    return name;
}

static bool wrong(const struct settings *settings, enum option_number option,
                  char message[OPTIONS_MESSAGE_SIZE_MAX], const char *expected) {
    char name[64];
    return refuse(message, "%s: '%.100s' is not %s", named(settings, option, name),
                  settings->values[option], expected);
}

static bool take_duration(const struct settings *settings, enum option_number option,
                          uint64_t *value_ms, char message[OPTIONS_MESSAGE_SIZE_MAX]) {
    const char *text = settings->values[option];
    if (text == NULL)
        return true;
    if (!duration_parse(text, strlen(text), value_ms) || *value_ms < 10)
        return wrong(settings, option, message, DURATION_EXPECTED ", and at least 10ms");
    return true;
}

static bool take_name(const struct settings *settings, enum option_number option,
                      const char **value, char message[OPTIONS_MESSAGE_SIZE_MAX]) {
    const char *text = settings->values[option];
    if (text == NULL)
        return true;
    struct catalog_key key = {.kind = CATALOG_SCHEMA, .entity = {text, strlen(text)}};
    if (catalog_key_check(&key) != 0)
        return wrong(settings, option, message,
                     "a name of 1 to 128 bytes of UTF-8 without control characters and '/'");
    *value = text;
    return true;
}

static bool take_address(const struct settings *settings, enum option_number option,
                         const char **value, char message[OPTIONS_MESSAGE_SIZE_MAX]) {
    struct address address;
    const char *text = settings->values[option];
    if (text == NULL)
        return true;
    if (!address_parse(text, &address))
        return wrong(settings, option, message, "HOST:PORT");
    *value = text;
    return true;
}

static bool take_boolean(const struct settings *settings, enum option_number option, bool *value,
                         char message[OPTIONS_MESSAGE_SIZE_MAX]) {
    static const char *const words[][2] = {
        {"false", "true"}, {"no", "yes"}, {"off", "on"}, {"0", "1"}};
    const char *text = settings->values[option];
    if (text == NULL)
        return true;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        for (size_t truth = 0; truth < 2; truth++) {
            if (strcmp(text, words[i][truth]) == 0) {
                *value = truth == 1;
                return true;
            }
        }
    }
    return wrong(settings, option, message, "true or false");
}

static bool take_http(const struct settings *settings, struct options *options,
                      char message[OPTIONS_MESSAGE_SIZE_MAX]) {
    struct address address;
    const char *text = settings->values[OPTION_HTTP];
    if (text == NULL)
        return true;
    options->http = text;
    const char *path = address_unix_path(text);
    if (path != NULL) {
        /* sun_path of Linux, with its NUL */
        if (*path == '\0' || strlen(path) >= 108)
            return wrong(settings, OPTION_HTTP, message, "unix: and a path of 1 to 107 bytes");
        return true;
    }
    if (!address_parse(text, &address))
        return wrong(settings, OPTION_HTTP, message, "HOST:PORT or unix:PATH");
    if (!options->insecure && !address_is_loopback(&address))
        return wrong(settings, OPTION_HTTP, message,
                     "on loopback; put a proxy in front of it, or type --insecure");
    return true;
}

static bool take_log(const struct settings *settings, struct options *options,
                     char message[OPTIONS_MESSAGE_SIZE_MAX]) {
    const char *level = settings->values[OPTION_LOG_LEVEL];
    const char *format = settings->values[OPTION_LOG_FORMAT];
    if (level != NULL && (options->log_level = log_level_parse(level)) == 0)
        return wrong(settings, OPTION_LOG_LEVEL, message, "debug, info, warning or error");
    if (format != NULL && (options->log_format = log_format_parse(format)) == 0)
        return wrong(settings, OPTION_LOG_FORMAT, message, "text or json");
    return true;
}

static bool take_joins(const struct settings *settings, struct options *options,
                       char message[OPTIONS_MESSAGE_SIZE_MAX]) {
    struct address address;
    for (size_t i = 0; i < settings->join_count; i++) {
        if (!address_parse(settings->joins[i], &address))
            return refuse(message, "%s: '%.100s' is not HOST:PORT",
                          settings->join_source == OPTION_FLAG ? "--join"
                          : settings->join_source == OPTION_ENVIRONMENT
                              ? "ATTUNE_JOIN"
                              : "join (configuration file)",
                          settings->joins[i]);
    }
    options->joins = (const char *const *)settings->joins;
    options->join_count = settings->join_count;
    return true;
}

bool options_resolve(const struct settings *settings, struct options *options,
                     char message[OPTIONS_MESSAGE_SIZE_MAX]) {
    *options = (struct options){
        .data_dir = settings->values[OPTION_DATA_DIR],
        .cluster = "attune",
        .gossip = "127.0.0.1:7740",
        .http = "127.0.0.1:7741",
        .interval_ms = 1000,
        .freshness_limit_ms = 5000,
        .log_format = LOG_FORMAT_TEXT,
        .log_level = LOG_LEVEL_INFO,
    };
    if (options->data_dir == NULL || options->data_dir[0] == '\0')
        return refuse(message, "--data-dir DIR is needed (or ATTUNE_DATA_DIR, or data_dir in the "
                               "configuration file)");
    return take_name(settings, OPTION_NAME, &options->name, message) &&
           take_name(settings, OPTION_CLUSTER, &options->cluster, message) &&
           take_address(settings, OPTION_GOSSIP, &options->gossip, message) &&
           take_address(settings, OPTION_ADVERTISE, &options->advertise, message) &&
           take_address(settings, OPTION_METRICS, &options->metrics, message) &&
           take_duration(settings, OPTION_INTERVAL, &options->interval_ms, message) &&
           take_duration(settings, OPTION_FRESHNESS_LIMIT, &options->freshness_limit_ms, message) &&
           take_boolean(settings, OPTION_INSECURE, &options->insecure, message) &&
           take_http(settings, options, message) && take_log(settings, options, message) &&
           take_joins(settings, options, message);
}
