"""From payloads to samples, with the payloads that plants send."""

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from unit.mqtt.meters import QUANTITY, RECEIVED, message, meter, router_of

from ems_telemetry.connectors.mqtt.payload import Decoded, decode
from ems_telemetry.model import Flag

TASMOTA = (
    '{"Time":"2025-02-12T22:47:39","ENERGY":{"TotalStartTime":"2025-02-10T16:47:09","Total":0.904,"Yesterday":0.636,'
    '"Today":0.258,"Power":122,"ApparentPower":126,"ReactivePower":33,"Factor":0.96,"Voltage":243,"Current":0.521}}'
)
SHELLY_GEN2 = (
    '{"src":"shellypro3em-a","dst":"x","method":"NotifyStatus","params":{"ts":1757060280.21,'
    '"emdata:0":{"id":0,"c_total_act_energy":26289.44,"total_act":26289.57,"total_act_ret":131881.86}}}'
)
SHELLY_STATUS = '{"id":0,"current":1.234,"voltage":123.4,"act_power":123.4,"pf":0.12,"freq":12.3,"calibration":"factory"}'
ZIGBEE = '{"power":0,"consumption":0.32,"last_seen":"2020-02-26T20:44:09+01:00","state_left":"OFF"}'
NEURON = '{"timestamp":1650006388943,"node":"modbus","group":"grp","values":{"tag0":123},"errors":{"tag1":2014},"metas":{}}'
SIMATIC = '{"seq":12571,"vals":[{"id":"101","qc":3,"ts":"2022-06-30T13:52:52.0219440Z","val":3}]}'
KEPWARE = '[{"tagname":"Group A.Device C - D.Tag 42","timestamp":1651604184861,"value":1291}]'
WISE = '{"s":1,"t":"2014-07-11T15:26:37Z","q":192,"c":1,"ai1":-1.234567,"ai_st1":1,"ai_st1":2,"di1":false}'
AZURE = '{"Tag 10":{"SourceTimestamp":"2024-07-29T15:02:17.1858435Z","Value":4558}}'
UMH = '{"timestamp_ms": 1651604184861, "value": 18446744073709551615}'


def decoded(payload: str | bytes, *meters: dict[str, Any], **settings: Any) -> Decoded:  # noqa: ANN401 - fields of Message
    arrived = message(payload, **settings)
    return decode(arrived, router_of(*meters).find(arrived.topic))


@pytest.mark.parametrize(
    ("payload", "paths", "settings", "time", "values"),
    [
        (
            TASMOTA,
            ["$.ENERGY.Total", "$.ENERGY.Power"],
            {"time": "$.Time", "time_zone": "Europe/Berlin"},
            datetime(2025, 2, 12, 21, 47, 39, tzinfo=UTC),
            [0.904, 122],
        ),
        (
            SHELLY_GEN2,
            ["$.params.emdata:0.total_act"],
            {"time": "$.params.ts"},
            datetime(2025, 9, 5, 8, 18, 0, 210000, tzinfo=UTC),
            [26289.57],
        ),
        (SHELLY_STATUS, ["act_power", "calibration"], {}, None, [123.4, "factory"]),
        (
            ZIGBEE,
            ["$.power", "$.state_left"],
            {"time": "$.last_seen"},
            datetime(2020, 2, 26, 19, 44, 9, tzinfo=UTC),
            [0, "OFF"],
        ),
        (
            NEURON,
            ["$.values.tag0"],
            {"time": "$.timestamp"},
            datetime(2022, 4, 15, 7, 6, 28, 943000, tzinfo=UTC),
            [123],
        ),
        (
            SIMATIC,
            ["$.vals[0].val"],
            {"time": "$.vals[0].ts"},
            datetime(2022, 6, 30, 13, 52, 52, 21944, tzinfo=UTC),
            [3],
        ),
        (
            KEPWARE,
            ["$[0].value"],
            {"time": "$[0].timestamp", "time_format": "epoch_ms"},
            datetime(2022, 5, 3, 18, 56, 24, 861000, tzinfo=UTC),
            [1291],
        ),
        (
            WISE,
            ["$.ai1", "$.ai_st1", "$.di1"],
            {"time": "$.t"},
            datetime(2014, 7, 11, 15, 26, 37, tzinfo=UTC),
            [-1.234567, 2, False],
        ),
        (
            AZURE,
            ["$['Tag 10'].Value"],
            {"time": "$['Tag 10'].SourceTimestamp"},
            datetime(2024, 7, 29, 15, 2, 17, 185843, tzinfo=UTC),
            [4558],
        ),
        (
            UMH,
            ["$.value"],
            {"time": "$.timestamp_ms"},
            datetime(2022, 5, 3, 18, 56, 24, 861000, tzinfo=UTC),
            [18446744073709551615],
        ),
    ],
    ids=["tasmota", "shelly gen2", "shelly status", "zigbee2mqtt", "neuron", "simatic", "kepware", "wise", "azure", "umh"],
)
def test_what_plants_send_is_read(
    payload: str, paths: list[str], settings: dict[str, Any], time: datetime | None, values: list[object]
) -> None:
    samples, refusals = decoded(payload, meter(*paths, **settings))
    assert refusals == []
    assert [(sample.point, sample.time, sample.value) for sample in samples] == [
        (f"M.p{number}", time, value) for number, value in enumerate(values)
    ]
    assert [type(sample.value) for sample in samples] == [type(value) for value in values]


def test_a_null_is_a_sample_without_a_value() -> None:
    samples, refusals = decoded('{"a": null}', meter("$.a"))
    assert [(sample.value, sample.time) for sample in samples] == [(None, None)]
    assert refusals == []


def test_one_bad_point_does_not_cost_the_others() -> None:
    samples, refusals = decoded('{"a": 1, "b": {"c": 2}, "d": [3]}', meter("$.b", "$.a", "$.x", "$.d"))
    assert [(sample.point, sample.value) for sample in samples] == [("M.p1", 1)]
    assert [refusal[:3] for refusal in refusals] == [
        ("M.p0", "value_unreadable", "$.b is an object, not a value"),
        ("M.p2", "value_missing", "nothing stands at $.x"),
        ("M.p3", "value_unreadable", "$.d is an array, not a value"),
    ]


@pytest.mark.parametrize(
    ("payload", "reason", "detail"),
    [
        ('{"a": 1}', "time_missing", "meter M: no time stands at $.ts"),
        ('{"a": 1, "ts": null}', "time_missing", "meter M: no time stands at $.ts"),
        ('{"a": 1, "ts": "soon"}', "time_unreadable", 'meter M: "soon" is not a time'),
        ('{"a": 1, "ts": {}}', "time_unreadable", "meter M: {} is not a time in the format auto"),
        ("", "payload_unreadable", "the payload is empty"),
        ("{", "payload_unreadable", "the payload is not JSON"),
        (b"\xff", "payload_unreadable", "the payload is not JSON"),
        ("NaN", "payload_unreadable", "the payload is not JSON"),
        ('{"a": 1e999}', "payload_unreadable", "the payload is not JSON"),
        ("[" * 100_000, "payload_unreadable", "the payload is not JSON"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(payload: str | bytes, reason: str, detail: str) -> None:
    samples, (refusal,) = decoded(payload, meter("$.a", "$.b", time="$.ts"))
    assert samples == []
    assert (refusal.point, refusal.reason) == (None, reason)
    assert refusal.detail.startswith(detail)


def test_a_meter_whose_time_cannot_be_read_does_not_cost_another_meter_its_values() -> None:
    bad, good = meter("$.a", time="$.nothing"), meter("$.a", id="N", time="$.ts")
    samples, refusals = decoded('{"a": 1, "ts": 1757060280}', bad, good)
    assert [sample.point for sample in samples] == ["N.p0"]
    assert [refusal.point for refusal in refusals] == ["M.p0"]


def test_a_payload_that_several_meters_cannot_read_is_refused_once() -> None:
    _, refusals = decoded("not JSON", meter("$.a"), meter("$.b", id="N"))
    assert [refusal.reason for refusal in refusals] == ["payload_unreadable"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        (" 12.50\n", 12.5),
        ("-.5e3", -500.0),
        ("9223372036854775808", 9223372036854775808),
        ("true", True),
        ("False", False),
        ("null", None),
        ("ON", "ON"),
        ("running", "running"),
        ("1_000", "1_000"),
        ("1,5", "1,5"),
        ("inf", "inf"),
        ("12 kW", "12 kW"),
    ],
)
def test_a_plain_payload_is_one_value(text: str, value: object) -> None:
    plain = {"id": "M", "topic": "t", "payload": "scalar", "points": [{"id": "p0", **QUANTITY}]}
    (sample,) = decoded(text, plain).samples
    assert (sample.value, type(sample.value)) == (value, type(value))
    assert sample.received_at == RECEIVED


def test_the_word_nan_is_no_number() -> None:
    plain = {"id": "M", "topic": "t", "payload": "scalar", "points": [{"id": "p0", **QUANTITY}]}
    (sample,) = decoded("nan", plain).samples
    assert isinstance(sample.value, float)
    assert math.isnan(sample.value)


@pytest.mark.parametrize("payload", ["", "  ", b"\xff\x00"])
def test_a_plain_payload_that_is_no_text_is_refused(payload: str | bytes) -> None:
    plain = {"id": "M", "topic": "t", "payload": "scalar", "points": [{"id": "p0", **QUANTITY}]}
    samples, (refusal,) = decoded(payload, plain)
    assert samples == []
    assert refusal.reason == "payload_unreadable"


@pytest.mark.parametrize(
    ("settings", "flags"),
    [({"time": "$.ts"}, [Flag.RETAINED]), ({"time": "$.ts", "retained": "ignore"}, []), ({}, [])],
    ids=["with a time", "with a time, ignored by choice", "without a time"],
)
def test_a_retained_message_counts_only_where_it_tells_its_age(settings: dict[str, Any], flags: list[Flag]) -> None:
    samples, refusals = decoded('{"a": 1, "ts": 1757060280}', meter("$.a", **settings), retained=True)
    assert [sample.flags for sample in samples] == flags
    assert refusals == []
