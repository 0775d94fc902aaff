"""Deliveries to webhooks: to which addresses, in which order, signed and bounded."""
