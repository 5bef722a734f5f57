"""What is written for `streamspec run` is read by it, says only what is sure, and leaves the rest to a person."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness import config, target_file
from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.ports import Request
from streamspec.harness.profile_file import profile
from streamspec.harness.survey import target_words
from streamspec.harness.survey.found import Listed, Method, Place, Survey
from streamspec.harness.survey.target_words import HEALTH, REFLECTIONS

URL = "grpc://127.0.0.1:50051"


def listed(full: str, kind: str = "server", origin: str = "proto", file: str = "a.proto") -> Listed:
    service, _, name = full.rpartition("/")
    method = Method(service, name, kind, "a.Ask", "a.Item", origin, Place(file, 3))  # type: ignore[arg-type]
    return Listed(service, name, kind, (method,), (), "a.Ask", "a.Item")  # type: ignore[arg-type]


def read(text: str) -> target_file.TargetFile:
    return target_file.from_table(tomllib.loads(text), "streamspec.toml")


def test_what_every_server_does_is_a_role_where_it_is_known() -> None:
    text = target_words.text(Survey("api", (listed("a.S/List"), listed(HEALTH), listed(REFLECTIONS[0], "bidi"))), URL)
    found = read(text)
    assert found.url == f"{URL}/{REFLECTIONS[0]}"
    assert (found.binding, found.profile, found.data) == ("grpc", "grpc-octets", "3a00")
    assert found.roles == (
        "unknown=/grpc.reflection.v1.ServerReflection/NoSuchMethod",
        "unknown.data= ",
        f"idle=/{HEALTH}",
        "idle.data= ",
        f"finite=/{REFLECTIONS[0]}",
        "finite.data=3a00",
        "finite.items=1",
    )
    assert '# ROLE = { path = "/a.S/List", data = " " }' in text


def test_where_nothing_harmless_is_known_a_method_is_looked_at_and_that_is_said() -> None:
    text = target_words.text(
        Survey("api", (listed("a.S/Up", "client"), listed("a.S/List"), listed("S/A", "server", "go")))
    )
    found = read(text)
    assert found.url == f"{target_words.USUAL_URL}/a.S/List"
    assert found.roles == ("unknown=/a.S/NoSuchMethod", "unknown.data= ")
    assert "# A look calls this method (server) with an empty message, many times in a run." in text
    assert "Sources do not say where they are served" in text


def test_a_method_that_only_go_code_shows_lacks_its_package() -> None:
    text = target_words.text(Survey("api", (listed("S/A", "server", "go"),)))
    assert "# Go code does not say its package" in text
    assert "write its package ahead of the service" in text


def test_a_role_that_is_chosen_is_read() -> None:
    text = target_words.text(Survey("api", (listed("a.S/List"), listed(HEALTH))), URL)
    chosen = text.replace(
        '# ROLE = { path = "/a.S/List", data = " " }', 'finite = { path = "/a.S/List", data = "0805" }'
    )
    assert "finite=/a.S/List" in read(chosen).roles


def test_the_refused_name_is_that_of_no_method() -> None:
    text = target_words.text(Survey("api", (listed("a.S/NoSuchMethod"), listed("a.S/NoSuchMethod2", "unary"))))
    assert "unknown=/a.S/NoSuchMethod3" in read(text).roles


@pytest.mark.parametrize("methods", [(), (listed("a.S/Get", "unary"),), (listed("Chat", "bidi", "go"),)])
def test_without_a_method_that_could_be_called_there_is_nothing_to_write(methods: tuple[Listed, ...]) -> None:
    with pytest.raises(UsageError, match="api: no streaming method was found that a target file could name"):
        target_words.text(Survey("api", methods), URL)


def test_of_many_methods_so_many_are_written_that_the_file_is_read() -> None:
    text = target_words.text(Survey("api", tuple(listed(f"a.{'S' * 200}{n}/List") for n in range(5_000))), URL)
    assert len(text.encode()) < 1_048_576
    assert text.endswith("# and 4700 more, which `streamspec discover` lists\n")


@given(file=st.text(), source=st.text(), name=st.text(max_size=8))
def test_no_word_of_others_gets_out_of_its_comment(file: str, source: str, name: str) -> None:
    survey = Survey(source, (listed("a.S/List", file=file), listed(f"a.S/{name}")))
    found = read(target_words.text(survey, URL))
    assert found.url in {f"{URL}/a.S/List", f"{URL}/a.S/{name}"}
    look = Request(config.target_url(found.url))
    assert set(config.roles(found.roles, look)) == {"unknown"}


def test_messages_of_its_profile_are_octets() -> None:
    assert profile(target_words.PROFILE).items == "octets"
