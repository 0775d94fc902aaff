from fakes import HandClock

from ems_telemetry.service.rates import Rates


async def test_a_rate_is_that_of_the_last_minute() -> None:
    clock = HandClock()
    rates = Rates(clock)
    assert rates.per_second("a") is None
    for second in range(0, 300, 2):
        rates.note({"a": float(10 * second if second < 200 else 2000)})
        await clock.advance(2)
    assert rates.per_second("a") == 0
    assert len(rates._noted) < 35


async def test_a_counter_that_is_new_began_at_zero_and_one_that_is_gone_has_no_rate() -> None:
    clock = HandClock()
    rates = Rates(clock)
    rates.note({"old": 5.0})
    await clock.advance(10)
    rates.note({"new": 20.0})
    assert rates.per_second("new") == 2
    assert rates.per_second("old") is None


async def test_a_counter_that_began_anew_gives_no_negative_rate() -> None:
    clock = HandClock()
    rates = Rates(clock)
    rates.note({"a": 50.0})
    await clock.advance(10)
    rates.note({"a": 5.0})
    assert rates.per_second("a") == 0
