# R15: a pre-check that fails blocks the host; nothing was touched, nothing is to be undone.
limits quiesce ssh_lock
at 0s: offer
    record accepted
    record staging
    record begin of stage
    run stage
    wake at 1h
at 30s: stage ended ok
    record end of stage: ok
    record begin of baseline
    run baseline
at 31s: baseline ended ok
    record end of baseline: ok
    record begin of precheck
    run precheck
at 32s: precheck ended failed disk_full
    record end of precheck: failed disk_full
    record blocked disk_full
at 33s: start
