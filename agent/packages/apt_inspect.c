/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "agent/packages/apt.h"

/* " PATH MD5" or " PATH MD5 obsolete": the path may hold blanks, what follows it may not. */
static size_t path_length(const struct agent_packages_line *line)
{
    size_t end = line->length;

    for (int words = 0; words < 3; words++) {
        size_t start = end;

        while (start > 0 && line->text[start - 1] != ' ')
            start--;
        if (start == 0)
            return 0;
        end = start - 1;
        if (strspn(line->text + start, "0123456789abcdef") == 32 ||
            strncmp(line->text + start, "newconffile", 11) == 0)
            return end;
    }

    return 0;
}

static int parse_registered(struct agent_packages_job *job, const char *text,
                            struct agent_packages_paths *paths, struct bl_error *err)
{
    struct agent_packages_line line;

    while (agent_packages_next_line(&text, &line)) {
        int r;

        if (line.length < 2 || line.text[0] != ' ')
            continue;
        line.text++;
        line.length--;
        r = agent_packages_paths_add(job, paths, line.text, path_length(&line), err);
        if (r < 0)
            return r;
    }

    return 0;
}

int agent_packages_apt_registered_conffiles(struct agent_packages_job *job,
                                            const char *const *names, uint32_t name_count,
                                            struct agent_packages_paths *paths,
                                            struct bl_error *err)
{
    static const char *const head[] = {AGENT_PACKAGES_DPKG_QUERY, "-W", "-f",
                                       "${Conffiles}\n",          "--", NULL};
    struct agent_packages_command command = {.patience = AGENT_PACKAGES_LOOK};
    struct agent_packages_output output;
    int r;

    if (name_count == 0)
        return 0;
    r = agent_packages_args_add_all(job, &command.args, head, err);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < name_count; i++) {
        r = agent_packages_args_add(job, &command.args, names[i], err);
        if (r < 0)
            return r;
    }
    r = agent_packages_run(job, &command, &output, err);
    if (r < 0)
        return r;

    return parse_registered(job, output.text, paths, err);
}

/* What a package file would bring. `dpkg-deb -I FILE conffiles` ends with 2 when it has none. */
static int shipped_conffiles(struct agent_packages_job *job, const char *path,
                             struct agent_packages_paths *paths, struct bl_error *err)
{
    static const char removal[] = "remove-on-upgrade ";
    const char *argv[] = {AGENT_PACKAGES_DPKG_DEB, "-I", path, "conffiles", NULL};
    struct agent_packages_output output;
    struct agent_packages_line line;
    const char *cursor;
    int r;

    r = agent_packages_ask(job, argv, &output, err);
    if (r < 0)
        return r;
    if (output.status != 0)
        return 0;
    cursor = output.text;
    while (agent_packages_next_line(&cursor, &line)) {
        size_t skip = strncmp(line.text, removal, strlen(removal)) == 0 ? strlen(removal) : 0;

        r = agent_packages_paths_add(job, paths, line.text + skip, line.length - skip, err);
        if (r < 0)
            return r;
    }

    return 0;
}

static int take_names(struct agent_packages_job *job, uint32_t count, const char ***ret_names,
                      struct bl_error *err)
{
    void *place;
    int r;

    r = agent_packages_memory_take(job->memory, (count + 1) * sizeof(**ret_names), &place, err);
    if (r < 0)
        return r;
    *ret_names = place;

    return 0;
}

int agent_packages_apt_conffiles(struct agent_packages_job *job,
                                 const struct agent_packages_way_back *way_back,
                                 struct agent_packages_paths *ret_paths, struct bl_error *err)
{
    struct agent_packages_paths paths = {0};
    const char **names;
    int r;

    r = take_names(job, way_back->former_count, &names, err);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < way_back->former_count; i++)
        names[i] = way_back->former[i].name;
    r = agent_packages_apt_registered_conffiles(job, names, way_back->former_count, &paths, err);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < way_back->former_count; i++) {
        const char *path;

        if (way_back->former[i].new_file[0] == '\0')
            continue;
        if ((r = agent_packages_memory_format(job->memory, &path, err, "%s/%s/%s", job->job_path,
                                              AGENT_PACKAGES_NEW_DIR,
                                              way_back->former[i].new_file)) < 0 ||
            (r = shipped_conffiles(job, path, &paths, err)) < 0)
            return r;
    }
    agent_packages_paths_sort(&paths);
    *ret_paths = paths;

    return 0;
}

static int add_item(struct agent_packages_job *job, const struct agent_packages_stanza_key *key,
                    const struct agent_packages_state *state, const char *holds, const char *autos,
                    struct bl_error *err)
{
    struct agent_txn_result *result = job->result;
    enum agent_txn_status status = agent_packages_apt_status(state);
    struct agent_txn_item *item;
    void *place;
    int r;

    r = agent_packages_memory_append(job->memory, &result->inventory, result->inventory_count,
                                     sizeof(*item), &place, err);
    if (r < 0)
        return r;
    item = place;
    *item = (struct agent_txn_item){
        .name = key->name,
        .arch = status == AGENT_TXN_STATUS_ABSENT ? key->arch : state->arch,
        .version = status == AGENT_TXN_STATUS_ABSENT ? "" : state->version,
        .status = status,
        .held = agent_packages_apt_is_marked(holds, key->name, state->arch),
        .automatic = agent_packages_apt_is_marked(autos, key->name, state->arch),
    };
    result->inventory_count++;

    return 0;
}

static int take_inventory(struct agent_packages_job *job,
                          const struct agent_packages_changes *changes, struct bl_error *err)
{
    struct agent_packages_stanza_key *keys;
    struct agent_packages_state *states;
    const char *holds, *autos;
    void *place;
    int r;

    r = agent_packages_memory_take(job->memory, (changes->count + 1) * sizeof(*keys), &place, err);
    if (r < 0)
        return r;
    keys = place;
    r = agent_packages_memory_take(job->memory, (changes->count + 1) * sizeof(*states), &place,
                                   err);
    if (r < 0)
        return r;
    states = place;
    for (uint32_t i = 0; i < changes->count; i++)
        keys[i] = (struct agent_packages_stanza_key){changes->list[i].name, changes->list[i].arch};
    if ((r = agent_packages_apt_states(job, keys, changes->count, states, err)) < 0 ||
        (r = agent_packages_apt_marks(job, "showhold", &holds, err)) < 0 ||
        (r = agent_packages_apt_marks(job, "showauto", &autos, err)) < 0)
        return r;

    job->result->inventory_count = 0;
    job->result->inventory = NULL;
    for (uint32_t i = 0; i < changes->count; i++) {
        r = add_item(job, &keys[i], &states[i], holds, autos, err);
        if (r < 0)
            return r;
    }

    return 0;
}

static int take_conffiles(struct agent_packages_job *job,
                          const struct agent_packages_changes *changes, struct bl_error *err)
{
    struct agent_packages_paths paths = {0};
    const char **names;
    int r;

    r = take_names(job, changes->count, &names, err);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < changes->count; i++)
        names[i] = changes->list[i].name;
    r = agent_packages_apt_registered_conffiles(job, names, changes->count, &paths, err);
    if (r < 0)
        return r;
    agent_packages_paths_sort(&paths);

    return agent_packages_paths_report(job, &paths, err);
}

/* `dpkg --verify` lines: "??5??????   /path", with a 'c' in between for configuration files. */
static int verify(struct agent_packages_job *job, struct bl_error *err)
{
    static const char *const head[] = {AGENT_PACKAGES_DPKG, "--verify", "--", NULL};
    struct agent_packages_command command = {.patience = AGENT_PACKAGES_LOOK};
    struct agent_packages_output output;
    struct agent_packages_line line;
    const char *cursor;
    uint32_t count = 0;
    int r;

    r = agent_packages_args_add_all(job, &command.args, head, err);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < job->result->inventory_count; i++) {
        const struct agent_txn_item *item = &job->result->inventory[i];

        if (item->status == AGENT_TXN_STATUS_ABSENT)
            continue;
        r = agent_packages_args_format(job, &command.args, err, "%s:%s", item->name, item->arch);
        if (r < 0)
            return r;
        count++;
    }
    if (count == 0)
        return 0;
    r = agent_packages_run(job, &command, &output, err);
    if (r < 0)
        return r;

    cursor = output.text;
    while (agent_packages_next_line(&cursor, &line)) {
        const char *path = memchr(line.text, '/', line.length);

        if (path == NULL || path - line.text < 3 ||
            memchr(line.text, 'c', (size_t)(path - line.text)) != NULL)
            continue;
        agent_packages_paths_find_changed(job, path, line.length - (size_t)(path - line.text));
    }

    return 0;
}

int agent_packages_apt_inspect(struct agent_packages_job *job,
                               const struct agent_packages_changes *changes, bool verify_files,
                               struct bl_error *err)
{
    int r;

    if ((r = take_inventory(job, changes, err)) < 0 ||
        (r = take_conffiles(job, changes, err)) < 0 ||
        (r = agent_packages_apt_audit(job, &job->result->audit_clean, err)) < 0)
        return r;

    return verify_files ? verify(job, err) : 0;
}
