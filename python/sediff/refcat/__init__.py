"""Reference stars: their table, the HEALPix shards that cover a region, their places at an epoch."""
