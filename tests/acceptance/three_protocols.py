"""Connector files for the three servers that are not ours: node-opcua, modbus-tk and Mosquitto."""

TIMED, TIMELESS = "plant/em01/telemetry", "plant/tt01/temperature"


def mqtt_file(endpoint: str) -> str:
    """A meter whose messages carry their time, and one whose messages are bare numbers."""
    return f"""
        type: mqtt
        endpoint: {endpoint}
        site: BER1
        meters:
          - id: EM-01
            medium: electricity
            topic: {TIMED}
            time: $.ts
            points:
              - {{id: energy, value: $.kwh, quantity: active_energy_import, unit: kWh, kind: counter}}
          - id: TT-01
            topic: {TIMELESS}
            payload: scalar
            points:
              - {{id: number, quantity: count, unit: "1"}}
        """


def opcua_file(endpoint: str) -> str:
    """A 64-bit counter beyond what a double holds, and a gauge."""
    return f"""
        type: opcua
        endpoint: {endpoint}
        publishing_interval: 200ms
        site: BER1
        meters:
          - id: CA-01
            medium: compressed_air
            points:
              - {{id: total, node: "nsu=urn:plc:air;s=Air.Total", quantity: compressed_air_volume, unit: Nm3, kind: counter}}
              - {{id: pressure, node: "nsu=urn:plc:air;s=Air.Pressure", quantity: gauge_pressure, unit: bar}}
        """


def modbus_file(port: int) -> str:
    """Two units on one link; register 7 of unit n holds 1000 n + 7."""
    return f"""
        type: modbus
        endpoint: tcp://127.0.0.1:{port}
        interval: 500ms
        site: BER1
        meters:
          - id: WM-01
            unit_id: 1
            medium: water
            points:
              - {{id: volume, register: holding, address: 7, type: uint16, scale: 0.1, quantity: water_volume, unit: m3}}
          - id: WM-02
            unit_id: 2
            medium: water
            points:
              - {{id: volume, register: holding, address: 7, type: uint16, scale: 0.1, quantity: water_volume, unit: m3}}
              - {{id: flow, register: holding, address: 9, type: uint16, quantity: water_flow, unit: L/min, range: [0, 100]}}
        """
