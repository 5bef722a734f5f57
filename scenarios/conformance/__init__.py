"""Fixed scripts, one scenario family a file, each scenario one constant. Nothing here drives or judges."""
