# R19 R21: the service does not come up with the new version. The host goes back by itself, and what
# was paused and locked is given back at the end, whatever happened.
limits quiesce ssh_lock
at 0s: offer
    record accepted
    record staging
    record begin of stage
    run stage
    wake at 1h
at 1s: start
    record staging start_wanted
at 10s: stage ended ok
    record end of stage: ok
    record begin of baseline
    run baseline
at 11s: baseline ended ok
    record end of baseline: ok
    record begin of precheck
    run precheck
at 12s: precheck ended ok
    record end of precheck: ok
    record ready
    record isolating
    record begin of quiesce
    run quiesce
at 13s: quiesce ended ok
    record end of quiesce: ok
    record begin of ssh_lock
    run ssh_lock
at 14s: ssh_lock ended ok
    record end of ssh_lock: ok
    record changing
    record begin of arm
    run arm
at 15s: arm ended ok
    record end of arm: ok
    record begin of upgrade
    run upgrade
at 40s: upgrade ended ok
    record end of upgrade: ok
    record verifying
    record begin of verify
    run verify
    wake at 10m40s
at 50s: verify ended failed functional unit_failed
    record end of verify: failed unit_failed
    record reverting unit_failed
    record begin of restore
    run restore
at 60s: restore ended ok
    record end of restore: ok
    record begin of prove
    run prove
at 70s: prove ended ok
    record end of prove: ok
    record begin of ssh_unlock
    run ssh_unlock
at 71s: ssh_unlock ended ok
    record end of ssh_unlock: ok
    record begin of resume
    run resume
at 72s: resume ended ok
    record end of resume: ok
    record begin of disarm
    run disarm
at 73s: disarm ended ok
    record end of disarm: ok
    record reverted unit_failed
