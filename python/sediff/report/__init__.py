"""Pages, tables and drawings for people: candidates of an exposure, found fakes, the data flow."""

#: What workers that draw the pages of CCDs import, for `sediff.engine.pool.run_pool`.
PRELOAD = ('sediff.report.preload',)
