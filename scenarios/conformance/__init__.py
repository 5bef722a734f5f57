"""Fixed scripts, one scenario family a file, each scenario one constant."""
