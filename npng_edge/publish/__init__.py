"""The MQTT side: topics, messages (the contract), the client and the delivery of what the outbox holds."""
