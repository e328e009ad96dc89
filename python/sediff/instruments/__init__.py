"""What is known of a camera: detectors, amplifiers, headers, bands, epochs."""
