/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/finding.h"

#include <stddef.h>
#include <string.h>

#define MINOR      PROTO_GRADE_MINOR
#define FUNCTIONAL PROTO_GRADE_FUNCTIONAL
#define SEVERE     PROTO_GRADE_SEVERE

/* Sorted by code; docs/plan.md has the same table, and a test compares the two. */
static const struct proto_finding findings[] = {
    {"conffile_differs", FUNCTIONAL, true, "a configuration file did not come back as it was"},
    {"container_gone", FUNCTIONAL, false, "a container that ran does not"},
    {"default_route_gone", FUNCTIONAL, false, "the host lost its way to other networks"},
    {"figure_bad", FUNCTIONAL, false, "a figure of the plan was bad for its time without a break"},
    {"figure_unknown", MINOR, false, "a figure of the plan was not known: neither good nor bad"},
    {"file_changed", MINOR, true, "a package's file differs, perhaps since long before"},
    {"hook_broken", FUNCTIONAL, false, "a hook of the plan tells nothing: it is what is broken"},
    {"hook_not_ready", FUNCTIONAL, false, "a hook of the plan still says not yet at the end"},
    {"hook_says_bad", FUNCTIONAL, false, "a hook of the plan found something"},
    {"http_wrong", FUNCTIONAL, false, "a page of the plan does not answer as it should"},
    {"kernel_broken", SEVERE, false, "the kernel reports a bug, a lockup or a disk it gave up on"},
    {"kernel_error", MINOR, false, "the kernel logged an error; most concern one device"},
    {"kernel_log", FUNCTIONAL, false, "the kernel logged something critical or worse"},
    {"log_bad", FUNCTIONAL, false, "a log of the plan has a line that must not be there"},
    {"log_good_missing", FUNCTIONAL, false, "a log of the plan lacks the line that must come"},
    {"log_unreadable", FUNCTIONAL, false, "a log of the plan could not be read: nothing is known"},
    {"marks_differ", FUNCTIONAL, true, "a hold or an auto mark did not come back"},
    {"module_gone", MINOR, false, "a kernel module is not loaded any more; what used it shows too"},
    {"mount_gone", FUNCTIONAL, false, "a file system is not mounted any more"},
    {"mount_read_only", FUNCTIONAL, false, "a file system became read-only"},
    {"name_unresolved", FUNCTIONAL, false, "a name that must resolve does not"},
    {"package_database_broken", FUNCTIONAL, true, "the package database has something half done"},
    {"package_half_done", FUNCTIONAL, true, "a package is not fully installed"},
    {"packages_unknown", FUNCTIONAL, true, "the packages could not be looked at"},
    {"path_differs", FUNCTIONAL, true,
     "a path of `change.revert_paths` or of a snapshot did not come back as it was"},
    {"path_kept", MINOR, true, "somebody changed a path once more after the job, and it stays so"},
    {"port_closed", FUNCTIONAL, false, "nobody listens on a port of the plan"},
    {"port_gone", FUNCTIONAL, false, "nobody listens on a port that was served"},
    {"process_gone", FUNCTIONAL, false, "a service is active, but its main process is gone"},
    {"reboot_needed", MINOR, false, "what was replaced is in use until the next boot"},
    {"resolver_changed", MINOR, false, "resolv.conf differs; names still resolve"},
    {"resolver_silent", FUNCTIONAL, false, "name servers answered before and none does now"},
    {"restart_needed", MINOR, false, "a service still runs on files that were replaced"},
    {"route_changed", MINOR, false, "the default route takes another way"},
    {"route_gone", FUNCTIONAL, false, "a route is gone, and with it a network"},
    {"rule_gone", FUNCTIONAL, false, "a rule of policy routing is gone"},
    {"selinux_denials", MINOR, false, "SELinux denied something; what it broke shows too"},
    {"selinux_off", FUNCTIONAL, false, "SELinux does not enforce any more"},
    {"setting_differs", FUNCTIONAL, true, "what a package's script set did not come back"},
    {"snapshot_lost", MINOR, false, "a snapshot ran full before the commit: no way back is left"},
    {"snapshot_nearly_full", MINOR, false,
     "a snapshot may run full, and there is no room for more"},
    {"ssh_silent", FUNCTIONAL, false, "sshd took logins before and begins none now"},
    {"tcp_closed", FUNCTIONAL, false, "an address of the plan takes no connection"},
    {"unit_crashed", MINOR, false, "a service crashed and runs again"},
    {"unit_failed", FUNCTIONAL, false, "a unit failed that had not"},
    {"unit_idle", MINOR, false,
     "a service that runs only on demand, or that its socket starts, has ended"},
    {"unit_not_up", FUNCTIONAL, false, "a unit that ran is still starting or stopping"},
    {"unit_restarts", FUNCTIONAL, false, "a service does not stay up"},
    {"unit_stopped", FUNCTIONAL, false, "a unit that ran does not"},
    {"version_differs", FUNCTIONAL, true, "a package is not in the version that was signed"},
};

enum {
    FINDING_COUNT = sizeof(findings) / sizeof(findings[0]),
};

const struct proto_finding *proto_finding_at(uint32_t row)
{
    return row < FINDING_COUNT ? &findings[row] : NULL;
}

const struct proto_finding *proto_finding_find(const char *code)
{
    for (uint32_t i = 0; i < FINDING_COUNT; i++) {
        if (strcmp(findings[i].code, code) == 0)
            return &findings[i];
    }

    return NULL;
}

const char *proto_finding_grade_name(uint32_t grade)
{
    return grade == PROTO_GRADE_IGNORE ? "ignore" : proto_grade_name(grade);
}
