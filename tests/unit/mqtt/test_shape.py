"""How messages are built, as a file says it: arrays of items, qualities, errors, and points that are not there."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from unit.mqtt.meters import QUANTITY, file_of, message, meter, router_of

from ems_telemetry.connectors.mqtt.payload import Decoded, decode
from ems_telemetry.model import Flag, Quality

ITEM = {"name": "$.id", "value": "$.val"}
TAG = "Group A.Device C.Tag 42"


def listed(*names: str, item: dict[str, str] | None = None, **settings: object) -> dict[str, Any]:
    points = [{"id": f"p{number}", "item": name, **QUANTITY} for number, name in enumerate(names)]
    return {"id": "M", "topic": "t", "items": "$.vals", "item": item or ITEM, "points": points, **settings}


def decoded(payload: str | bytes, *meters: dict[str, Any], **settings: Any) -> Decoded:  # noqa: ANN401 - fields of Message
    arrived = message(payload, **settings)
    return decode(arrived, router_of(*meters).find(arrived.topic))


def values(found: Decoded) -> list[object]:
    assert found.refusals == []
    return [sample.value for sample in found.samples]


class TestItems:
    def test_points_choose_items_by_name_wherever_they_stand(self) -> None:
        found = decoded('{"vals": [{"id": "b", "val": 2}, {"id": "x", "val": 9}, {"id": "a", "val": 1}]}', listed("a", "b"))
        assert [(sample.point, sample.value) for sample in found.samples] == [("M.p1", 2), ("M.p0", 1)]

    def test_an_array_may_be_the_whole_document(self) -> None:
        found = decoded(f'[{{"id": "{TAG}", "val": 1291}}]', listed(TAG, items="$"))
        assert values(found) == [1291]

    def test_an_item_has_a_time_of_its_own_or_that_of_all(self) -> None:
        own = {**ITEM, "time": "$.ts"}
        payload = '{"ts": 1757060280, "vals": [{"id": "a", "val": 1, "ts": 1757060281}, {"id": "b", "val": 2}]}'
        found = decoded(payload, listed("a", "b", item=own, time="$.ts"))
        assert [sample.time for sample in found.samples] == [
            datetime(2025, 9, 5, 8, 18, 1, tzinfo=UTC),
            datetime(2025, 9, 5, 8, 18, tzinfo=UTC),
        ]

    def test_the_same_item_may_come_several_times(self) -> None:
        own = {**ITEM, "time": "$.ts"}
        payload = '{"vals": [{"id": "a", "val": 1, "ts": 1757060281}, {"id": "a", "val": 2, "ts": 1757060282}]}'
        assert values(decoded(payload, listed("a", item=own))) == [1, 2]

    def test_ids_that_are_numbers_are_names_too(self) -> None:
        assert values(decoded('{"vals": [{"id": 101, "val": 3}]}', listed("101"))) == [3]

    def test_an_item_without_its_time_costs_no_other_item(self) -> None:
        own = {**ITEM, "time": "$.ts"}
        payload = (
            '{"vals": [{"id": "a", "val": 1}, {"id": "b", "val": 2, "ts": "soon"}, {"id": "c", "val": 3, "ts": 1757060281}]}'
        )
        found = decoded(payload, listed("a", "b", "c", item=own))
        assert [sample.value for sample in found.samples] == [3]
        assert [(refusal.point, refusal.reason) for refusal in found.refusals] == [
            ("M.p0", "time_missing"),
            ("M.p1", "time_unreadable"),
        ]

    def test_an_item_that_is_not_there_says_nothing_unless_it_must_be(self) -> None:
        payload = '{"vals": [{"id": "a", "val": 1}]}'
        assert values(decoded(payload, listed("a", "b"))) == [1]
        found = decoded(payload, listed("a", "b", missing="dead_letter"))
        assert [(refusal.point, refusal.detail) for refusal in found.refusals] == [("M.p1", 'there is no item "b"')]

    def test_quality_and_error_of_an_item(self) -> None:
        own = {**ITEM, "quality": "$.qc", "error": "$.err"}
        payload = (
            '{"vals": [{"id": "a", "val": 1, "qc": 3}, {"id": "b", "val": 2, "qc": 1}, {"id": "c", "val": 3, "qc": 0},'
            ' {"id": "d", "err": 2014}, {"id": "e", "val": 5, "qc": "?"}, {"id": "f", "val": 6}]}'
        )
        found = decoded(payload, listed(*"abcdef", item=own, quality_codes="simatic"))
        assert [(sample.value, sample.quality, sample.status, sample.flags) for sample in found.samples] == [
            (1, Quality.GOOD, 0, 0),
            (2, Quality.UNCERTAIN, 1, Flag.UNCERTAIN_STATUS),
            (None, Quality.BAD, 0, Flag.BAD_STATUS),
            (None, Quality.BAD, 2014, Flag.BAD_STATUS),
            (6, Quality.GOOD, 0, 0),
        ]
        assert [(refusal.point, refusal.reason) for refusal in found.refusals] == [("M.p4", "quality_unreadable")]

    @pytest.mark.parametrize("payload", ['{"vals": {}}', "{}", "[]", "5"])
    def test_a_document_without_the_array_is_refused_once(self, payload: str) -> None:
        found = decoded(payload, listed("a", "b"))
        assert found.samples == []
        assert [(refusal.reason, refusal.detail) for refusal in found.refusals] == [
            ("payload_unreadable", "meter M: no array stands at $.vals")
        ]

    @pytest.mark.parametrize("rubbish", ["5", "null", "[]", '{"id": {}, "val": 1}', '{"val": 1}'])
    def test_what_is_no_item_is_nobodys(self, rubbish: str) -> None:
        assert values(decoded(f'{{"vals": [{rubbish}, {{"id": "a", "val": 1}}]}}', listed("a"))) == [1]

    @pytest.mark.parametrize(("time", "count"), [("1757060280", 1), ("0", 0), ("null", 0)])
    def test_a_retained_item_counts_only_if_it_tells_its_age(self, time: str, count: int) -> None:
        own = {**ITEM, "time": "$.ts"}
        payload = f'{{"vals": [{{"id": "a", "val": 1, "ts": {time}}}]}}'
        assert len(decoded(payload, listed("a", item=own), retained=True).samples) == count

    @given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers()), max_size=8))
    def test_every_item_wanted_becomes_one_sample_of_each_point_that_wants_it(self, said: list[tuple[str, int]]) -> None:
        items = ",".join(f'{{"id": "{name}", "val": {value}}}' for name, value in said)
        found = decoded(f'{{"vals": [{items}]}}', listed("a", "b", "a"))
        assert [(sample.point, sample.value) for sample in found.samples] == [
            (point, value)
            for name, value in said
            for point, wanted in (("M.p0", "a"), ("M.p1", "b"), ("M.p2", "a"))
            if name == wanted
        ]


class TestRecords:
    def test_a_quality_for_all_and_one_for_a_single_point(self) -> None:
        given_ = meter("$.a", "$.b", quality="$.q", quality_codes="opc")
        given_["points"][1]["quality"] = "$.bq"
        found = decoded('{"a": 1, "b": 2, "q": 0, "bq": 192}', given_)
        assert [(sample.value, sample.quality, sample.flags) for sample in found.samples] == [
            (None, Quality.BAD, Flag.BAD_STATUS),
            (2, Quality.GOOD, 0),
        ]

    def test_a_quality_that_is_not_told_is_good(self) -> None:
        found = decoded('{"a": 1}', meter("$.a", quality="$.q", quality_codes="opc"))
        assert [(sample.value, sample.quality) for sample in found.samples] == [(1, Quality.GOOD)]

    @pytest.mark.parametrize(
        ("error", "value", "status"), [("0", 1, 0), ("null", 1, 0), ('""', 1, 0), ("7", None, 7), ('"overload"', None, 1)]
    )
    def test_an_error_takes_the_value_away(self, error: str, value: object, status: int) -> None:
        (sample,) = decoded(f'{{"a": 1, "err": {error}}}', meter("$.a", error="$.err")).samples
        assert (sample.value, sample.status) == (value, status)
        assert sample.flags == (Flag.BAD_STATUS if value is None else 0)

    def test_an_error_explains_a_value_that_is_not_there(self) -> None:
        (sample,) = decoded('{"err": 7}', meter("$.a", error="$.err")).samples
        assert (sample.value, sample.quality, sample.status) == (None, Quality.BAD, 7)

    @pytest.mark.parametrize(("missing", "expected"), [("ignore", [1]), ("zero", [1, 0])])
    def test_points_that_are_not_there(self, missing: str, expected: list[int]) -> None:
        assert values(decoded('{"a": 1}', meter("$.a", "$.b", missing=missing))) == expected

    def test_a_null_is_never_zero(self) -> None:
        assert values(decoded('{"a": null}', meter("$.a", missing="zero"))) == [None]

    def test_numbers_in_quotes(self) -> None:
        payload = '{"a": "100.00", "b": "OFF", "c": "9223372036854775808", "d": 5}'
        assert values(decoded(payload, meter("$.a", "$.b", "$.c", "$.d", quoted_numbers=True))) == [100.0, "OFF", 2**63, 5]
        assert values(decoded(payload, meter("$.a"))) == ["100.00"]

    @given(st.dictionaries(st.sampled_from("abc"), st.none() | st.integers() | st.text(max_size=3) | st.booleans()))
    def test_each_point_ends_in_a_sample_or_a_refusal_and_never_in_both(self, document: dict[str, Any]) -> None:
        import json  # noqa: PLC0415 - for this test alone

        found = decoded(json.dumps(document), meter("$.a", "$.b", "$.c", quoted_numbers=True))
        told = sorted([sample.point for sample in found.samples] + [str(refusal.point) for refusal in found.refusals])
        assert told == ["M.p0", "M.p1", "M.p2"]


SCALAR = {"id": "M", "topic": "t", "payload": "scalar", "points": [{"id": "p0", **QUANTITY}]}
COUNTER = {"id": "c", "value": "$.c", "quantity": "active_energy_import", "unit": "kWh", "kind": "counter"}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({**SCALAR, "quoted_numbers": True}, 'a scalar payload is the value; leave "quoted_numbers" out'),
        ({**listed("a"), "item": None}, '"items" and "item" go together'),
        ({**listed("a"), "points": [{"id": "p", **QUANTITY}]}, 'point p needs "item", the name of its item'),
        ({**listed("a"), "points": [{"id": "p", "item": "a", "value": "$.v", **QUANTITY}]}, 'leave "value" out'),
        ({**listed("a"), "points": [{"id": "p", "item": "a", "error": "$.v", **QUANTITY}]}, 'are written under "item"'),
        (listed("a", missing="zero"), "missing: zero is not for items"),
        (meter("$.a", points=[{"id": "p", "item": "a", **QUANTITY}]), 'point p: "item" needs "items" at the meter'),
        (meter("$.a", quality="$.q"), '"quality" needs "quality_codes", which say how it is written: opc, opcua_status'),
        (meter("$.a", quality_codes="opc"), '"quality_codes" needs "quality"'),
        (meter("$.a", missing="zero", points=[COUNTER]), "point c is a counter, and 0 would look like a new meter"),
        (meter("$.a", items="$..a", item=ITEM), "can name more than one place"),
        (meter("$.a", payload="tasmota"), "payload: tasmota needs time_zone"),
        (meter("$.a", payload="umh", time="$.ts"), 'payload: umh knows what stands where; leave "time" out'),
        (meter("$.a", payload="umh", time_format="epoch_ms"), 'leave "time_format" out'),
        (meter("$.a", payload="kepware", items="$", item=ITEM), 'leave "items" out'),
        ({"id": "M", "topic": "t", "payload": "neuron", "points": [{"id": "p", **QUANTITY}]}, 'point p needs "item"'),
        (
            {"id": "M", "topic": "t", "payload": "tasmota", "time_zone": "UTC", "points": [{"id": "p", **QUANTITY}]},
            'needs "value"',
        ),
        (meter("$.a", payload="taxmota"), "payload"),
    ],
)
def test_keys_that_contradict_each_other_are_refused_in_words(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        file_of(wrong)
    assert words in str(refused.value)
