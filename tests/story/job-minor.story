# R20: a minor finding is recorded, and the job goes on.
limits
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
at 7s: verify ended failed minor log_errors
    record end of verify: failed log_errors
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
at 1m8s: verify ended ok
    record end of verify: ok
    record begin of disarm
    run disarm
at 1m8s: disarm ended ok
    record end of disarm: ok
    record committed
