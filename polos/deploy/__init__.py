"""From decorators to a running stack.

    collect    import the user's modules: what their decorators describe           (reads code)
    plan       functions, queues, schedules, permissions, as frozen data            (pure)
    render     template.yaml, handlers/*.py, samconfig.toml, as texts               (pure)
    package    the code with wheels for Lambda's processor, in .polos/package       (writes, asks the package index)
    stack      create, update and delete it with CloudFormation                     (asks AWS)

Whatever is wrong with an app or its settings is said by the first three, before anything is written or changed.
"""
