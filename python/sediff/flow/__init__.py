"""Where packages are joined: each step loads its needs, calls pure functions, saves what it makes."""

#: What workers that run steps import, for `sediff.engine.pool.run_pool`.
PRELOAD = ('sediff.flow.preload_first', 'sediff.flow.preload')
