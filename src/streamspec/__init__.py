"""streamspec: h2spec for streams.

The rooms are the top-level folders `harness`, `reference_impl`, `scenarios` and `reports`; this package only
gives them one import root (`streamspec.harness` is `harness/`). Nothing else may live here.
"""

__version__ = "0.1.0"
