"""The island: a streaming implementation of the contract, the server that shows it, and its broken twins.

Never here: an import of the harness, the scenarios or the reports. Judge and judged share no code.
"""
