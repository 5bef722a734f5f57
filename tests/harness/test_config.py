"""Configuration: a usage error names what is wrong, where, and what would be right."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from streamspec.harness import config
from streamspec.harness.assembly import all_rules
from streamspec.harness.core.case import ROLES
from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.ports import Request

LOOK = Request("https://example.test:8443/v1/stream?x=1", "POST", (("Authorization", "Bearer t"),), b"{}")


@pytest.mark.parametrize(
    ("word", "hint"),
    [("finit", "; did you mean finite?"), ("endles", "; did you mean endless?"), ("zzz", ""), ("", "")],
)
def test_a_likely_typing_error_gets_a_suggestion(word: str, hint: str) -> None:
    assert config.nearest(word, ROLES) == hint


# -- URLs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000/events",
        "https://example.test",
        "http://[::1]:8000/",
        "HTTP://EXAMPLE.TEST/",
        "http://example.test/a?b=c#d",
        "http://example.test:65535/",
        "http://example.test/a@b:c",
    ],
)
def test_a_url_is_taken_as_it_is(url: str) -> None:
    assert config.target_url(url) == url


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "http:// or https://"),
        ("localhost:8000", "http:// or https://"),
        ("example.test/stream", "http:// or https://"),
        ("//example.test/", "http:// or https://"),
        ("file:///etc/passwd", "http:// or https://"),
        ("ftp://example.test/", "http:// or https://"),
        ("gopher://example.test/", "http:// or https://"),
        ("javascript:alert(1)", "http:// or https://"),
        ("http://", "no host"),
        ("http:///path", "no host"),
        ("http://:8000/", "no host"),
        ("http://example.test:0/", "no host and port"),
        ("http://example.test:65536/", "out of range"),
        ("http://example.test:-1/", "ort"),
        ("http://example.test:port/", "ort"),
        ("http://[::1/", "IPv6"),
        ("http://a b/", "no blanks or control"),
        (" http://example.test/", "no blanks or control"),
        ("http://example.test/\r\nHost: evil", "no blanks or control"),
        ("http://example.test/\n", "no blanks or control"),
        ("http://example.test/\x00", "no blanks or control"),
        ("http://example.test/\x7f", "no blanks or control"),
        ("http://example.test/\t", "no blanks or control"),
    ],
)
def test_a_bad_url_is_named_with_what_is_wrong(url: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        config.target_url(url)
    message = str(caught.value)
    assert message.startswith("target")
    assert words in message
    assert not re.search(r"[\r\n\0]", message)


@pytest.mark.parametrize(
    "url",
    [
        "http://ann:hunter2@example.test/",
        "http://hunter2@example.test/",
        "http://:hunter2@example.test/",
        "http://@example.test/",
        "http://example.test\\@evil.test/",
    ],
)
def test_credentials_in_a_url_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError, match="use -H 'Authorization") as caught:
        config.target_url(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://x/?api_key=hunter2", "http:///?api_key=hunter2", "http://x:0/?token=hunter2", "/?token=hunter2"),
        *(
            "http://x/?token=hunter2 b",
            "http://x/é?token=hunter2",
            "http://x:port/?token=hunter2",
            "http://x_,/?sig=hunter2",
        ),
        *("ftp://ann:hunter2@x/", "ann:hunter2@x", "http://ann:hunter2@x:port/", "http://ann:hun ter2@x/"),
        *(
            "http://ann:hunter2@x:0/",
            "http://ann:hunter2@[::1/",
            "http://ann:hunter2@x\uff03/",
            "http://ann:hunter2/b@x/",
        ),
    ],
)
def test_no_complaint_about_a_url_repeats_a_secret_in_it(url: str) -> None:
    with pytest.raises(UsageError, match=r"^target") as caught:
        config.target_url(url)
    assert not re.search("hun.?ter2", str(caught.value))


# The transport refuses these too, but in the middle of a run, where a usage error ends as ours (exit 4).
@pytest.mark.parametrize(
    "url",
    [
        "http://example.test/\u202ex",
        "http://example.test/\x85",
        "http://example.test/é",
        "http://example.test/?q=漢",
        "http://exa_mple,test/",
        "http://[::g]/",
        "http://[1::2::3]/",
        f"http://{'a' * 70}.test/",
        "http://%31/",
    ],
)
def test_a_url_that_http_cannot_carry_is_refused_here(url: str) -> None:
    with pytest.raises(UsageError, match="target"):
        config.target_url(url)


# -- headers ---------------------------------------------------------------------------------------------------------


def test_headers_keep_order_spelling_and_repeats() -> None:
    words = ["X-A: 1", "x-a:2", "Accept:  text/event-stream ", "X-Colon: a:b:c", "X-Empty:"]
    assert config.headers(words) == (
        ("X-A", "1"),
        ("x-a", "2"),
        ("Accept", "text/event-stream"),
        ("X-Colon", "a:b:c"),
        ("X-Empty", ""),
    )


@pytest.mark.parametrize(
    "word",
    ["", "Authorization", "Bearer abc", ": value", "  : value", "X: a\r\nEvil: b", "X\n: a", "X: a\0"],
)
def test_a_bad_header_is_named_and_the_right_form_shown(word: str) -> None:
    with pytest.raises(UsageError) as caught:
        config.headers([word])
    assert str(caught.value).startswith("-H ")
    assert "'Name: value'" in str(caught.value)
    assert not re.search(r"[\r\n\0]", str(caught.value))


@pytest.mark.parametrize(
    ("words", "which"),
    [
        (["Authorization Bearer hunter2"], "-H number 1: "),
        (["X-A: 1", "hunter2"], "-H number 2: "),
        (["Bearer hunter2:x"], "-H number 1: "),
        (["Authorization: hunter2\n"], "-H 'Authorization': "),
    ],
)
def test_a_bad_header_is_not_repeated(words: list[str], which: str) -> None:
    """What is no name may be the secret itself."""
    with pytest.raises(UsageError, match=rf"^{which}") as caught:
        config.headers(words)
    assert "hunter2" not in str(caught.value)


def test_a_bad_method_does_not_repeat_a_secret() -> None:
    with pytest.raises(UsageError, match=r"^-X ") as caught:
        config.method("Authorization: hunter2")
    assert "hunter2" not in str(caught.value)


# What we send must be right, or the target is judged by our own mistake (HN-06).
@pytest.mark.parametrize("word", ["Bad Name: x", "Bad(Name): x", "X-Näme: x", "X: 漢", "X: a\x01b", "X: a\x7fb"])
def test_a_header_that_http_cannot_carry_is_refused_here(word: str) -> None:
    with pytest.raises(UsageError, match="-H "):
        config.headers([word])


# -- roles -----------------------------------------------------------------------------------------------------------


def test_a_role_is_asked_like_the_look_at_its_own_path() -> None:
    made = config.roles(["finite=/fin?n=3", "finite.items=3", "finite.seq=$.n", "endless=more"], LOOK)
    assert made["finite"].request == Request("https://example.test:8443/fin?n=3", "POST", LOOK.headers, b"{}")
    assert dict(made["finite"].attributes) == {"items": 3, "seq": "$.n"}
    assert made["endless"].request.url == "https://example.test:8443/v1/more"
    assert dict(made["endless"].attributes) == {}


def test_a_role_keeps_what_follows_the_first_equals_sign() -> None:
    assert config.roles(["finite=/f?a=b=c"], LOOK)["finite"].request.url.endswith("/f?a=b=c")


def test_the_attributes_of_a_role_may_come_first() -> None:
    assert config.roles(["finite.items=0", "finite=/f"], LOOK)["finite"].attributes["items"] == 0


@pytest.mark.parametrize(
    "name",
    ["prompt.gap_ms", "idle.heartbeat_ms", "failing.items_before", "endless.first_item_ms", "large.ahead_bytes_max"],
)
def test_nothing_is_divided_by_the_other_numbers(name: str) -> None:
    role, _, attribute = name.partition(".")
    assert config.roles([f"{role}=/x?n={{n}}", f"{name}=0"], LOOK)[role].attributes[attribute] == 0


def test_the_number_of_items_keeps_its_place_in_the_url() -> None:
    assert config.roles(["large=/dump?n={n}"], LOOK)["large"].request.url.endswith("/dump?n={n}")


def test_texts_and_words_are_attributes_too() -> None:
    made = config.roles(
        ["text=/t", 'text.items=["a", "b\\nc"]', "resumable=/r", "resumable.guarantee=exactly-once"], LOOK
    )
    assert made["text"].attributes["items"] == '["a", "b\\nc"]'
    assert made["resumable"].attributes["guarantee"] == "exactly-once"


@pytest.mark.parametrize("base", ["ws://a.test:81", "wss://a.test", "tcp://a.test:81", "grpc://a.test:81"])
@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/s/Call?n={n}", "/s/Call?n={n}"),
        ("Call?n={n}", "/v1/Call?n={n}"),
        ("?n={n}", "/v1/look?n={n}"),
        ("?u=a://b&n={n}", "/v1/look?u=a://b&n={n}"),
    ],
)
def test_a_path_is_on_the_server_of_the_look_in_every_scheme(base: str, path: str, meant: str) -> None:
    look = replace(LOOK, url=f"{base}/v1/look")
    for word in (path, f"{base}{meant}"):
        assert config.roles([f"large={word}"], look)["large"].request.url == f"{base}{meant}"


# -- tells -----------------------------------------------------------------------------------------------------------


def test_a_figure_is_asked_for_at_its_url_with_the_headers_of_the_look() -> None:
    told, per = config.tells(["produced=/stats#$.a.b", "open=stats#$.open", "open.per=stream"], LOOK)
    assert (told.name, told.field, told.per) == ("produced", "$.a.b", "run")
    assert told.request.url == "https://example.test:8443/stats"
    assert (told.request.method, told.request.body) == ("GET", b"")
    assert told.request.headers[-2:] == (("Accept", "application/json"), ("Accept-Encoding", "identity"))
    assert set(LOOK.headers) - {(n, v) for n, v in LOOK.headers if n.lower() == "accept"} <= set(told.request.headers)
    assert (per.name, per.per, per.request.url) == ("open", "stream", "https://example.test:8443/v1/stats")


@pytest.mark.parametrize(
    ("look", "asked"),
    [
        ("ws://a.test:81/s", "http://a.test:81/n"),
        ("wss://a.test/s", "https://a.test/n"),
        ("tcp://a.test:81", "http://a.test:81/n"),
        ("grpc://a.test:81/S/M", "http://a.test:81/n"),
        ("grpcs://a.test/S/M", "https://a.test/n"),
    ],
)
def test_figures_of_a_server_of_messages_are_asked_for_over_http(look: str, asked: str) -> None:
    beside, whole = config.tells(["produced=/n#$.n", f"open={asked}#$.open"], replace(LOOK, url=look))
    assert (beside.request.url, whole.request.url) == (asked, asked)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["producd=/s#$.n"], "did you mean produced?"),
        (["produced"], "write NAME=URL#FIELD"),
        (["produced=/s"], "write NAME=URL#FIELD"),
        (["produced=#$.n"], "write NAME=URL#FIELD"),
        (["produced=/s#n"], "like $.n"),
        (["produced=http://other.test/s#$.n"], "of the same server"),
        (["produced=http://ann:hunter2@x/#$.n"], "credentials"),
        (["produced=/s#$.n", "produced.per=day"], "produced.per=run or produced.per=stream"),
        (["produced.per=run"], "Say --tell produced=URL#FIELD as well"),
    ],
)
def test_a_bad_tell_is_named_with_what_is_wrong(words: list[str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        config.tells(words, LOOK)
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "word",
    [
        "producd=/s?api_key=hunter2#$.n",
        "produced=/s?api_key=hunter2",
        "produced=/s?api_key=hunter2#n",
        "produced=/s?api_key=hunter2 b#$.n",
        "produced=http://other.test/s?api_key=hunter2#$.n",
        "produced=ftp://ann:hunter2@x/s#$.n",
        "produced.per=/s?api_key=hunter2",
    ],
)
def test_no_complaint_about_a_tell_repeats_a_secret(word: str) -> None:
    with pytest.raises(UsageError, match=r"^--tell ") as caught:
        config.tells([word], LOOK)
    assert "hunter2" not in str(caught.value)


def test_without_words_there_are_no_roles() -> None:
    assert dict(config.roles([], LOOK)) == {}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["finite"], "write NAME=PATH or NAME.ATTRIBUTE=VALUE"),
        (["finite="], "write NAME=PATH or NAME.ATTRIBUTE=VALUE"),
        (["=/x"], "no role ''"),
        (["finit=/x"], "did you mean finite?"),
        (["faling=/x"], "did you mean failing?"),
        (["zzz=/x"], "there are finite, endless, failing, prompt"),
        (["finite=/x", "finite.item=3"], "did you mean items?"),
        (["finite=/x", "finite.gap_ms=3"], "it has items, seq"),
        (["finite=/x", "finite.=3"], "no attribute ''"),
        (["finite=/x", "finite.a.b=3"], "no attribute 'a.b'"),
        (["finite=/x", "finite.items=many"], "a whole number"),
        (["finite=/x", "finite.items=-1"], "a whole number"),
        (["finite=/x", "finite.items=1.5"], "a whole number"),
        (["finite=/x", "finite.items=1_000"], "a whole number"),
        (["finite=/x", "finite.items=٣"], "a whole number"),
        (["finite=/x", "finite.items=1000000000"], "999999999"),
        (["finite=/x", "finite.seq=n"], "like $.n"),
        (["finite=/x", "finite=/y"], "said twice"),
        (["finite=/x", "finite.items=1", "finite.items=1"], "said twice"),
        (["finite.items=3"], "Say --role finite=/path as well"),
        (["prompt=/x", "finite.items=3"], "--role finite.…: where is it?"),
        (["finite=file:///etc/passwd"], "http:// or https://"),
        (["finite=http://ann:hunter2@x/"], "credentials"),
        (["finite=/a b"], "no blanks"),
        (["finite=/a\r\nHost: evil"], "no blanks"),
        (["large=/dump"], "its URL or data need {n}"),
        (["text=/t", "text.items=one"], "a JSON array of texts"),
        (["text=/t", "text.items=[]"], "a JSON array of texts"),
        (["text=/t", "text.items=[1]"], "a JSON array of texts"),
        (["resumable=/r", "resumable.guarantee=exactly"], "did you mean exactly-once?"),
        (["idle=/i", "idle.heartbeat_ms=often"], "a whole number"),
        (["large=/l?n={n}", "large.item_bytes=0"], "a whole number from 1 to 999999999"),
        (["large=/l?n={n}", "large.item_bytes=000"], "a whole number from 1 to 999999999"),
    ],
)
def test_a_bad_role_is_named_with_what_is_wrong(words: list[str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        config.roles(words, LOOK)
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert not re.search(r"[\r\n\0]", str(caught.value))


@pytest.mark.parametrize(
    "words",
    [
        ["finit=/x?api_key=hunter2"],
        ["finite?api_key=hunter2"],
        ["finite=/x?api_key=hunter2", "finite=/y?api_key=hunter2"],
        ["finite=/x?api_key=hunter2 b"],
        ["finite=http://other.test/x?api_key=hunter2"],
        ["finite=ftp://ann:hunter2@x/"],
        ["finite=//ann:hunter2@x:port/"],
        ["finite.token=hunter2", "finite=/x"],
        ["token=hunter2"],
        ["Authorization Bearer hunter2"],
        ["large=/x?api_key=hunter2"],
    ],
)
def test_no_complaint_about_a_role_repeats_a_secret(words: list[str]) -> None:
    with pytest.raises(UsageError, match=r"^--role ") as caught:
        config.roles(words, LOOK)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("word", ["finite=/a b", "finite=file:///x", "finite=http://x:0/"])
def test_a_bad_path_of_a_role_is_named_with_its_option(word: str) -> None:
    with pytest.raises(UsageError, match="--role"):
        config.roles([word], LOOK)


@pytest.mark.parametrize("path", ["$.", "$..a", "$.a.", "$.a b", "n"])
def test_the_path_of_a_counting_field_names_a_field(path: str) -> None:
    with pytest.raises(UsageError, match="--role"):
        config.roles(["finite=/x", f"finite.seq={path}"], LOOK)


def test_a_counting_field_may_lie_deep() -> None:
    assert config.roles(["finite=/x", "finite.seq=$.data.n"], LOOK)["finite"].attributes["seq"] == "$.data.n"


@pytest.mark.parametrize("path", ["//evil.test/x", "http://example.test:8443/x", "https://example.test/x"])
def test_a_role_is_an_endpoint_of_the_looks_server(path: str) -> None:
    """Else its requests would carry the look's secrets to another one."""
    with pytest.raises(UsageError, match="--role finite"):
        config.roles([f"finite={path}"], LOOK)


@pytest.mark.parametrize("url", ["https://example.test:8443/x", "HTTPS://example.test:8443/x"])
def test_a_role_may_say_its_whole_url(url: str) -> None:
    assert config.roles([f"finite={url}"], LOOK)["finite"].request.url.lower() == url.lower()


# -- rules -----------------------------------------------------------------------------------------------------------


def test_rules_are_chosen_by_id_or_family_in_any_case_and_in_their_own_order() -> None:
    rules = all_rules()
    assert config.selected(rules, ()) == rules
    errors = [rule.id for rule in rules if rule.id.startswith("ER-")]
    assert [rule.id for rule in config.selected(rules, ("lc-16", "ER"))] == [*errors, "LC-16"]
    assert len(errors) > 1
    assert [r.id for r in config.selected(rules, ("LC-01", "LC-01", "LC-02"))] == ["LC-01", "LC-02"]


@pytest.mark.parametrize(
    ("prefix", "said"), [("LC-99", "did you mean LC-"), ("SSF", "did you mean SSE?"), ("zzzz", "zzzz"), ("", "no such")]
)
def test_an_unknown_rule_is_named_with_the_nearest(prefix: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        config.selected(all_rules(), (prefix, "LC-01"))
    assert str(caught.value).startswith(f"--rule {prefix}")
    assert said in str(caught.value)


# -- credentials -------------------------------------------------------------------------------------------------------


def test_credentials_that_are_needed_are_said_as_well() -> None:
    assert config.auth("", ()) == ""
    assert config.auth("bearer", (("authorization", "Bearer mine"),)) == "bearer"
    with pytest.raises(UsageError, match="say the credentials as well"):
        config.auth("bearer", (("Accept", "*/*"),))
    with pytest.raises(UsageError, match="did you mean bearer"):
        config.auth("bearers", ())


def test_the_credentials_of_another_client_are_one_header_with_a_secret() -> None:
    assert config.other_credentials("") == ()
    assert config.other_credentials("Authorization: Bearer theirs") == (("Authorization", "Bearer theirs"),)
    assert config.other_credentials("Cookie: session=2") == (("Cookie", "session=2"),)


@pytest.mark.parametrize("word", ["Bearer hunter2", "X-Plain: hunter2", "Authorization:", "Authorization: hunter2\n"])
def test_what_is_no_such_header_is_refused_and_not_repeated(word: str) -> None:
    with pytest.raises(UsageError, match=r"^--other-credentials") as refused:
        config.other_credentials(word)
    assert "hunter2" not in str(refused.value)


# -- claims ------------------------------------------------------------------------------------------------------------


def test_a_server_claims_what_is_known_once() -> None:
    assert config.claims(("http10", "http10")) == ("http10",)


def test_a_claim_that_is_unknown_is_named_with_those_that_are() -> None:
    with pytest.raises(UsageError, match=r"--claim .*http01.*\(there is http10\); did you mean http10\?"):
        config.claims(("http01",))


def test_a_profile_says_what_is_looked_at_where_nobody_else_does() -> None:
    words = ("look=/a.B/C", "look.data=0a", "finite=/a.B/D")
    bare = Request("grpc://127.0.0.1:1")
    assert config.look_of(words, bare) == Request("grpc://127.0.0.1:1/a.B/C", body=b"0a")
    said = Request("grpc://127.0.0.1:1/x.Y/Z")
    assert config.look_of(words, said) == said
    assert config.look_of(("finite=/a.B/D",), bare) == bare
    assert config.words_of_roles(words) == ("finite=/a.B/D",)
