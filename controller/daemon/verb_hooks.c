/* SPDX-License-Identifier: Apache-2.0 */
/* What a plan may call on the controller: asked before people sign it. */
#include <string.h>

#include "common/program.h"
#include "controller/daemon/verbs.h"

enum {
    NAMES_MAX = 16,
};

void ctl_verb_hooks(struct ctl_call *call)
{
    const struct ctl_hook_places *places = call->engine->hook_places;
    const json_t *names = json_object_get(call->request, "names"), *name;
    json_t *hooks;
    size_t i;

    if (!json_is_array(names) || json_array_size(names) > NAMES_MAX) {
        ctl_refuse(call, "bad_request", "", "names: a list of at most %d names", NAMES_MAX);
        return;
    }
    hooks = json_array();
    json_array_foreach (names, i, name) {
        const char *text = json_is_string(name) ? json_string_value(name) : "";
        struct bl_error err = {0};
        const int r = bl_program_check(places->root_fd, places->hooks, text, places->owner, &err);

        (void)json_array_append_new(hooks, json_pack("{s:s, s:b, s:s}", "name", text, "ready",
                                                     r >= 0, "problem", r < 0 ? err.text : ""));
    }
    ctl_reply(call, json_pack("{s:s+, s:o}", "folder", places->root[0] != '\0' ? places->root : "/",
                              places->hooks, "hooks", hooks));
}
