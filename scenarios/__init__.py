"""What to try: scripts with the rules they promise to exercise. Imports the harness core only."""
