"""How often each caller may ask, by a clock that is turned by hand."""

import httpx
import pytest
from fakes import HandClock
from hypothesis import given
from hypothesis.strategies import floats, integers, lists, tuples
from limits import parse
from limits.strategies import MovingWindowRateLimiter
from servers.oidc_issuer import AUDIENCE, OidcIssuer

from ems_telemetry.api.rates import Hits, Limit, neighbourhood
from ems_telemetry.config.access import IssuerSettings

from .conftest import Plant, client_of

WRONG = f"ems_{'0' * 12}_{'0' * 64}"


def left(answer: httpx.Response) -> tuple[int, ...]:
    return tuple(int(answer.headers[f"ratelimit-{name}"]) for name in ("limit", "remaining", "reset"))


async def test_each_answer_tells_what_is_left_and_beyond_it_when_to_ask_again(plant: Plant) -> None:
    app = plant.app(rate_limit="3/minute")
    async with client_of(app, await plant.key()) as client:
        for n in range(3):
            answer = await client.get("/api/v1/sites")
            assert (answer.status_code, left(answer)) == (200, (3, 2 - n, 60 - 10 * n))
            await plant.clock.advance(10)
        refused = await client.get("/api/v1/sites")
        assert (refused.status_code, left(refused), refused.headers["retry-after"]) == (429, (3, 0, 30), "30")
        assert refused.json()["type"] == "urn:ems-telemetry:problem:too-many-requests"
        assert refused.json()["detail"] == "these are more requests than one caller may send; try again in 30 s"
        await plant.clock.advance(30)
        assert (await client.get("/api/v1/sites")).status_code == 200
        assert (await client.get("/api/v1/sites")).status_code == 429


async def test_each_key_token_and_address_is_counted_alone(plant: Plant) -> None:
    with OidcIssuer(plant.clock.now) as issuer:
        issuer.add_key("one")
        settings = IssuerSettings.model_validate({"issuer": issuer.url, "audience": AUDIENCE, "sites": "all"})
        app = plant.app(rate_limit="1/minute", allow_anonymous=True, oidc=[settings])
        callers = [await plant.key(), await plant.key(), issuer.token(), issuer.token(sub="other"), None]
        for caller in callers:
            async with client_of(app, caller) as client:
                assert [(await client.get("/api/v1/sites")).status_code for _ in range(2)] == [200, 429], caller
        async with client_of(app, issuer.token(jti="another token of the same person")) as client:
            assert (await client.get("/api/v1/sites")).status_code == 429


async def test_a_problem_counts_and_tells_what_is_left_too(plant: Plant) -> None:
    async with client_of(plant.app(rate_limit="5/minute"), await plant.key()) as client:
        answer = await client.get("/api/v1/points/NOBODY.knows")
        assert (answer.status_code, left(answer)) == (404, (5, 4, 60))
    async with client_of(plant.app(rate_limit="5/minute")) as stranger:
        assert left(await stranger.get("/api/v1/sites")) == (5, 4, 60)


async def test_probes_metrics_the_page_and_the_description_are_not_limited(plant: Plant) -> None:
    async with client_of(plant.app(rate_limit="1/day", failed_login_limit="1/day")) as client:
        for path in ("/healthz", "/readyz", "/metrics", "/", "/api/docs", "/api/v1/openapi.json"):
            answers = [await client.get(path) for _ in range(5)]
            assert {answer.status_code for answer in answers} == {200}, path
            assert not [answer for answer in answers if "ratelimit-limit" in answer.headers]


async def test_without_a_limit_none_is_told(plant: Plant) -> None:
    async with client_of(plant.app(), await plant.key()) as client:
        assert "ratelimit-limit" not in (await client.get("/api/v1/sites")).headers


async def test_keys_cannot_be_tried_out_and_who_has_one_that_held_is_let_in_all_the_same(plant: Plant) -> None:
    app = plant.app(failed_login_limit="3/minute")
    good, unseen = await plant.key(), await plant.key()
    async with client_of(app, good) as known, client_of(app, unseen) as newcomer, client_of(app) as guesser:
        assert (await known.get("/api/v1/sites")).status_code == 200
        tried = []
        for presented in (WRONG, "Bearer", "a.b.c", WRONG, WRONG):
            answer = await guesser.get("/api/v1/sites", headers={"Authorization": f"Bearer {presented}"})
            tried.append(answer.status_code)
        assert tried == [401, 401, 401, 429, 429]
        assert (await newcomer.get("/api/v1/sites")).status_code == 429
        await plant.clock.advance(59)
        assert (await known.get("/api/v1/sites")).status_code == 200
        await plant.clock.advance(1)
        assert (await newcomer.get("/api/v1/sites")).status_code == 200


async def test_no_key_at_all_is_no_attempt(plant: Plant) -> None:
    app = plant.app(failed_login_limit="1/minute")
    async with client_of(app) as stranger, client_of(app, await plant.key()) as client:
        assert [(await stranger.get("/api/v1/sites")).status_code for _ in range(3)] == [401] * 3
        assert (await client.get("/api/v1/sites")).status_code == 200


@given(lists(tuples(floats(0, 30), integers(0, 2))))
def test_no_span_as_long_as_the_window_ever_holds_more_than_the_limit(asked: list[tuple[float, int]]) -> None:
    clock = HandClock()
    limiter, item = MovingWindowRateLimiter(Hits(clock)), parse("3/minute")
    taken: dict[int, list[float]] = {}
    for pause_s, who in asked:
        clock.turn(pause_s)
        now_s, before = clock.monotonic(), taken.setdefault(who, [])
        within = [time_s for time_s in before if now_s - 60 < time_s]
        assert limiter.hit(item, str(who)) == (len(within) < 3)
        if len(within) < 3:
            before.append(now_s)


@given(lists(integers(0, 9)))
def test_what_is_remembered_is_bounded_and_the_one_longest_silent_is_forgotten_first(asked: list[int]) -> None:
    clock = HandClock()
    hits = Hits(clock, most_callers=4, most_hits=6)
    for who in asked:
        assert hits.acquire_entry(str(who), 100, 60)
        assert hits.get(str(who)) >= 1
        remembered = [hits.get(str(one)) for one in range(10)]
        assert sum(remembered) == len(hits)
        assert len([one for one in remembered if one]) <= 4
        assert len(hits) <= 6 or len([one for one in remembered if one]) == 1


def test_a_limit_that_is_off_counts_nothing() -> None:
    limit = Limit(None, HandClock())
    assert [limit.take("x", "y") for _ in range(3)] == [None] * 3
    limit.check("x", "y")


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("fe80::1%eth0", "fe80::"),
        ("testclient", "unknown"),
        (None, "unknown"),
    ],
)
def test_whoever_has_one_address_of_a_network_has_all_of_it(host: str | None, counted: str) -> None:
    assert neighbourhood(host) == counted
