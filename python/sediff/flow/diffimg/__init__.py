"""Steps of difference imaging."""
