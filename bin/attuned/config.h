/* config.h - the YAML configuration file. */
#ifndef ATTUNED_CONFIG_H
#define ATTUNED_CONFIG_H

#include "bin/attuned/options.h"

enum { CONFIG_SIZE_MAX = 1024 * 1024 };

/* Reads the file into settings, as the weakest layer. On false `message` is one sentence: file, line, key. */
bool config_read(const char *path, struct settings *settings,
                 char message[OPTIONS_MESSAGE_SIZE_MAX]);
/* The same from text; `path` is only named. */
bool config_parse(const char *path, const char *text, size_t size_bytes, struct settings *settings,
                  char message[OPTIONS_MESSAGE_SIZE_MAX]);

#endif
