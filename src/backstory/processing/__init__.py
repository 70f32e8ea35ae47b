"""Data processing units: what comes in from elsewhere, brought into the shape that is kept."""
