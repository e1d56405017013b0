# R19 R20: the host serves and COMMIT has come, but the watch is not over: what gets bad until then
# turns back all the same, as a failed verification does. A minor finding is recorded and no more.
limits watch=10m
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
    wake at 10m7s
at 1m: found minor figure_unknown
    record that verify finds figure_unknown: minor
at 5m: restart
    wake at 10m7s
at 9m: found functional figure_bad
    record that verify finds figure_bad: functional
    record reverting figure_bad
    record begin of restore
    run restore
at 9m1s: found severe kernel_broken
at 10m: restore ended ok
    record end of restore: ok
    record begin of prove
    run prove
at 11m: prove ended ok
    record end of prove: ok
    record begin of disarm
    run disarm
at 11m1s: disarm ended ok
    record end of disarm: ok
    record reverted figure_bad
