"""Shelly of the second generation and later: notifications, the status of single components, and answers to calls.

Notifications (`NAME/events/rpc`) hold what has changed, so whatever is not in them says nothing. `NAME/status/COMPONENT` holds
one component, without a time. A component lists what is wrong with it under `errors` (of a phase, under `a_errors`, …).
"""

from collections.abc import Iterator
from typing import Any

from ems_telemetry.connectors.mqtt.path import MISSING
from ems_telemetry.connectors.mqtt.presets.preset import Known, Preset, as_object, field
from ems_telemetry.connectors.mqtt.quality import UNNUMBERED, Fault
from ems_telemetry.connectors.mqtt.records import Opened
from ems_telemetry.connectors.mqtt.telling import WhenMissing

_NOTICES = frozenset({"NotifyStatus", "NotifyFullStatus"})
_ALL_WRONG = "power_meter_failure"
_OUT_OF_RANGE = "out_of_range:"
_SCOPES = ("", "a_", "b_", "c_", "n_", "total_")


def _open(document: object, topic: str) -> Opened | None:
    levels = topic.split("/")
    if len(levels) > 1 and levels[-2] == "status":
        return Opened(_without_faulty({levels[-1]: document}))
    frame = as_object(document, "a Shelly")
    told = frame.get("params") if frame.get("method") in _NOTICES else frame.get("result")
    return Opened(_without_faulty(told), told.get("ts", MISSING)) if isinstance(told, dict) else None


def _without_faulty(components: dict[str, Any]) -> dict[str, Any]:
    """Puts a fault in the place of each value that its component calls wrong."""
    wrong = {name: set(_faulty(each)) for name, each in components.items() if isinstance(each, dict)}
    marked = {
        name: {key: Fault(UNNUMBERED) if key in keys else value for key, value in components[name].items()}
        for name, keys in wrong.items()
        if keys
    }
    return {**components, **marked}


def _faulty(component: dict[str, Any]) -> Iterator[str]:
    for scope in _SCOPES:
        errors = component.get(f"{scope}errors")
        for error in errors if isinstance(errors, list) else ():
            if error == _ALL_WRONG:
                yield from (key for key in component if key.startswith(scope) and key != "id")
            elif isinstance(error, str) and error.startswith(_OUT_OF_RANGE):
                yield scope + error.removeprefix(_OUT_OF_RANGE)


def _recognise(topic: str, document: object) -> bool:
    is_notice = field(document, "method") in {*_NOTICES, "NotifyEvent"} and isinstance(field(document, "params"), dict)
    levels = topic.split("/")
    is_status = len(levels) > 1 and levels[-2] == "status" and field(document, "id") is not None and ":" in levels[-1]
    return is_notice or is_status


SHELLY_GEN2 = Preset(
    "Shelly (generation 2 and later)",
    _recognise,
    open=_open,
    when_missing=WhenMissing.IGNORE,
    passed_over=("/online",),
    known=(
        Known("(a_|b_|c_|total_)?(act_power|apower)", "active_power", "W"),
        Known("(a_|b_|c_|total_)?aprt_power", "apparent_power", "VA"),
        Known("(a_|b_|c_|n_|total_)?current", "current", "A"),
        Known("(a_|b_|c_)?voltage", "voltage", "V"),
        Known("(a_|b_|c_)?freq", "frequency", "Hz"),
        Known("(a_|b_|c_)?pf", "power_factor", "1"),
        Known("total_act|total_act_energy|[abc]_total_act_energy", "active_energy_import", "Wh"),
        Known("total_act_ret|total_act_ret_energy|[abc]_total_act_ret_energy", "active_energy_export", "Wh"),
        Known("total", "active_energy_import", "Wh", "what aenergy counts; ret_aenergy is export"),
        Known("tC", "temperature", "degC"),
        Known("rh", "relative_humidity", "%"),
    ),
)
