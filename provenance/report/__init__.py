"""report: ``Report`` -> str. Pure functions, one module a format."""
