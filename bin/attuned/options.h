/* options.h - what attuned can be told, from three places: flags beat the environment beats the configuration file.
 *
 *      flags (main.c) ---------+
 *      environment (options.c) +--> struct settings (texts, with where each came from) --> options_resolve()
 *      file (config.c) --------+                                                        --> struct options
 *
 * Every option is one row of OPTIONS: its flag is `--data-dir`, its variable ATTUNE_DATA_DIR, its key data_dir. `join`
 * stands apart because it is a list: the flag is repeated, the variable has commas, the key is a YAML list.
 */
#ifndef ATTUNED_OPTIONS_H
#define ATTUNED_OPTIONS_H

#include "bin/attuned/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* name, key in the file, flag, argument (NULL: a switch), help */
#define OPTIONS(X)                                                                                 \
    X(OPTION_DATA_DIR, data_dir, "data-dir", "DIR", "Keep the catalog in DIR (required)")          \
    X(OPTION_NAME, name, "name", "NAME", "Name of this node (default: the host name)")             \
    X(OPTION_CLUSTER, cluster, "cluster", "NAME", "Name of the cluster (default: attune)")         \
    X(OPTION_GOSSIP, gossip, "gossip", "HOST:PORT",                                                \
      "Listen for members (default: 127.0.0.1:7740)")                                              \
    X(OPTION_ADVERTISE, advertise, "advertise", "HOST:PORT",                                       \
      "Address that members dial (default: as listened on)")                                       \
    X(OPTION_HTTP, http, "http", "HOST:PORT|unix:PATH",                                            \
      "Listen for HTTP (default: 127.0.0.1:7741)")                                                 \
    X(OPTION_METRICS, metrics, "metrics", "HOST:PORT",                                             \
      "Listen for /metrics, /livez and /readyz alone (default: only on --http)")                   \
    X(OPTION_INTERVAL, interval, "interval", "DURATION",                                           \
      "Interval of the timer exchange (default: 1s)")                                              \
    X(OPTION_FRESHNESS_LIMIT, freshness_limit, "freshness-limit", "DURATION",                      \
      "How long a node may be cut off before it counts as stale; the same on all nodes "           \
      "(default: 5s)")                                                                             \
    X(OPTION_LOG_FORMAT, log_format, "log-format", "text|json", "Form of the log (default: text)") \
    X(OPTION_LOG_LEVEL, log_level, "log-level", "LEVEL",                                           \
      "debug, info, warning or error (default: info)")                                             \
    X(OPTION_INSECURE, insecure, "insecure", NULL,                                                 \
      "Allow plain TCP and HTTP on addresses other than loopback")

enum option_number {
#define X(option, key, flag, argument, help) option,
    OPTIONS(X)
#undef X
        OPTION_COUNT
};

enum { OPTIONS_JOIN_MAX = 64, OPTIONS_MESSAGE_SIZE_MAX = 512 };

enum option_source { OPTION_UNSET = 0, OPTION_FILE = 1, OPTION_ENVIRONMENT = 2, OPTION_FLAG = 3 };

struct settings {
    char *values[OPTION_COUNT]; /* owned; NULL: not given */
    enum option_source sources[OPTION_COUNT];
    char *joins[OPTIONS_JOIN_MAX]; /* owned */
    size_t join_count;
    enum option_source join_source;
};

/* Typed and checked. All texts are borrowed from the settings or static. */
struct options {
    const char *data_dir;
    const char *name; /* NULL: the host name */
    const char *cluster;
    const char *gossip;
    const char *advertise; /* NULL: as bound */
    const char *http;
    const char *metrics; /* NULL: none */
    const char *const *joins;
    size_t join_count;
    uint64_t interval_ms;
    uint64_t freshness_limit_ms;
    enum log_format log_format;
    enum log_level log_level;
    bool insecure;
};

/* "data-dir", and "data_dir" as in the file. */
const char *option_flag(enum option_number option);
const char *option_key(enum option_number option);

void settings_close(struct settings *settings);
/* Gives an option a value, unless one from a stronger place stands. False: out of memory. */
bool settings_set(struct settings *settings, enum option_number option, const char *value,
                  enum option_source source);
/* Adds an address to join; the list of a stronger place replaces a weaker one. False: out of memory or too many. */
bool settings_join(struct settings *settings, const char *address, enum option_source source);
/* Takes what the environment has; `lookup` is getenv. On false `message` says what is wrong. */
bool settings_environment(struct settings *settings, char *(*lookup)(const char *name),
                          char message[OPTIONS_MESSAGE_SIZE_MAX]);

/* Reads and checks all values. On false `message` is one sentence that names the option and where it came from. */
bool options_resolve(const struct settings *settings, struct options *options,
                     char message[OPTIONS_MESSAGE_SIZE_MAX]);

#endif
