"""One rule family a file, each rule a constant. Checks are pure functions of a history: no I/O, no clock."""
