# R12 R21: the first host of the first wave goes back by itself. No failure is allowed: no later wave
# starts, who waits is cancelled, and the exit code says so.
waves 1/0 2/0
limits soak=1m
at 0s: submit
    offer h1
    offer h2
    offer h3
    wake at 1h
at 10s: h1 says ready
    h1 running
    h1 running
    start h1
    rollout running [wave_running] wave 1 of 2: 0 of 1 host failed, 0 allowed; waits for the end of the others
at 11s: h2 says ready
    h2 ready
at 20s: h1 says verifying
    h1 running
at 21s: h1 says reverting functional
    h1 reverting, failed
    h2 cancelled
    cancel h2
    h3 cancelled
    cancel h3
    rollout stopping [wave_failures] wave 1 of 2: 1 of 1 host failed, 0 allowed
at 22s: h2 says cancelled
    h2 cancelled
at 30s: h1 says reverted
    h1 reverted, failed
    rollout halted [wave_failures] wave 1 of 2: 1 of 1 host failed, 0 allowed
exit code?
    3
at 40s: h3 seen
    cancel h3
