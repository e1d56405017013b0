# R21: the package run itself fails. A package that could not be put back is no success: the leases
# are given back all the same, one of them at the second try, and the end state says what is wrong.
limits quiesce
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
    record begin of quiesce
    run quiesce
at 5s: quiesce ended ok
    record end of quiesce: ok
    record changing
    record begin of arm
    run arm
at 6s: arm ended ok
    record end of arm: ok
    record begin of upgrade
    run upgrade
at 20s: upgrade ended failed postinst_failed
    record end of upgrade: failed postinst_failed
    record reverting postinst_failed
    record begin of restore
    run restore
at 30s: restore ended failed package_missing
    record end of restore: failed package_missing
    record begin of prove
    run prove
at 40s: prove ended failed versions_differ
    record end of prove: failed versions_differ
    record begin of resume
    run resume
at 41s: resume ended failed start_failed
    record end of resume: failed start_failed
    wake at 51s
at 51s: time
    record begin of resume
    run resume
at 52s: resume ended ok
    record end of resume: ok
    record begin of disarm
    run disarm
at 53s: disarm ended ok
    record end of disarm: ok
    record revert_failed package_missing
