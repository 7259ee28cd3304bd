"""A world in which the real engine runs on one thread, one port call at a time, in an order that a seed decides.

    tasks       somebody at work (a delivery, a client): a greenlet that stands at each port call until told to go on
    watching    an eye on every port call
    steps       the step runner: steps begin and end when the schedule says so
    world       the store in memory, the processes, and what was sent, run and broken
    chance      the faults of a seed: which call fails, which message comes twice
    schedule    the scheduler: picks who goes on, lets messages expire, processes die and time pass
    scenarios   the workflows, their clients, and what each run must give; `surface` gathers those of `several`
                executions: `waits`, `limits`
    checks      what must hold after every run
    campaign    many seeds of a scenario under a setting
    directed    a schedule told step by step, for tests of single rules; `stories` are its workflows

`python -m tests.simulation SCENARIO SEED` runs one seed again and prints its trace.
"""
