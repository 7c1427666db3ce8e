"""Bad inputs; README.md lists them, and where each is tried."""
