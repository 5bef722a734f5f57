"""What is tried with something on the way: `Fault` constants leave verdicts unchanged, `Scenario`s cut connections."""
