# R9: a plan of low risk asks nobody. Who was never started is cancelled.
waves 2/2 1/0
limits failures=2 otherwise=rollback
at 0s: submit
    offer h1
    offer h2
    offer h3
    wake at 1h
at 1s: h1 says ready
    h1 ready
at 1s: h2 says ready
    h2 running
    h1 running
    start h1
    h2 running
    start h2
    rollout running [wave_running] wave 1 of 2: 0 of 2 hosts failed, 2 allowed; waits for the end of the others
at 5s: h1 says probation nonce
    h1 probation
    commit h1
at 10s: h2 says reverting severe
    h2 reverting, failed
    h3 cancelled
    cancel h3
    h2 reverting, failed
    revert h2
    h1 reverting
    revert h1
    rollout rolling_back [severe_rollback] wave 1 of 2: a host failed severely; every host that was started is taken back
