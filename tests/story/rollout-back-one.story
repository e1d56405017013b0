# R8 R31: one host of a rollout that goes on is taken back. It counts as failed, which this plan
# allows; the soak does not end before the host has.
waves 2/1 1/1
limits soak=1m failures=1
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
at 2s: h1 says committed
    h1 committed
at 3s: h2 says committed
    h2 committed
    rollout soaking [wave_soaking] wave 1 of 2: 0 of 2 hosts failed, 1 allowed; all ended, watched for 60 s
    wake at 1m3s
at 10s: rollback h2
    h2 reverting, failed
    revert h2
    wake at 1h
at 1m3s: time
    wake at 1h
at 1m4s: h2 says reverting
    h2 reverting, failed
at 1m5s: h2 says reverted
    h2 reverted, failed
    h3 running
    start h3
    rollout running [wave_running] wave 2 of 2: 0 of 1 host failed, 1 allowed; waits for the end of the others
at 1m6s: h3 says committed
    h3 committed
    rollout soaking [wave_soaking] wave 2 of 2: 0 of 1 host failed, 1 allowed; all ended, watched for 60 s
    wake at 2m6s
at 2m6s: time
    rollout complete [complete] 2 of 3 hosts committed, 1 failed
    wake at 1h
exit code?
    3
