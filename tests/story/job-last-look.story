# R19: at the end of the watch the host is looked at once more, and commits only then. What is found
# in the middle of that look ends it; the silence timer is given back last.
limits watch=1m
at 0s: offer
    record accepted
    record staging
    record begin of stage
    run stage
    wake at 1h
at 1s: stage ended ok
    record end of stage: ok
    record begin of baseline
    run baseline
at 2s: baseline ended ok
    record end of baseline: ok
    record begin of precheck
    run precheck
at 3s: precheck ended ok
    record end of precheck: ok
    record ready
at 4s: start
    record isolating
    record changing
    record begin of arm
    run arm
at 5s: arm ended ok
    record end of arm: ok
    record begin of upgrade
    run upgrade
at 6s: upgrade ended ok
    record end of upgrade: ok
    record verifying
    record begin of verify
    run verify
    wake at 10m6s
at 7s: verify ended ok
    record end of verify: ok
    record probation
    reconnect
at 8s: link up
    record probation with nonce link_new
at 9s: commit
    record probation with nonce commit_seen
    wake at 1m7s
at 1m7s: time
    record begin of verify
    run verify
    wake at 11m7s
at 1m8s: restart
    record begin of verify
    run verify
    wake at 11m7s
at 1m9s: found functional unit_failed
    record that verify finds unit_failed: functional
    record end of verify: unknown unit_failed
    record reverting unit_failed
    record begin of restore
    run restore
at 1m10s: verify ended ok
