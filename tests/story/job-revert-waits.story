# R31: the order to go back comes in the middle of the package run, and waits for its end: a package
# run is never broken off.
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
at 6s: revert rollback
    record changing revert_wanted
at 7s: restart
    record begin of upgrade
    run upgrade
at 20s: upgrade ended ok
    record end of upgrade: ok
    record reverting rollback
    record begin of restore
    run restore
at 30s: restore ended ok
    record end of restore: ok
    record begin of prove
    run prove
at 31s: prove ended ok
    record end of prove: ok
    record begin of disarm
    run disarm
at 32s: disarm ended ok
    record end of disarm: ok
    record reverted rollback
