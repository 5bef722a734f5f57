"""Content coding: who gets gzip, and that each piece of it can be read at once."""

from __future__ import annotations

import gzip
import zlib

import pytest

from streamspec.reference_impl import coding


@pytest.mark.parametrize("asked", ["gzip", "GZip", "deflate, gzip", "br;q=0.1,gzip;q=0.5", "x-gzip", "gzip ; q=1.000"])
def test_who_names_gzip_gets_it(asked: str) -> None:
    assert coding.takes_gzip(asked)


@pytest.mark.parametrize(
    "asked", ["", "identity", "*", "deflate", "gzip;q=0", "gzip; q=0.000", "gzip;q=", "gzipped", "identity;q=1, *;q=0"]
)
def test_who_does_not_name_it_or_refuses_it_does_not(asked: str) -> None:
    assert not coding.takes_gzip(asked)


def test_each_piece_can_be_read_before_the_next_is_made() -> None:
    code, reader = coding.gzip(), zlib.decompressobj(wbits=31)
    for piece in (b"one", b"two", b"three"):
        assert reader.decompress(code(piece, last=False)) == piece
    assert reader.decompress(code(b"", last=True)) == b""
    assert reader.eof


def test_the_whole_is_one_gzip_member() -> None:
    code = coding.gzip()
    whole = code(b"a" * 1000, last=False) + code(b"", last=True)
    assert gzip.decompress(whole) == b"a" * 1000


def test_identity_adds_nothing() -> None:
    assert coding.identity(b"x", last=False) + coding.identity(b"", last=True) == b"x"
