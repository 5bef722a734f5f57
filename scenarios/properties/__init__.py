"""What is drawn by chance: scripts as data, from a seed. Nothing here runs or judges; the oracles are the rules."""
