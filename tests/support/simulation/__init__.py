"""A world in which the real engine runs on one thread, one port call at a time, in an order that a seed decides.

    tasks       somebody at work (a delivery, a client): a greenlet that stands at each port call until told to go on
    world       the store in memory, its ports watched, the processes, and what was sent, run and broken
    chance      the faults of a seed: which call fails, which message comes twice
    schedule    the scheduler: picks who goes on, lets messages expire, processes die and time pass
    scenarios   the workflows, their clients, and what each run must give
    checks      what must hold after every run
    directed    a schedule told step by step, for tests of single rules

`python -m tests.simulation SCENARIO SEED` runs one seed again and prints its trace.
"""
