"""Pages, tables and drawings for people: candidates of an exposure, found fakes, the data flow."""
