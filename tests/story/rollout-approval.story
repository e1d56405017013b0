# R7: each wave after the first waits for two people. One said so ahead of time, and once more; an
# approval that is over counts no more, and one of another wave never did.
waves 1/0 1/0 1/0
limits approvals=2
at 0s: submit
    offer h1
    offer h2
    offer h3
    wake at 1h
at 1s: approve wave 2 by 1 for=1h
at 1s: approve wave 2 by 1 for=1h
at 1s: approve wave 1 by 1 for=1h
at 2s: approve wave 3 by 2 for=2h
at 3s: h1 says ready
    h1 running
    h1 running
    start h1
    rollout running [wave_running] wave 1 of 3: 0 of 1 host failed, 0 allowed; waits for the end of the others
at 3s: h2 says ready
    h2 ready
at 3s: h3 says ready
    h3 ready
at 10s: h1 says committed
    h1 committed
    rollout staging, paused [approval_missing] wave 2 of 3: waits for 1 of 2 approvals
exit code?
    4
at 20s: restart
    wake at 1h1s
at 30m: approve wave 2 by 2 for=10m
    h2 running
    start h2
    rollout running [wave_running] wave 2 of 3: 0 of 1 host failed, 0 allowed; waits for the end of the others
    wake at 2h2s
at 31m: h2 says committed
    h2 committed
    rollout staging, paused [approval_missing] wave 3 of 3: waits for 1 of 2 approvals
at 1h: approve wave 3 by 2 for=1m
at 1h10m: approve wave 3 by 1 for=0s
at 2h2s: time
    wake at 2h30m
at 2h3s: approve wave 3 by 1 for=1h
at 2h4s: approve wave 3 by 3 for=1h
    h3 running
    start h3
    rollout running [wave_running] wave 3 of 3: 0 of 1 host failed, 0 allowed; waits for the end of the others
