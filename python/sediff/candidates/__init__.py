"""From detections to candidates: cuts, stamps, features, score, association, forced photometry, fakes."""
