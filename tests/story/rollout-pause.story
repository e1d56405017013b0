# R8: pause and resume. What runs goes on; nothing new starts, and the soak does not end.
waves 1/0 1/0
limits soak=10m
at 0s: submit
    offer h1
    offer h2
    wake at 1h
at 1s: h1 says ready
    h1 running
    h1 running
    start h1
    rollout running [wave_running] wave 1 of 2: 0 of 1 host failed, 0 allowed; waits for the end of the others
at 2s: h2 says ready
    h2 ready
at 3s: pause
    rollout running, paused [wave_running] wave 1 of 2: 0 of 1 host failed, 0 allowed; waits for the end of the others
exit code?
    4
at 4s: pause
at 5s: h1 says probation nonce
    h1 probation
    commit h1
at 6s: h1 says committed
    h1 committed
    rollout soaking, paused [wave_soaking] wave 1 of 2: 0 of 1 host failed, 0 allowed; all ended, watched for 600 s
at 10m6s: time
    wake at 1h
at 20m: resume
    h2 running
    start h2
    rollout running [wave_running] wave 2 of 2: 0 of 1 host failed, 0 allowed; waits for the end of the others
at 20m1s: h2 says committed
    h2 committed
    rollout soaking [wave_soaking] wave 2 of 2: 0 of 1 host failed, 0 allowed; all ended, watched for 600 s
    wake at 30m1s
at 21m: abort
    rollout aborted [aborted] wave 2 of 2: 0 of 1 host failed, 0 allowed; a person ended the rollout
    wake at 1h
exit code?
    3
