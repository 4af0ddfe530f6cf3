import re

from indexer.agora.codes import ACQUIRE_CODES, CODES, MESSAGES, Again, Call, code_of, meaning_of_status


def test_every_documented_code_is_known() -> None:
    documented = {2, 7, 8, 49, 50, 53, 62, 65, 109, 110, 400, 401, 404, 405, 406, 432, 433, 435}
    documented |= {500, 501, 502, 504, 1001, 1003, 1013, 1028}
    assert set(CODES) == documented
    assert list(CODES) == sorted(CODES)


def test_a_code_says_what_it_means_and_what_to_do() -> None:
    for code in (*CODES.values(), *ACQUIRE_CODES.values()):
        assert re.fullmatch(r"[a-z]+(?:-[a-z]+)*", code.name), code
        assert code.meaning, code
        assert code.advice, code
        assert "\n" not in code.meaning + code.advice, code
        assert not code.meaning.endswith("."), code
    assert len({code.name for code in CODES.values()}) == len(CODES)


def test_a_number_means_something_else_to_acquire() -> None:
    for number in (62, 501):
        asked, running = code_of(number, Call.ACQUIRE), code_of(number, Call.QUERY)
        assert asked is not None
        assert running is not None
        assert asked.name != running.name
    assert code_of(2, Call.ACQUIRE) is CODES[2]
    assert code_of(31337, Call.START) is None


def test_only_what_the_documents_say_to_repeat_is_repeated() -> None:
    assert {number for number, code in CODES.items() if code.retry} == {62, 65, 406, 500, 504}
    assert {number for number, code in CODES.items() if code.again is Again.ACQUIRE} == {433, 502, 1001}


def test_a_status_without_code_has_a_meaning() -> None:
    assert "not available" in meaning_of_status(503)
    assert meaning_of_status(418) == "i'm a teapot"
    assert meaning_of_status(799) == "a status that HTTP does not know"
    assert "Invalid authentication credentials" in MESSAGES
