# A change freeze of the controller: nothing starts until it is over or taken back. Who is under way goes
# on, and a wave that ran is soaked.
waves 1/0 1/0
limits soak=10m
at 0s: submit
    offer h1
    offer h2
    wake at 1h
at 1s: freeze for 60 s
    rollout staging, paused [staging] wave 1 of 2: starts when its 1 host is ready or out
    wake at 1m1s
at 2s: h1 says ready
    h1 ready
at 3s: h2 says ready
    h2 ready
at 61s: time
    h1 running
    start h1
    rollout running [wave_running] wave 1 of 2: 0 of 1 host failed, 0 allowed; waits for the end of the others
    wake at 1h
at 70s: freeze
    rollout running, paused [wave_running] wave 1 of 2: 0 of 1 host failed, 0 allowed; waits for the end of the others
at 80s: h1 says probation nonce
    h1 probation
    commit h1
at 81s: h1 says committed
    h1 committed
    rollout soaking, paused [wave_soaking] wave 1 of 2: 0 of 1 host failed, 0 allowed; all ended, watched for 600 s
    wake at 11m21s
at 681s: time
    rollout staging, paused [staging] wave 2 of 2: starts when its 1 host is ready or out
    wake at 1h
at 700s: restart
at 800s: unfreeze
    h2 running
    start h2
    rollout running [wave_running] wave 2 of 2: 0 of 1 host failed, 0 allowed; waits for the end of the others
    wake at 2h13m20s
exit code?
    -1
