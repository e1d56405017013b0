# R20 R22: a minor finding stops nothing. A severe failure stops the rollout even within the failures
# that the plan allows; the hosts under way go on to their own end.
waves 3/2 1/0
limits failures=2
at 0s: submit
    offer h1
    offer h2
    offer h3
    offer h4
    wake at 1h
at 10s: h1 says ready
    h1 ready
at 10s: h2 says ready
    h2 ready
at 10s: h3 says ready
    h3 running
    h1 running
    start h1
    h2 running
    start h2
    h3 running
    start h3
    rollout running [wave_running] wave 1 of 2: 0 of 3 hosts failed, 2 allowed; waits for the end of the others
at 10s: h4 says ready
    h4 ready
at 20s: h1 says probation nonce minor
    h1 probation
    commit h1
at 21s: h1 says committed
    h1 committed
at 22s: h2 says reverting severe
    h2 reverting, failed
    cancel h3
    h4 cancelled
    cancel h4
    rollout stopping [severe_failure] wave 1 of 2: a host failed severely; no number of these is allowed
at 23s: h3 says probation nonce
    h3 probation
    commit h3
at 24s: h2 says reverted
    h2 reverted, failed
at 25s: h3 says committed
    h3 committed
    rollout halted [severe_failure] wave 1 of 2: a host failed severely; no number of these is allowed
exit code?
    3
