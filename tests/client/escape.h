/* One line per message: printable ASCII stands for itself, a backslash is doubled, everything else is \xHH.
 * Shared by the client and the witness module; decoded in src/escape.rs. Never prints a byte that could be
 * taken for the end of a line. */
#ifndef TWINLOCK_ESCAPE_H
#define TWINLOCK_ESCAPE_H

#include <stdio.h>

static inline void put_escaped_bytes(FILE *out, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c == '\\')
            fputs("\\\\", out);
        else if (c >= 0x20 && c < 0x7f)
            fputc(c, out);
        else
            fprintf(out, "\\x%02x", c);
    }
}

#endif
