# Windows: hosts may start from 02:00 on for 3 hours, and a job takes 2 hours at worst. It is 00:16:40. The
# second wave does not start with less than 2 hours left, though the first one ended; what runs goes on.
waves 1/0 1/0
limits soak=10m job=2h window=2:00/3h
at 0s: submit
    offer h1
    offer h2
    rollout staging, paused [staging] wave 1 of 2: starts when its 1 host is ready or out
    wake at 1h
at 1s: h1 says ready
    h1 ready
at 1s: h2 says ready
    h2 ready
at 1h43m20s: time
    h1 running
    start h1
    rollout running [wave_running] wave 1 of 2: 0 of 1 host failed, 0 allowed; waits for the end of the others
    wake at 2h43m20s1ms
at 1h50m: h1 says probation nonce
    h1 probation
    commit h1
at 2h50m: h1 says committed
    h1 committed
    rollout soaking, paused [wave_soaking] wave 1 of 2: 0 of 1 host failed, 0 allowed; all ended, watched for 600 s
    wake at 3h
at 3h: time
    rollout staging, paused [staging] wave 2 of 2: starts when its 1 host is ready or out
    wake at 3h43m20s
at 25h43m20s: time
    h2 running
    start h2
    rollout running [wave_running] wave 2 of 2: 0 of 1 host failed, 0 allowed; waits for the end of the others
    wake at 26h43m20s1ms
at 25h44m: freeze
    rollout running, paused [wave_running] wave 2 of 2: 0 of 1 host failed, 0 allowed; waits for the end of the others
at 25h50m: h2 says probation nonce
    h2 probation
    commit h2
    rollout running [wave_running] wave 2 of 2: 0 of 1 host failed, 0 allowed; waits for the end of the others
    wake at 27h43m20s
at 25h51m: h2 says committed
    h2 committed
    rollout soaking [wave_soaking] wave 2 of 2: 0 of 1 host failed, 0 allowed; all ended, watched for 600 s
    wake at 26h1m
at 26h1m: time
    rollout complete [complete] 2 of 2 hosts committed, 0 failed
    wake at 27h43m20s
exit code?
    0
