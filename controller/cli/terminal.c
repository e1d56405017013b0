/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cli/terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "controller/cli/folded.h"

enum {
    WIDTH_DEFAULT = 80,
    ROWS_DEFAULT = 24,
};

/* The second screen; no cursor; lines that are too long by the terminal's own count do not wrap. */
static const char begin_screen[] = "\033[?1049h\033[?25l\033[?7l\033[H\033[J";
static const char end_screen[] = "\033[H\033[J\033[?7h\033[?25h\033[?1049l";

bool ctl_terminal_can_draw(void)
{
    const char *terminal = getenv("TERM");

    return isatty(STDOUT_FILENO) == 1 && terminal != NULL && terminal[0] != '\0' &&
           strcmp(terminal, "dumb") != 0;
}

void ctl_terminal_size(uint32_t *ret_width, uint32_t *ret_rows)
{
    struct winsize size = {0};

    *ret_width = WIDTH_DEFAULT;
    *ret_rows = ROWS_DEFAULT;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
        return;
    if (size.ws_col > 0)
        *ret_width = size.ws_col;
    if (size.ws_row > 0)
        *ret_rows = size.ws_row;
}

static void put(const char *codes)
{
    (void)fputs(codes, stdout);
    (void)fflush(stdout);
}

/* Somebody else's terminal (we were put into the background) is left as it is. */
static void silence(struct ctl_terminal *terminal)
{
    struct termios now;

    if (tcgetpgrp(STDIN_FILENO) != getpgrp() || tcgetattr(STDIN_FILENO, &now) < 0)
        return;
    terminal->before = now;
    now.c_lflag &= ~(tcflag_t)(ECHO | ICANON);
    terminal->is_silent = tcsetattr(STDIN_FILENO, TCSANOW, &now) == 0;
}

void ctl_terminal_enter(struct ctl_terminal *terminal)
{
    if (terminal->is_on)
        return;
    silence(terminal);
    ctl_folded_pause(true);
    put(begin_screen);
    terminal->is_on = true;
}

void ctl_terminal_leave(struct ctl_terminal *terminal)
{
    if (!terminal->is_on)
        return;
    put(end_screen);
    ctl_folded_pause(false);
    /* What was typed at the screen is no command for the shell. */
    if (terminal->is_silent)
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal->before);
    terminal->is_on = terminal->is_silent = false;
}

void ctl_terminal_draw(const struct ctl_canvas *canvas)
{
    char *text = NULL;
    size_t text_bytes = 0;
    FILE *memory = open_memstream(&text, &text_bytes);

    if (memory == NULL)
        return;
    /*
     * Each line wipes only what is right of it: nothing that stays is ever blank in between. Behind a
     * full line the cursor still stands on its last character, which wiping would take away.
     */
    (void)fputs("\033[H", memory);
    for (uint32_t i = 0; i < canvas->count; i++) {
        (void)fprintf(memory, "%s%s%s", i > 0 ? "\r\n" : "", canvas->lines[i].text,
                      canvas->lines[i].columns < canvas->width ? "\033[K" : "");
    }
    if (canvas->count < canvas->rows_max)
        (void)fputs("\r\n\033[J", memory);
    if (fclose(memory) == 0) {
        (void)fwrite(text, 1, text_bytes, stdout);
        (void)fflush(stdout);
    }
    free(text);
}

struct ctl_view ctl_terminal_view(const struct ctl_cli_globals *globals)
{
    struct ctl_view view = {.colour = globals->colour, .now = bl_wall_now()};
    uint32_t rows;

    if (isatty(STDOUT_FILENO) == 1)
        ctl_terminal_size(&view.width, &rows);

    return view;
}
