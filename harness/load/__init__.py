"""Load: when streams begin, what is measured of them, and how figures come from the engine to the report. An arm."""
