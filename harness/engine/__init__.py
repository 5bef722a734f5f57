"""Does things: clock, recorder, sessions, probe, runner, store. Imports the core only; never judges."""
