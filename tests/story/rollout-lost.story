# R17: a silent host is lost by its deadline and counts as failed; late news move it, but it stays
# failed. The failures allowed bear it, so the rollout goes on without it.
waves 2/1 1/0
limits failures=1 job=1h
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
    rollout running [wave_running] wave 1 of 2: 0 of 2 hosts failed, 1 allowed; waits for the end of the others
at 1s: h3 says ready
    h3 ready
at 5s: h1 says probation nonce
    h1 probation
    commit h1
at 6s: h1 says committed
    h1 committed
at 1h1s: time
    h2 lost, failed
    cancel h2
    h3 running
    start h3
    rollout running [wave_running] wave 2 of 2: 0 of 1 host failed, 0 allowed; waits for the end of the others
    wake at 2h1s
at 1h2s: h3 says probation nonce
    h3 probation
    commit h3
at 1h3s: h3 says committed
    h3 committed
    rollout complete [complete] 2 of 3 hosts committed, 1 failed
exit code?
    3
at 2h: h2 seen
    cancel h2
at 2h1s: h2 says probation nonce
    h2 probation, failed
    commit h2
at 2h2s: h2 says committed
    h2 committed, failed
exit code?
    3
