"""ems-telemetry: plant-floor meters into TimescaleDB, as numbers an auditor can trace back to the raw reading."""
