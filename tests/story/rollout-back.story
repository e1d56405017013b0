# R31: one command takes back the whole rollout, what is bad first: who runs, who is in probation, who
# is done. Who was never started is cancelled. The command can be given twice.
waves 3/1 1/0
limits failures=1
at 0s: submit
    offer h1
    offer h2
    offer h3
    offer h4
    wake at 1h
at 1s: h1 says ready
    h1 ready
at 1s: h2 says ready
    h2 ready
at 1s: h3 says ready
    h3 running
    h1 running
    start h1
    h2 running
    start h2
    h3 running
    start h3
    rollout running [wave_running] wave 1 of 2: 0 of 3 hosts failed, 1 allowed; waits for the end of the others
at 2s: h1 says committed
    h1 committed
at 3s: h3 says reverting functional
    h3 reverting, failed
at 4s: rollback
    h3 reverting, failed
    revert h3
    h1 reverting
    revert h1
    h2 reverting
    revert h2
    h4 cancelled
    cancel h4
    rollout rolling_back [rollback_ordered] every host that was started is taken back
at 5s: rollback
    revert h3
    revert h1
    revert h2
at 6s: h2 seen
    revert h2
at 7s: h3 says reverted
    h3 reverted, failed
at 8s: h1 says reverting
    h1 reverting
at 9s: h1 says reverted
    h1 reverted
at 10s: h2 says reverted
    h2 reverted
    rollout rolled_back [rolled_back] 3 of 3 started hosts are as before
exit code?
    5
