"""Somebody else's streams made to fit, one a file, one `Adapter` constant each. Nothing here judges, and nothing
imports a library before an object of it is there."""
