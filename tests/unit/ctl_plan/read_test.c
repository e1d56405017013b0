/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/policy.h"
#include "proto/trust.h"
#include "tests/unit/ctl_plan/reading.h"

/* Four lines that are right, for the cases to stand behind. */
#define GOOD                            \
    "plan: p\n"                         \
    "risk: low\n"                       \
    "hosts: { match: { role: web } }\n" \
    "change: { packages: [ openssl ] }\n"

#define LONG_NAME "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggggg"

static const struct mistake {
    const char *text;
    const char *told; /* all problems, a line each */
} mistakes[] = {
    /* keys */
    {GOOD "wavs: [ 1 ]\n", "p.yaml:5: field 'wavs': there is no such field; did you mean 'waves'?"},
    {GOOD "units: [ a.service ]\n",
     "p.yaml:5: field 'units': there is no such field; did you mean 'precheck.units'?"},
    {GOOD "zzz: 1\n", "p.yaml:5: field 'zzz': there is no such field"},
    {GOOD "verify:\n  untis: [ a.service ]\n",
     "p.yaml:6: field 'verify.untis': there is no such field; did you mean 'units'?"},
    {GOOD "verify:\n  run: []\n",
     "p.yaml:6: field 'verify.run': is not built yet in belay " BELAY_VERSION
     ": put the program into /etc/belay/hooks.d of the hosts and name it in 'verify.hooks'"},
    {GOOD "verify:\n  hooks: [ ../x, ok, ok ]\n",
     "p.yaml:6: field 'verify.hooks[0]': '../x' is not a name: letters, digits, '.', '_' "
     "and '-', the first of them no sign\n"
     "p.yaml:6: field 'verify.hooks[2]': 'ok' is listed twice"},
    {GOOD
     "verify:\n  logs:\n    - { unit: x, bad: '(' }\n    - { file: /etc/passwd, good: a, within: 6m }\n"
     "    - { unit: a.service, file: /var/log/x, bad: 'a{2,}', goood: x }\n"
     "    - { file: /var/log/../shadow, within: 2s }\n",
     "p.yaml:7: field 'verify.logs[0].unit': 'x' does not say what kind of unit: write 'x.service'\n"
     "p.yaml:7: field 'verify.logs[0].bad': '(' is no extended regular expression: Unmatched ( or "
     "\\(\n"
     "p.yaml:8: field 'verify.logs[1].file': '/etc/passwd' is no path of a file below /var/log\n"
     "p.yaml:8: field 'verify.logs[1].within': '6m': from 1s to 5m\n"
     "p.yaml:9: field 'verify.logs[2].bad': 'a{2,}': counts in { } have an end, 100 in all\n"
     "p.yaml:9: field 'verify.logs[2].goood': there is no such field; did you mean 'good'?\n"
     "p.yaml:9: field 'verify.logs[2]': needs either 'unit' or 'file'\n"
     "p.yaml:10: field 'verify.logs[3].file': '/var/log/../shadow' is no path of a file below "
     "/var/log\n"
     "p.yaml:10: field 'verify.logs[3]': needs 'bad' or 'good' or both\n"
     "p.yaml:10: field 'verify.logs[3]': 'within' is the time for 'good'"},
    {GOOD "verify:\n  kernel_ignore: [ '(a)\\1' ]\n",
     "p.yaml:6: field 'verify.kernel_ignore[0]': '(a)\\1': back-references can take for ever"},
    {GOOD "verify:\n  samples: 3/5\n",
     "p.yaml:6: field 'verify.samples': '3/5' is no number of samples: write 3 of 5"},
    {GOOD "verify:\n  samples: 6 of 5\n",
     "p.yaml:6: field 'verify.samples': '6 of 5': from 1 of them to all of them"},
    {GOOD "verify:\n  samples: 0 of 5\n",
     "p.yaml:6: field 'verify.samples': '0 of 5': from 1 of them to all of them"},
    {GOOD "verify:\n  samples: 3 of 21\n",
     "p.yaml:6: field 'verify.samples': '3 of 21': at most 20 samples"},
    {GOOD "verify:\n  every: 2s\n",
     "p.yaml:6: field 'verify.every': needs 'verify.samples' with more than one, such as 3 of 5"},
    {GOOD "verify:\n  samples: 1 of 2\n  every: 6m\n",
     "p.yaml:7: field 'verify.every': is longer than 5m"},
    {GOOD "verify:\n  samples: 1 of 2\n  every: 0s\n",
     "p.yaml:7: field 'verify.every': '0s' is too short: at least 1s"},
    {GOOD "verify:\n  http:\n    - { url: ftp://x, status: 20, within: 2m, elsewhere: maybe }\n"
          "    - { urls: 'http://x/' }\n",
     "p.yaml:7: field 'verify.http[0].url': 'ftp://x' is not a URL such as "
     "http://127.0.0.1:8080/health\n"
     "p.yaml:7: field 'verify.http[0].status': '20' is no status of HTTP: 100 to 599\n"
     "p.yaml:7: field 'verify.http[0].within': '2m': from 1s to 1m\n"
     "p.yaml:7: field 'verify.http[0].elsewhere': 'maybe' is neither yes nor no\n"
     "p.yaml:8: field 'verify.http[1].urls': there is no such field; did you mean 'url'?\n"
     "p.yaml:8: field 'verify.http[1]': lacks 'url'"},
    {GOOD
     "verify:\n  figures:\n    - { figure: cpus, bad: '> 9%' }\n    - { figure: cpu, bad: '< 9%' }\n"
     "    - { figure: cpu, bad: '> 9ms' }\n    - { figure: load, bad: '> 120%' }\n"
     "    - { figure: cpu, bad: 90 }\n    - { figure: cpu, bad: '> 100%' }\n"
     "    - { figure: cpu, bad: '> 1.05x' }\n    - { figure: cpu, bad: '> 90%', for: 5m }\n"
     "    - { figure: cpu, bad: '> 90%', for: 1s }\n    - { figure: cpu, bad: '> 90%', mount: / }\n"
     "    - { figure: disk, bad: '< 1GiB', mount: /srv }\n    - { figure: cpu }\n"
     "    - { figures: cpu, bad: '> 9%' }\n",
     "p.yaml:6: field 'verify.figures': 'for' of cpu is 300s and 'watch' 300s: it would never be "
     "reached\n"
     "p.yaml:7: field 'verify.figures[0].figure': there is no such figure; did you mean 'cpu'?\n"
     "p.yaml:8: field 'verify.figures[1].bad': '< 9%' is not > 90% or > 2x\n"
     "p.yaml:9: field 'verify.figures[2].bad': '> 9ms' is not > 90% or > 2x\n"
     "p.yaml:10: field 'verify.figures[3].bad': '> 120%' is not > 8 or > 2x\n"
     "p.yaml:11: field 'verify.figures[4].bad': '90' is not a comparison such as > 90%\n"
     "p.yaml:12: field 'verify.figures[5]': a share is never above 100%\n"
     "p.yaml:13: field 'verify.figures[6]': it is not from 1.1x to 100x\n"
     "p.yaml:15: field 'verify.figures[8]': its time is not from 5s to 1d\n"
     "p.yaml:16: field 'verify.figures[9]': only the figure 'disk' has a mount\n"
     "p.yaml:17: field 'verify.figures[10].mount': is not one of /, /boot, /usr, /var\n"
     "p.yaml:18: field 'verify.figures[11]': lacks 'bad'\n"
     "p.yaml:19: field 'verify.figures[12].figures': there is no such field; did you mean "
     "'figure'?"},
    {"plan: p\n", "p.yaml:1: lacks 'risk'\np.yaml:1: lacks 'hosts'\np.yaml:1: lacks 'change'"},
    /* name and risk */
    {"plan: a b\nrisk: hihg\nhosts: { list: [ h1 ] }\nchange: { packages: [ a ] }\n",
     "p.yaml:1: field 'plan': 'a b' is not a name: letters, digits, '.', '_' and '-', the first of "
     "them no sign\n"
     "p.yaml:2: field 'risk': 'hihg' is not one of low, medium, high; did you mean 'high'?"},
    {"plan: " LONG_NAME "\nrisk: low\nhosts: { list: [ h1 ] }\nchange: { packages: [ a ] }\n",
     "p.yaml:1: field 'plan': 'aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd...' is longer than 64 bytes"},
    {"plan: []\nrisk: {}\nhosts: 1\nchange: 2\n",
     "p.yaml:1: field 'plan': must be a name\n"
     "p.yaml:2: field 'risk': must be one word\n"
     "p.yaml:3: field 'hosts': must be a section with fields\n"
     "p.yaml:4: field 'change': must be a section with fields"},
    /* hosts */
    {"plan: p\nrisk: low\nhosts: { exclude: [ h1 ] }\nchange: { packages: [ a ] }\n",
     "p.yaml:3: field 'hosts': names no hosts: needs 'match' or 'list'"},
    {"plan: p\nrisk: low\nhosts: { list: [] }\nchange: { packages: [ a ] }\n",
     "p.yaml:3: field 'hosts.list': is empty: nothing to upgrade"},
    {"plan: p\nrisk: low\nhosts: { match: {} }\nchange: { packages: [ a ] }\n",
     "p.yaml:3: field 'hosts.match': is empty: name at least one label"},
    {"plan: p\nrisk: low\nhosts:\n  list:\n    - h1\n    - h1\n    - h;1\nchange: { packages: [ a ] }\n",
     "p.yaml:6: field 'hosts.list[1]': 'h1' is listed twice\n"
     "p.yaml:7: field 'hosts.list[2]': 'h;1' is not a name: letters, digits, '.', '_' and '-', the "
     "first of them no sign"},
    {"plan: p\nrisk: low\nhosts: { match: { role: [ web ] } }\nchange: { packages: [ a ] }\n",
     "p.yaml:3: field 'hosts.match.role': must be the value of a label"},
    {"plan: p\nrisk: low\nhosts: { match: \"role=web env=prod\" }\nchange: { packages: [ a ] }\n",
     "p.yaml:3: field 'hosts.match': column 10: expected ',' or 'or' before 'env=prod'"},
    {"plan: p\nrisk: low\nhosts: { list: [ a ], exclude: \"name~\" }\nchange: { packages: [ a ] }\n",
     "p.yaml:3: field 'hosts.exclude': column 6: a value is missing: write it, or \"\" in quotes"},
    {"plan: p\nrisk: low\nhosts: { list: [ a, b ], standby: 0 }\nchange: { packages: [ a ] }\n",
     "p.yaml:3: field 'hosts.standby': keeps no host: leave the key out"},
    {"plan: p\nrisk: low\nhosts: { list: [ a, b ], standby: [] }\nchange: { packages: [ a ] }\n",
     "p.yaml:3: field 'hosts.standby': keeps no host: leave the key out"},
    {"plan: p\nrisk: low\nhosts: { list: [ a, b ], standby: 100% }\nchange: { packages: [ a ] }\n",
     "p.yaml:3: field 'hosts.standby': keeps all hosts, so that none changes"},
    {"plan: p\nrisk: low\nhosts: { list: [ a, b ], standby: rest }\nchange: { packages: [ a ] }\n",
     "p.yaml:3: field 'hosts.standby': 'rest' is for waves"},
    {"plan: p\nrisk: low\nhosts: { list: [ a, b ], standby: 2x }\nchange: { packages: [ a ] }\n",
     "p.yaml:3: field 'hosts.standby': '2x' is neither a number of hosts nor a share: write 3, 10% "
     "or 0.5%"},
    {"plan: p\nrisk: low\nhosts: { list: [ a, b ], standby: 'package:a' }\nchange: { packages: [ a ] }\n",
     "p.yaml:3: field 'hosts.standby': can't hang on packages, since these change: name a label, "
     "facts, or how many hosts"},
    {"plan: p\nrisk: low\nhosts: { match: [ web ] }\nchange: { packages: [ a ] }\n",
     "p.yaml:3: field 'hosts.match': must be labels: { role: web }, or an expression"},
    /* packages */
    {"plan: p\nrisk: low\nhosts: { list: [ h ] }\nchange: { packages: [] }\n",
     "p.yaml:4: field 'change.packages': is empty: name at least one package"},
    {"plan: p\nrisk: low\nhosts: { list: [ h ] }\nchange: { packages: kernel }\n",
     "p.yaml:4: field 'change.packages': 'kernel' is not built yet: list the packages: [ openssl, "
     "… ]"},
    {"plan: p\nrisk: low\nhosts: { list: [ h ] }\nchange: { packages: secruity }\n",
     "p.yaml:4: field 'change.packages': must be 'security', 'all' or a list: [ … ]; did you mean "
     "'security'?"},
    {"plan: p\nrisk: low\nhosts: { list: [ h ] }\nchange:\n  packages: [ a, 'b*=1.*', 'c*:i386' ]\n"
     "  exclude: [ 'x*', 'a', '-y*', 'z/*' ]\n  allow: { new: perhaps }\n  phased: always\n",
     "p.yaml:5: field 'change.packages[2]': 'c*:i386' is not a pattern over names of packages\n"
     "p.yaml:6: field 'change.exclude[2]': '-y*' is not a pattern over names of packages\n"
     "p.yaml:6: field 'change.exclude[3]': 'z/*' is not a pattern over names of packages\n"
     "p.yaml:6: field 'change.exclude': 'a' excludes 'a', which 'packages' names\n"
     "p.yaml:7: field 'change.allow.new': 'perhaps' is neither yes nor no\n"
     "p.yaml:8: field 'change.phased': 'always' is not one of respect, ignore"},
    {"plan: p\nrisk: low\nhosts: { list: [ h ] }\nchange: { packages: openssl }\n",
     "p.yaml:4: field 'change.packages': must be 'security', 'all' or a list: [ … ]"},
    {"plan: p\nrisk: low\nhosts: { list: [ h ] }\nchange:\n  packages:\n  - a\n  - a=1\n  - b=\n"
     "  - '-c'\n  - d=1 2\n  - linux-image-amd64\n",
     "p.yaml:7: field 'change.packages[1]': package 'a' is listed twice\n"
     "p.yaml:8: field 'change.packages[2]': 'b=' lacks the version behind the =\n"
     "p.yaml:9: field 'change.packages[3]': '-c' is not the name of a package\n"
     "p.yaml:10: field 'change.packages[4]': '1 2' is not the version of a package\n"
     "p.yaml:11: field 'change.packages[5]': 'linux-image-amd64' is a kernel: upgrades that reboot "
     "are not built yet"},
    {"plan: p\nrisk: low\nhosts: { list: [ h ] }\nchange:\n  allow: { remove: maybe }\n",
     "p.yaml:4: field 'change': lacks 'packages'\n"
     "p.yaml:5: field 'change.allow.remove': 'maybe' is neither yes nor no"},
    {"plan: p\nrisk: low\nhosts: { list: [ h ] }\nchange:\n  packages: [ a ]\n  reboot: always\n"
     "  revert: machine\n",
     "p.yaml:6: field 'change.reboot': 'always' is not one of never, if-needed\n"
     "p.yaml:7: field 'change.revert': 'machine' is not one of packages, filesystem"},
    {"plan: p\nrisk: low\nhosts: { list: [ h ] }\nchange:\n  packages: [ a ]\n  conffiles: ask\n"
     "  metadata_max_age: 5m\n  repair: perhaps\n",
     "p.yaml:6: field 'change.conffiles': 'ask' is not one of keep, replace\n"
     "p.yaml:7: field 'change.metadata_max_age': '5m' is too short: at least 1h\n"
     "p.yaml:8: field 'change.repair': 'perhaps' is neither yes nor no"},
    {"plan: p\nrisk: low\nhosts: { list: [ h ] }\nchange:\n  packages: [ a ]\n  revert_paths:\n"
     "  - srv\n  - /\n  - /srv/../etc\n  - /etc\n  - /proc/1\n  - /srv\n  - /srv/a\n  - /srv\n",
     "p.yaml:6: field 'change.revert_paths': '/srv/a' lies in '/srv': drop one\n"
     "p.yaml:7: field 'change.revert_paths[0]': 'srv' is no absolute path\n"
     "p.yaml:8: field 'change.revert_paths[1]': '/' is not in plain form: no '//', no '.' or '..', "
     "no '/' at the end\n"
     "p.yaml:9: field 'change.revert_paths[2]': '/srv/../etc' is not in plain form: no '//', no '.' "
     "or '..', no '/' at the end\n"
     "p.yaml:10: field 'change.revert_paths[3]': '/etc' holds '/etc/belay', which is never put back: "
     "name less\n"
     "p.yaml:11: field 'change.revert_paths[4]': '/proc/1' lies in '/proc', which is never put "
     "back\n"
     "p.yaml:14: field 'change.revert_paths[7]': '/srv' is listed twice"},
    /* waves */
    {GOOD "waves: []\n", "p.yaml:5: field 'waves': is empty: [ rest ] upgrades all hosts at once"},
    {GOOD "waves: 10%\n", "p.yaml:5: field 'waves': must be a list: [ … ]"},
    {GOOD "waves: [ 10%, 20% ]\n",
     "p.yaml:5: field 'waves': add up to 30.00%: let the last one be 'rest'"},
    {GOOD "waves:\n- 0\n- rest\n- 3\n",
     "p.yaml:6: field 'waves[0]': a wave of no hosts\n"
     "p.yaml:7: field 'waves[1]': takes all hosts, so no wave can follow"},
    {GOOD "waves:\n- ten\n- 110%\n- 1.234%\n- x%\n",
     "p.yaml:6: field 'waves[0]': 'ten' is neither a number of hosts nor a share: write 3, 10% or "
     "0.5%\n"
     "p.yaml:7: field 'waves[1]': '110%' is more than 100%\n"
     "p.yaml:8: field 'waves[2]': '1.234%': a share has at most two decimals\n"
     "p.yaml:9: field 'waves[3]': 'x%' is not a share such as 10% or 0.5%"},
    {GOOD "failures_allowed: rest\n", "p.yaml:5: field 'failures_allowed': 'rest' is for waves"},
    {GOOD "budget: rest\n", "p.yaml:5: field 'budget': 'rest' is for waves"},
    {GOOD "budget: 0\n", "p.yaml:5: field 'budget': is 0: no host could ever start"},
    {GOOD "first: alon\n",
     "p.yaml:5: field 'first': 'alon' is not one of alone, together; did you mean 'alone'?"},
    {GOOD "failures_allowed: -1\n",
     "p.yaml:5: field 'failures_allowed': '-1' is neither a number of hosts nor a share: write 3, "
     "10% or 0.5%"},
    /* times */
    {GOOD "soak: 30\n", "p.yaml:5: field 'soak': '30' has no unit: write 30s, 30m or 30h"},
    {GOOD "soak: ''\n",
     "p.yaml:5: field 'soak': is empty: write a time such as 30s, 10m, 2h or 7d"},
    {GOOD "soak: soon\n",
     "p.yaml:5: field 'soak': 'soon' is not a time such as 30s, 10m, 2h or 7d"},
    {GOOD "soak: 5w\n",
     "p.yaml:5: field 'soak': '5w' is not a time: units are d, h, m, s, the largest first"},
    {GOOD "soak: 5s1m\n",
     "p.yaml:5: field 'soak': '5s1m' is not a time: units are d, h, m, s, the largest first"},
    {GOOD "soak: 400d\n", "p.yaml:5: field 'soak': '400d' is longer than 366 days"},
    {GOOD "soak: 99999999999999999999s\n",
     "p.yaml:5: field 'soak': '99999999999999999999s' is longer than 366 days"},
    {GOOD "soak: [ 1h ]\n", "p.yaml:5: field 'soak': must be a time such as 30s, 10m, 2h or 7d"},
    {GOOD "change_within: 1s\n",
     "p.yaml:5: field 'change_within': '1s' is too short: at least 10s"},
    {GOOD "approvals: { waves: 9 }\n",
     "p.yaml:5: field 'approvals.waves': '9' is no number from 0 to 8"},
    {GOOD "severe: { answer_within: 5s }\n",
     "p.yaml:5: field 'severe.answer_within': '5s' is too short: at least 10s"},
    {GOOD "promises: { downtime: 5s }\n",
     "p.yaml:5: field 'promises.downtime': '5s' is too short: at least 1m"},
    /* isolation */
    {GOOD "quiesce:\n  units: [ cron ]\n",
     "p.yaml:6: field 'quiesce.units[0]': 'cron' does not say what kind of unit: write "
     "'cron.service'"},
    {GOOD "quiesce:\n  timers: [ '*back up*' ]\n",
     "p.yaml:6: field 'quiesce.timers[0]': '*back up*' is not a pattern over unit names"},
    {GOOD "ssh_lock: maybe\n", "p.yaml:5: field 'ssh_lock': must be 'no' or a section"},
    {GOOD "ssh_lock:\n  keep: { groups: [], from: [] }\n",
     "p.yaml:6: field 'ssh_lock.keep': keeps nobody: name a group or an address, or write "
     "'ssh_lock: no'"},
    {GOOD "ssh_lock:\n  keep:\n    from:\n    - 10.0.0.1/24\n    - 10.0.0\n    - 0.0.0.0/0\n"
          "    - 10.0.0.0/33\n    - ::1\n    - 10.0.0.0/8\n",
     "p.yaml:8: field 'ssh_lock.keep.from[0]': '10.0.0.1/24' has bits set behind its /24\n"
     "p.yaml:9: field 'ssh_lock.keep.from[1]': '10.0.0' is not an IP address or network such as "
     "10.0.9.5 or 10.0.9.0/24\n"
     "p.yaml:10: field 'ssh_lock.keep.from[2]': '0.0.0.0/0' is the whole world\n"
     "p.yaml:11: field 'ssh_lock.keep.from[3]': '10.0.0.0/33': the length after / goes from 0 to 32"},
    {GOOD "ssh_lock: { sessions: kill, lease: 20m }\nchange_within: 1h\n",
     "p.yaml:5: field 'ssh_lock.sessions': 'kill' is not one of keep, warn, end\n"
     "p.yaml:5: field 'ssh_lock.lease': is shorter than 'change_within': SSH would open in "
     "mid-change"},
    /* pre-checks */
    {GOOD "precheck:\n  units: [ nginx ]\n  containers: [ 'a b' ]\n  hooks: [ /bin/true, a, a ]\n"
          "  modules: ignore\n",
     "p.yaml:6: field 'precheck.units[0]': 'nginx' does not say what kind of unit: write "
     "'nginx.service'\n"
     "p.yaml:7: field 'precheck.containers[0]': 'a b' is not a name: letters, digits, '.', '_' and '-', the "
     "first of them no sign\n"
     "p.yaml:8: field 'precheck.hooks[0]': '/bin/true' is not a name: letters, digits, '.', '_' and '-', "
     "the first of them no sign\n"
     "p.yaml:8: field 'precheck.hooks[2]': 'a' is listed twice\n"
     "p.yaml:9: field 'precheck.modules': 'ignore' is not one of warn, block"},
    /* verification */
    {GOOD "verify:\n  units: [ 'a*.service' ]\n  ports: [ 443, tcp/0, tcp/443, tcp/443 ]\n",
     "p.yaml:6: field 'verify.units[0]': 'a*.service' is not the name of a unit\n"
     "p.yaml:7: field 'verify.ports[0]': '443' is not a port: write tcp/443 or udp/53\n"
     "p.yaml:7: field 'verify.ports[1]': 'tcp/0': ports go from 1 to 65535\n"
     "p.yaml:7: field 'verify.ports[3]': 'tcp/443' is listed twice"},
    {GOOD "verify:\n  grades: { unit_idel: ignore, zzzzzzzz: minor, unit_idle: mild }\n",
     "p.yaml:6: field 'verify.grades.unit_idel': there is no finding of this name: docs/plan.md "
     "lists them; did you mean 'unit_idle'?\n"
     "p.yaml:6: field 'verify.grades.zzzzzzzz': there is no finding of this name: docs/plan.md "
     "lists them\n"
     "p.yaml:6: field 'verify.grades.unit_idle': 'mild' is not one of minor, functional, severe, "
     "ignore"},
    {GOOD "verify:\n  names: [ db.example.org, 10.0.0.1, 'a b' ]\n",
     "p.yaml:6: field 'verify.names[1]': '10.0.0.1' is not a name of DNS\n"
     "p.yaml:6: field 'verify.names[2]': 'a b' is not a name of DNS"},
    {GOOD "verify:\n  grades: [ unit_idle ]\n",
     "p.yaml:6: field 'verify.grades': must be findings and grades: { unit_idle: ignore }"},
    {GOOD "witnesses: [ 'example.org:443', '10.0.0.1', '10.0.0.1:443', '[::1]:443' ]\n",
     "p.yaml:5: field 'witnesses[0]': 'example.org:443' is not ADDRESS:PORT with an IP address "
     "(IPv6 in brackets)\n"
     "p.yaml:5: field 'witnesses[1]': '10.0.0.1' is not ADDRESS:PORT with an IP address (IPv6 in "
     "brackets)"},
};

static void tell_all(const struct reading *reading, char *ret_text, size_t text_bytes)
{
    size_t used = 0;

    ret_text[0] = '\0';
    for (uint32_t i = 0; i < reading->problems.count; i++) {
        char line[512];

        ctl_plan_format_problem("p.yaml", &reading->problems.list[i], line, sizeof(line));
        used +=
            (size_t)snprintf(ret_text + used, text_bytes - used, "%s%s", i > 0 ? "\n" : "", line);
        assert_true(used < text_bytes);
    }
}

static void tells_each_mistake_with_its_line(void **state)
{
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        struct reading *reading = read_text(mistakes[i].text);
        char told[4096];

        tell_all(reading, told, sizeof(told));
        if (strcmp(told, mistakes[i].told) != 0)
            print_error("case %zu:\n%s", i, mistakes[i].text);
        assert_string_equal(told, mistakes[i].told);
        assert_int_equal(reading->result, -EINVAL);
        end_reading(reading);
    }
}

static void refuses_what_is_no_yaml(void **state)
{
    static const char *const texts[] = {"plan: [\n", "plan: p\nplan: q\n", "- a\n", ""};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct reading *reading = read_text(texts[i]);

        assert_true(reading->result < 0);
        assert_int_equal(strncmp(reading->err.text, "p.yaml:", 7), 0);
        end_reading(reading);
    }
}

static void tells_its_targets_as_one_expression(void **state)
{
    static const char *const rows[][3] = {
        {"{ match: { role: web, env: prod }, exclude: [ web9 ] }", "label.role=web, label.env=prod",
         ""},
        {"{ match: 'a=1 or b=2', exclude: canary }", "(a=1 or b=2), !(canary)", "!(canary)"},
        {"{ list: [ db1 ], exclude: 'zone=c' }", "", "!(zone=c)"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[256], targets[64];
        struct reading *reading;
        struct bl_error err = {0};

        (void)snprintf(text, sizeof(text),
                       "plan: p\nrisk: low\nhosts: %s\nchange: { packages: [ a ] }\n", rows[i][0]);
        reading = read_text(text);
        assert_int_equal(reading->result, 0);
        assert_true(ctl_plan_targets(&reading->plan.hosts, false, targets, sizeof(targets), &err) >=
                    0);
        assert_string_equal(targets, rows[i][1]);
        assert_true(ctl_plan_targets(&reading->plan.hosts, true, targets, sizeof(targets), &err) >=
                    0);
        assert_string_equal(targets, rows[i][2]);
        if (rows[i][1][0] != '\0')
            assert_int_equal(ctl_plan_targets(&reading->plan.hosts, false, targets, 12, &err),
                             -EMSGSIZE);
        end_reading(reading);
    }
}

static void reads_a_whole_plan(void **state)
{
    struct reading *reading = read_text(
        "plan: openssl-2026-11\nrisk: high\n"
        "hosts: { match: { role: web, env: prod }, list: [ db1 ], exclude: [ web9 ] }\n"
        "change:\n  packages: [ openssl, nginx=1.24.0-2 ]\n  exclude: [ nginx-doc ]\n"
        "  allow: { remove: yes, downgrade: no, new: no }\n  phased: ignore\n"
        "  conffiles: replace\n  metadata_max_age: 7d\n  repair: yes\n"
        "  reboot: if-needed\n  revert: packages\n"
        "  revert_paths: [ /usr/local/bin, /etc/shop.conf ]\n"
        "waves: [ 1, 10%, 0.5%, rest ]\nsoak: 1h30m\nfailures_allowed: 2\n"
        "budget: 4\nfirst: together\n"
        "windows: [ { days: [ mon, fri ], from: '00:30', for: 8h, zone: '+01:00' },\n"
        "  { from: '23:15', for: 12h, zone: '-02:00' } ]\n"
        "precheck: { units: [ pg.service ], containers: [ web ], hooks: [ h1 ], modules: block }\n"
        "quiesce: { units: [ cron.service ], timers: [ '*backup*' ], backups: [], wait: 5m }\n"
        "ssh_lock: { keep: { groups: [ breakglass ], from: [ 10.0.9.5 ] }, sessions: end, lease: 3h }\n"
        "verify: { units: [ nginx.service ], ports: [ tcp/443, udp/53 ], settle: 3s,\n"
        "  hooks: [ h2 ], samples: 3 of 5, every: 10s, kernel_ignore: [ '^usb' ],\n"
        "  logs: [ { unit: a.service, good: up }, { file: /var/log/x, bad: no } ],\n"
        "  grades: { kernel_broken: ignore, unit_idle: severe } }\n"
        "stage_within: 1m\nchange_within: 2m\nconfirm_within: 3m\nwatch: 0s\nkeep_way_back: 2d\n"
        "lost_after: 30s\n"
        "promises: { downtime: 30m, rollback_starts: 20m, restored: 2h }\n"
        "approvals: { waves: 2, by: commander, expires: 12h }\n"
        "severe: { answer_within: 15s, otherwise: stop }\n"
        "sample: { share: 2.5%, tcp: [ 10.0.0.2:80 ], logs: [ { unit: a.service, bad: x } ] }\n"
        "witnesses: [ '10.0.0.1:443' ]\n");
    const struct ctl_plan *plan = &reading->plan;
    char window[160];

    assert_int_equal(reading->result, 0);
    assert_string_equal(plan->name, "openssl-2026-11");
    assert_int_equal(plan->risk, PROTO_RISK_HIGH);
    assert_int_equal(plan->hosts.match_count, 2);
    assert_string_equal(plan->hosts.match[1].key, "env");
    assert_string_equal(plan->hosts.match[1].value, "prod");
    assert_string_equal(plan->hosts.list.items[0], "db1");
    assert_string_equal(plan->hosts.exclude.items[0], "web9");
    assert_int_equal(plan->packages_count, 2);
    assert_string_equal(plan->packages[0].version, "");
    assert_string_equal(plan->packages[1].name, "nginx");
    assert_string_equal(plan->packages[1].version, "1.24.0-2");
    assert_true(plan->allow_remove);
    assert_false(plan->allow_downgrade);
    assert_false(plan->allow_new);
    assert_int_equal(plan->package_set, PROTO_SET_NAMED);
    assert_string_equal(plan->exclude.items[0], "nginx-doc");
    assert_int_equal(plan->phased, CTL_PLAN_PHASED_IGNORE);
    assert_int_equal(plan->conffiles, PROTO_CONFFILES_REPLACE);
    assert_true(plan->repair);
    assert_int_equal(plan->metadata_max_age_ms, INT64_C(7) * 24 * 3600 * 1000);
    assert_int_equal(plan->reboot, CTL_PLAN_REBOOT_IF_NEEDED);
    assert_int_equal(plan->revert_class, PROTO_REVERT_PACKAGES);
    assert_true(plan->revert_accepted);
    assert_int_equal(plan->revert_paths.count, 2);
    assert_string_equal(plan->revert_paths.items[1], "/etc/shop.conf");
    assert_int_equal(plan->waves_count, 4);
    assert_false(plan->waves[0].is_percent);
    assert_int_equal(plan->waves[1].value, 1000);
    assert_int_equal(plan->waves[2].value, 50);
    assert_true(plan->waves[3].is_rest);
    assert_int_equal(plan->soak_ms, 5400000);
    assert_int_equal(plan->failures_allowed.value, 2);
    assert_int_equal(plan->budget.value, 4);
    assert_int_equal(plan->windows_count, 2);
    assert_int_equal(plan->windows[0].days, 1 << 6 | 1 << 3); /* sun and thu, at 23:30 UTC */
    assert_int_equal(plan->windows[0].from_minutes, 23 * 60 + 30);
    assert_int_equal(plan->windows[0].for_minutes, 480);
    assert_int_equal(plan->windows[1].days, 127);
    assert_int_equal(plan->windows[1].from_minutes, 75);
    ctl_plan_format_window(&plan->windows[0], 0, window, sizeof(window));
    assert_string_equal(window, "thu, sun from 23:30 UTC for 8h");
    ctl_plan_format_window(&plan->windows[0], 60, window, sizeof(window));
    assert_string_equal(window, "mon, fri from 00:30 UTC+01:00 for 8h");
    ctl_plan_format_window(&plan->windows[1], -120, window, sizeof(window));
    assert_string_equal(window, "every day from 23:15 UTC-02:00 for 12h");
    assert_int_equal(plan->first, CTL_PLAN_FIRST_TOGETHER);
    assert_string_equal(plan->precheck.units.items[0], "pg.service");
    assert_string_equal(plan->precheck.containers.items[0], "web");
    assert_string_equal(plan->precheck.hooks.items[0], "h1");
    assert_int_equal(plan->precheck.modules, CTL_PLAN_MODULES_BLOCK);
    assert_int_equal(plan->quiesce.backups.count, 0);
    assert_int_equal(plan->quiesce.wait_ms, 300000);
    assert_true(plan->ssh.lock);
    assert_string_equal(plan->ssh.keep_groups.items[0], "breakglass");
    assert_string_equal(plan->ssh.keep_from.items[0], "10.0.9.5");
    assert_int_equal(plan->ssh.sessions, PROTO_SESSIONS_END);
    assert_int_equal(plan->ssh.lease_ms, 10800000);
    assert_int_equal(plan->verify.ports[1].transport, PROTO_UDP);
    assert_int_equal(plan->verify.ports[1].port, 53);
    assert_int_equal(plan->verify.settle_ms, 3000);
    assert_string_equal(plan->verify.hooks.items[0], "h2");
    assert_int_equal(plan->verify.samples_needed, 3);
    assert_int_equal(plan->verify.samples, 5);
    assert_int_equal(plan->verify.every_ms, 10000);
    assert_int_equal(plan->verify.logs_count, 2);
    assert_int_equal(plan->verify.logs[0].within_ms, 30000);
    assert_string_equal(plan->verify.logs[1].file, "/var/log/x");
    assert_int_equal(plan->verify.logs[1].within_ms, 0);
    /* The settle time, four more samples, what hooks may wait, and logs. */
    assert_int_equal(ctl_plan_verify_ms(plan), 3000 + 4 * 10000 + PROTO_HOOKS_WITHIN_MS + 30000);
    assert_int_equal(plan->verify.grades_count, 2);
    assert_string_equal(plan->verify.grades[0].code, "kernel_broken");
    assert_int_equal(plan->verify.grades[0].grade, PROTO_GRADE_IGNORE);
    assert_int_equal(plan->verify.grades[1].grade, PROTO_GRADE_SEVERE);
    assert_int_equal(plan->stage_within_ms, 60000);
    assert_int_equal(plan->change_within_ms, 120000);
    assert_int_equal(plan->confirm_within_ms, 180000);
    assert_int_equal(plan->watch_ms, 0);
    assert_int_equal(plan->keep_way_back_ms, 2 * 86400000);
    assert_int_equal(plan->lost_after_ms, 30000);
    assert_int_equal(plan->promises.rollback_starts_ms, 1200000);
    assert_int_equal(plan->approvals.waves, 2);
    assert_int_equal(plan->approvals.by, PROTO_ROLE_COMMANDER);
    assert_int_equal(plan->approvals.expires_ms, 43200000);
    assert_int_equal(plan->severe.otherwise, PROTO_OTHERWISE_STOP);
    assert_int_equal(ctl_plan_answer_ms(plan), 7500); /* half of it */
    assert_string_equal(plan->witnesses.items[0], "10.0.0.1:443");
    assert_int_equal(ctl_plan_sample_share(plan), 250);
    assert_string_equal(plan->sample.verify.tcp.items[0], "10.0.0.2:80");
    assert_string_equal(plan->sample.verify.logs[0].unit, "a.service");
    assert_int_equal(plan->derived_count, 0);
    end_reading(reading);
}

static const struct ctl_plan_derived *find_derived(const struct ctl_plan *plan, const char *field)
{
    for (uint32_t i = 0; i < plan->derived_count; i++) {
        if (strcmp(plan->derived[i].field, field) == 0)
            return &plan->derived[i];
    }

    return NULL;
}

static void fills_in_by_risk(void **state)
{
    struct reading *low = read_text(GOOD);
    struct reading *high =
        read_text("plan: p\nrisk: high\nhosts: { list: [ a ] }\n"
                  "change: { packages: [ a ] }\nssh_lock: no\nchange_within: 3h\n");

    assert_int_equal(low->result, 0);
    assert_int_equal(low->plan.waves_count, 2);
    assert_string_equal(find_derived(&low->plan, "verify.samples")->value, "1 of 1");
    assert_null(find_derived(&low->plan, "verify.every"));
    assert_int_equal(ctl_plan_verify_ms(&low->plan), low->plan.verify.settle_ms);
    assert_true(low->plan.ssh.lock);
    assert_string_equal(low->plan.ssh.keep_groups.items[0], "belay-rescue");
    assert_int_equal(low->plan.ssh.lease_ms, 7200000);
    assert_int_equal(low->plan.keep_way_back_ms, 7 * INT64_C(86400000));
    assert_string_equal(find_derived(&low->plan, "waves")->value, "10%, rest");
    assert_string_equal(find_derived(&low->plan, "waves")->because, "from risk low");

    assert_int_equal(low->plan.approvals.waves, 0);
    assert_int_equal(low->plan.severe.otherwise, PROTO_OTHERWISE_ROLLBACK);
    assert_int_equal(ctl_plan_answer_ms(&low->plan), 0); /* nobody is asked */
    assert_string_equal(find_derived(&low->plan, "severe.answer_within")->value, "nobody is asked");
    assert_int_equal(low->plan.first, CTL_PLAN_FIRST_TOGETHER);
    assert_int_equal(ctl_plan_budget(&low->plan, 100), 0);

    assert_int_equal(high->result, 0);
    assert_int_equal(high->plan.first, CTL_PLAN_FIRST_ALONE);
    assert_string_equal(find_derived(&high->plan, "first")->because, "from risk high");
    assert_int_equal(high->plan.waves_count, 4);
    assert_int_equal(high->plan.soak_ms, 3600000);
    assert_int_equal(high->plan.approvals.waves, 1);
    assert_int_equal(high->plan.approvals.by, PROTO_ROLE_OPERATOR);
    assert_int_equal(high->plan.severe.otherwise, PROTO_OTHERWISE_ROLLBACK);
    assert_int_equal(ctl_plan_answer_ms(&high->plan), 170000);
    assert_false(high->plan.ssh.lock);
    assert_int_equal(high->plan.ssh.keep_groups.count, 0);
    assert_null(find_derived(&high->plan, "ssh_lock"));
    /* Never shorter than what it has to cover. */
    assert_true(high->plan.ssh.lease_ms > high->plan.change_within_ms);
    end_reading(low);
    end_reading(high);
}

static void cuts_off_a_flood_of_mistakes(void **state)
{
    char text[8192];
    size_t used = (size_t)snprintf(text, sizeof(text), "%s", GOOD);
    struct reading *reading;

    for (unsigned i = 0; i < CTL_PLAN_PROBLEMS_MAX + 5; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "nosuchkey%u: 1\n", i);
    reading = read_text(text);
    assert_int_equal(reading->result, -EINVAL);
    assert_int_equal(reading->problems.count, CTL_PLAN_PROBLEMS_MAX);
    assert_true(reading->problems.more);
    end_reading(reading);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_each_mistake_with_its_line),
        cmocka_unit_test(refuses_what_is_no_yaml),
        cmocka_unit_test(tells_its_targets_as_one_expression),
        cmocka_unit_test(reads_a_whole_plan),
        cmocka_unit_test(fills_in_by_risk),
        cmocka_unit_test(cuts_off_a_flood_of_mistakes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
