/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/packages/dnf.h"

#include <errno.h>
#include <string.h>

#include "common/file.h"
#include "common/text.h"

/* Scripts that failed after the unpacking do not show in dnf's exit code. */
static bool has_failed(const struct agent_packages_output *output)
{
    return agent_packages_dnf_has_failed_script(output->text);
}

/* rpm has no tool of its own that makes a package of the installed files. */
static int rebuild(struct agent_packages_job *job, const struct agent_packages_wanted *wanted,
                   struct bl_error *err)
{
    return 0;
}

const struct agent_packages_tools agent_packages_dnf_tools = {
    .refresh_anew = agent_packages_dnf_refresh_anew,
    .download_words = "dnf --downloadonly",
    .change_words = "dnf install",
    .audit_remedy = "see `dnf check --duplicates`",
    .former_remedy = "put the package file into /var/cache/dnf, or offer it in a repository",
    .find_offered = agent_packages_dnf_find_offered,
    .file_name = agent_packages_dnf_file_name,
    .read_file = agent_packages_dnf_read_file,
    .download = agent_packages_dnf_download,
    .parse_download_size = agent_packages_dnf_parse_download_size,
    .list_caches = agent_packages_dnf_list_caches,
    .rebuild = rebuild,
    .conffiles = agent_packages_dnf_conffiles,
    .stand = agent_packages_dnf_stand,
    .rehearse_forward = agent_packages_dnf_rehearse_forward,
    .parse_progress = agent_packages_dnf_parse_progress,
    .change = agent_packages_dnf_change,
    .has_failed = has_failed,
    .blame = agent_packages_dnf_blame,
    .audit = agent_packages_dnf_audit,
    .set_marks = agent_packages_dnf_set_marks,
    .restore_steps = agent_packages_dnf_restore_steps,
};

static int fetch(struct agent_packages_job *job, const struct agent_packages_changes *changes,
                 struct bl_error *err)
{
    return agent_packages_fetch(job, &agent_packages_dnf_tools, changes, err);
}

static int apply(struct agent_packages_job *job, const struct agent_packages_way_back *way_back,
                 struct bl_error *err)
{
    return agent_packages_apply(job, &agent_packages_dnf_tools, way_back, err);
}

static int restore(struct agent_packages_job *job, const struct agent_packages_way_back *way_back,
                   struct bl_error *err)
{
    return agent_packages_restore(job, &agent_packages_dnf_tools, way_back, err);
}

static int foresee(struct agent_packages_job *job, const struct agent_packages_changes *changes,
                   struct bl_error *err)
{
    return agent_packages_foresee(job, &agent_packages_dnf_tools, changes, err);
}

const struct agent_packages_backend agent_packages_dnf = {
    .name = "dnf",
    .audit_remedy = "`dnf check --duplicates` names them, `dnf remove --duplicates` repairs",
    .prepare = agent_packages_dnf_prepare,
    .await_lock = agent_packages_dnf_await_lock,
    .verify = agent_packages_dnf_verify,
    .audit = agent_packages_dnf_audit,
    .half_done = agent_packages_dnf_half_done,
    .repair_words = "the removal of the older ones",
    .repair = agent_packages_dnf_repair,
    .refresh = agent_packages_dnf_refresh,
    .resolve = agent_packages_dnf_resolve,
    .foresee = foresee,
    .keys = &agent_packages_dnf_keys,
    .indexes = &agent_packages_dnf_indexes,
    .fetch = fetch,
    .collect = agent_packages_dnf_collect,
    .rehearse = agent_packages_dnf_rehearse,
    .apply = apply,
    .restore = restore,
    .installed = agent_packages_dnf_find_installed,
    .inspect = agent_packages_dnf_inspect,
};

int agent_packages_dnf_prepare(struct agent_packages_job *job, struct bl_error *err)
{
    static const char *const directories[] = {"dnf/cache", "dnf/log", "dnf/state", "dnf/none"};
    BL_AUTO_FD int cache_fd = -1;
    int r;

    r = bl_dir_make(AT_FDCWD, job->cache_dir, 0755, err);
    if (r < 0)
        return r;
    cache_fd = bl_dir_open(AT_FDCWD, job->cache_dir, err);
    if (cache_fd < 0)
        return cache_fd;
    for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
        r = bl_dir_make(cache_fd, directories[i], 0755, err);
        if (r < 0)
            return r;
    }

    return 0;
}

int agent_packages_dnf_begin(struct agent_packages_job *job, enum agent_packages_dnf_world world,
                             struct agent_packages_args *args, struct bl_error *err)
{
    /*
     * A repository that cannot be reached, and a package that cannot be had, are failures whatever
     * the host says; and no package goes because nobody seems to need it any more.
     */
    static const char *const both[] = {AGENT_PACKAGES_DNF,
                                       "--setopt=best=1",
                                       "--setopt=strict=1",
                                       "--setopt=skip_broken=0",
                                       "--setopt=clean_requirements_on_remove=0",
                                       "--setopt=installonly_limit=0",
                                       "--color=never",
                                       NULL};
    static const char *const repositories[] = {"--disableplugin=generate_completion_cache",
                                               "--setopt=*.skip_if_unavailable=0",
                                               "--setopt=*.metadata_expire=-1", NULL};
    /* The signatures were checked when the files were fetched, by the rules of their repository. */
    static const char *const files[] = {"--setopt=exit_on_lock=1",
                                        "--noplugins",
                                        "--disablerepo=*",
                                        "--disableexcludes=all",
                                        "--setopt=install_weak_deps=0",
                                        "--setopt=localpkg_gpgcheck=0",
                                        NULL};
    bool is_files = world != AGENT_PACKAGES_DNF_REPOSITORIES;
    int r;

    *args = (struct agent_packages_args){0};
    if ((r = agent_packages_args_add_all(job, args, both, err)) < 0 ||
        (r = agent_packages_args_add_all(job, args, is_files ? files : repositories, err)) < 0 ||
        (r = agent_packages_args_format(job, args, err, "--setopt=cachedir=%s/dnf/%s",
                                        job->cache_dir, is_files ? "none" : "cache")) < 0 ||
        (r = agent_packages_args_format(job, args, err, "--setopt=logdir=%s/dnf/log",
                                        job->cache_dir)) < 0)
        return r;
    if (world == AGENT_PACKAGES_DNF_FILES)
        return 0;

    return agent_packages_args_format(job, args, err, "--setopt=persistdir=%s/dnf/state",
                                      job->cache_dir);
}

int agent_packages_dnf_database(struct agent_packages_job *job, const char **ret_path,
                                struct bl_error *err)
{
    static const char *const argv[] = {AGENT_PACKAGES_RPM, "--eval", "%{_dbpath}", NULL};
    struct agent_packages_output output;
    int r;

    r = agent_packages_ask(job, argv, &output, err);
    if (r < 0)
        return r;
    if (output.status != 0 || output.text[0] != '/')
        return bl_fail(err, -EPROTO, "rpm does not say where its database is");

    return agent_packages_memory_copy(job->memory, output.text, strcspn(output.text, "\n"),
                                      ret_path, err);
}

static int take_names(struct agent_packages_job *job, uint32_t count, const char ***ret_names,
                      struct bl_error *err)
{
    void *place;
    int r;

    r = agent_packages_memory_take(job->memory, ((size_t)count + 1) * sizeof(**ret_names), &place,
                                   err);
    if (r < 0)
        return r;
    *ret_names = place;

    return 0;
}

int agent_packages_dnf_former_names(struct agent_packages_job *job,
                                    const struct agent_packages_way_back *way_back,
                                    const char ***ret_names, struct bl_error *err)
{
    int r = take_names(job, way_back->former_count, ret_names, err);

    for (uint32_t i = 0; r >= 0 && i < way_back->former_count; i++)
        (*ret_names)[i] = way_back->former[i].name;

    return r;
}

int agent_packages_dnf_change_names(struct agent_packages_job *job,
                                    const struct agent_packages_changes *changes,
                                    const char ***ret_names, struct bl_error *err)
{
    int r = take_names(job, changes->count, ret_names, err);

    for (uint32_t i = 0; r >= 0 && i < changes->count; i++)
        (*ret_names)[i] = changes->list[i].name;

    return r;
}

int agent_packages_dnf_installed(struct agent_packages_job *job, const char *const *names,
                                 uint32_t name_count, struct agent_packages_rpms *ret_rpms,
                                 struct bl_error *err)
{
    static const char format[] = AGENT_PACKAGES_RPM_QUERY_FORMAT;
    static const char *const head[] = {AGENT_PACKAGES_RPM, "-q", "--qf", format, "--", NULL};
    struct agent_packages_command command = {.patience = AGENT_PACKAGES_LOOK};
    struct agent_packages_output output;
    int r;

    *ret_rpms = (struct agent_packages_rpms){0};
    if (name_count == 0)
        return 0;
    r = agent_packages_args_add_all(job, &command.args, head, err);
    for (uint32_t i = 0; r >= 0 && i < name_count; i++) {
        /* A name twice would be answered twice; the names come sorted. */
        if (i == 0 || strcmp(names[i - 1], names[i]) != 0)
            r = agent_packages_args_add(job, &command.args, names[i], err);
    }
    if (r < 0)
        return r;
    r = agent_packages_run(job, &command, &output, err);
    if (r < 0)
        return r;
    /* The exit code counts the names that are not installed, which is an answer. */
    if (output.status < 0)
        return agent_packages_dnf_blame(job, "rpm -q", &output, err);

    return agent_packages_dnf_parse_rpms(job->memory, output.text, ret_rpms, err);
}

const struct agent_packages_rpm *agent_packages_dnf_find(const struct agent_packages_rpms *rpms,
                                                         const char *name, const char *arch,
                                                         const char *version)
{
    for (uint32_t i = 0; i < rpms->count; i++) {
        const struct agent_packages_rpm *rpm = &rpms->list[i];

        if (strcmp(rpm->name, name) == 0 && strcmp(rpm->arch, arch) == 0 &&
            strcmp(rpm->version, version) == 0)
            return rpm;
    }

    return NULL;
}

int agent_packages_dnf_add_new(struct agent_packages_job *job, struct agent_packages_args *args,
                               const struct agent_packages_way_back *way_back, struct bl_error *err)
{
    for (uint32_t i = 0; i < way_back->former_count; i++) {
        int r;

        if (way_back->former[i].to[0] == '\0')
            continue;
        r = agent_packages_args_format(job, args, err, "%s/%s/%s", job->job_path,
                                       AGENT_PACKAGES_NEW_DIR, way_back->former[i].new_file);
        if (r < 0)
            return r;
    }

    return 0;
}

int agent_packages_dnf_add_former(struct agent_packages_job *job, struct agent_packages_args *args,
                                  const struct agent_packages_way_back *way_back, const bool *only,
                                  struct bl_error *err)
{
    int count = 0;

    for (uint32_t i = 0; i < way_back->former_count; i++) {
        int r;

        if ((only != NULL && !only[i]) || way_back->former[i].from[0] == '\0')
            continue;
        r = agent_packages_args_format(job, args, err, "%s/%s/%s", job->job_path,
                                       AGENT_PACKAGES_FORMER_DIR, way_back->former[i].former_file);
        if (r < 0)
            return r;
        count++;
    }

    return count;
}

/* rpm wants the name of what is installed without its epoch. */
int agent_packages_dnf_add_exact(struct agent_packages_job *job, struct agent_packages_args *args,
                                 const char *name, const char *version, const char *arch,
                                 struct bl_error *err)
{
    const char *colon = strchr(version, ':');

    return agent_packages_args_format(job, args, err, "%s-%s.%s", name,
                                      colon != NULL ? colon + 1 : version, arch);
}

int agent_packages_dnf_blame(struct agent_packages_job *job, const char *what,
                             const struct agent_packages_output *output, struct bl_error *err)
{
    struct agent_packages_cause cause;
    char words[160];

    if (output->late) {
        cause.line = agent_packages_dnf_last_action(output->text);
        return agent_packages_job_blame_late(job, what, &cause.line, err);
    }
    agent_packages_dnf_find_cause(output->text, &cause);
    bl_text_escape(words, sizeof(words), cause.line.text, cause.line.length);

    return agent_packages_fail(job, err, cause.code, "see the log of the phase", -EPROTO,
                               "%s ended with %d: %s", what, output->status,
                               words[0] != '\0' ? words : "it did not say why");
}

int agent_packages_dnf_await_lock(struct agent_packages_job *job, bool end_own,
                                  struct bl_error *err)
{
    char path[AGENT_TXN_PATH_BYTES_MAX];
    const char *database;
    int r;

    r = agent_packages_dnf_database(job, &database, err);
    if (r < 0)
        return r;
    r = bl_text_format(path, sizeof(path), "%s/.rpm.lock", database);
    if (r < 0)
        return bl_fail(err, r, "'%s': path too long", database);
    if (end_own) {
        r = agent_packages_process_await_left_behind(job, job->lock_wait_ms, err);
        if (r < 0)
            return r;
    }
    r = agent_packages_process_await_pid_file(job, AGENT_PACKAGES_DNF_PID, job->lock_wait_ms,
                                              end_own, err);
    if (r < 0)
        return r;

    return agent_packages_process_await_lock(job, path, job->lock_wait_ms, end_own, err);
}
