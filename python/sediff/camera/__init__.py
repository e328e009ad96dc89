"""DECam: CCDs, amplifiers, mask bits, world coordinates."""
