# R12: three waves, half an hour of watching after each. A wave starts when its hosts are ready and
# the one before was watched in full.
waves 1/0 2/0 1/0
limits soak=30m
at 0s: submit
    offer h1
    offer h2
    offer h3
    offer h4
    wake at 1h
at 10s: h1 says staging
    h1 staging
at 20s: h1 says ready
    h1 running
    h1 running
    start h1
    rollout running [wave_running] wave 1 of 3: 0 of 1 host failed, 0 allowed; waits for the end of the others
at 21s: h2 says ready
    h2 ready
at 30s: h1 says isolating
    h1 running
at 60s: h1 says probation
    h1 probation
at 61s: h1 says probation nonce
    commit h1
at 62s: h1 says committed
    h1 committed
    rollout soaking [wave_soaking] wave 1 of 3: 0 of 1 host failed, 0 allowed; all ended, watched for 1800 s
    wake at 31m2s
at 5m: h3 says ready
    h3 ready
at 6m: h4 says ready
    h4 ready
at 30m: time
    wake at 31m2s
at 31m2s: time
    h2 running
    start h2
    h3 running
    start h3
    rollout running [wave_running] wave 2 of 3: 0 of 2 hosts failed, 0 allowed; waits for the end of the others
    wake at 1h
at 31m3s: h2 says probation nonce
    h2 probation
    commit h2
at 31m4s: h3 says probation nonce
    h3 probation
    commit h3
at 31m5s: h2 says committed
    h2 committed
at 31m6s: h3 says committed
    h3 committed
    rollout soaking [wave_soaking] wave 2 of 3: 0 of 2 hosts failed, 0 allowed; all ended, watched for 1800 s
at 61m6s: time
    h4 running
    start h4
    rollout running [wave_running] wave 3 of 3: 0 of 1 host failed, 0 allowed; waits for the end of the others
    wake at 3h1m6s
at 61m7s: h4 says probation nonce
    h4 probation
    commit h4
at 61m8s: h4 says committed
    h4 committed
    rollout soaking [wave_soaking] wave 3 of 3: 0 of 1 host failed, 0 allowed; all ended, watched for 1800 s
    wake at 1h31m8s
at 91m8s: time
    rollout complete [complete] 4 of 4 hosts committed, 0 failed
    wake at 3h1m6s
exit code?
    0
