"""PSF matching and subtraction of two aligned images (Alard & Lupton 1998, Alard 2000, Bramich 2008)."""
