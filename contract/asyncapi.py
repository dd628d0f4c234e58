"""The AsyncAPI 3.0 document: topics, manners, requests and their answers. The application it describes is the bed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contract.catalogue import BED
from contract.rules import CAVEAT, RULES
from npng_edge.publish.client import MAX_PACKET_BYTES, SESSION_EXPIRY_S
from npng_edge.publish.topics import MANNERS, ROOT
from npng_edge.settings import Broker, Place

if TYPE_CHECKING:
    from collections.abc import Iterable

    from contract.catalogue import Entry
    from npng_edge.publish.topics import Manner

BINDING = "0.2.0"
"""Version of AsyncAPI's MQTT bindings."""
SCHEMA_FORMAT = "application/schema+json;version=draft-2020-12"
REPLY = "reply"
TEXT = "\n".join(
    (
        "What a bed says and takes over MQTT 5; `send` and `receive` are the bed's.",
        "",
        *(f"* {rule}" for rule in RULES),
        "",
        CAVEAT,
    )
)
_RESPONSE_TOPIC = {
    "type": "string",
    "description": "MQTT 5 response topic. Must begin with `response/{request}/` under the same bed; else, and "
    "without one, the answer goes to `response/{request}`.",
}
_CORRELATION = {
    "type": "string",
    "description": "MQTT 5 correlation data, of the requester's choice; the answers carry the same bytes.",
}


def asyncapi(entries: Iterable[Entry]) -> dict[str, Any]:
    """The document; payloads refer to the files in `schemas/`."""
    entries = tuple(entries)
    channels = {entry.name: _channel(entry) for entry in entries}
    channels[REPLY] = {
        "address": None,
        "title": "Where the requester wants its answers",
        "messages": {"response": _ref("components", "messages", "response")},
    }
    operations: dict[str, Any] = {}
    for entry in entries:
        operations[f"{'send' if entry.outgoing else 'receive'}-{entry.name}"] = _operation(entry, entry.manner)
        if entry.later is not None:
            late = _operation(entry, entry.later) | {
                "summary": "The same message when it waited while the broker was away: do not show it as present."
            }
            operations[f"send-{entry.name}-later"] = late
    operations["receive-state"] = {
        "action": "receive",
        "channel": _ref("channels", "state"),
        "summary": "The bed reads its own state, and says it again when the broker holds a stale one.",
        "messages": [_ref("channels", "state", "messages", "state")],
        "bindings": {"mqtt": {"qos": 1, "bindingVersion": BINDING}},
    }
    return {
        "asyncapi": "3.0.0",
        "id": f"urn:{ROOT.replace('/', ':')}",
        "info": {
            "title": "npng-edge: a bed over MQTT",
            "version": ROOT.rpartition("/")[2],
            "description": TEXT,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"ward": _server()},
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": {entry.name: _message(entry) for entry in entries},
            "messageTraits": {
                "asked": _trait(responseTopic=_RESPONSE_TOPIC, correlationData=_CORRELATION),
                "answer": _trait(correlationData=_CORRELATION),
            },
            "parameters": _parameters(entries),
            "securitySchemes": {
                "certificate": {"type": "X509", "description": "The bed's own certificate, from TLS 1.2 on."}
            },
        },
    }


def _ref(*path: str) -> dict[str, str]:
    return {"$ref": "#/" + "/".join(part.replace("/", "~1") for part in path)}


def _server() -> dict[str, Any]:
    broker = {name: field.default for name, field in Broker.model_fields.items()}
    return {
        "host": "{broker}",
        "protocol": "secure-mqtt",
        "protocolVersion": "5.0",
        "description": "The ward's broker.",
        "variables": {"broker": {"description": "Host and port, as configured."}},
        "security": [_ref("components", "securitySchemes", "certificate")],
        "bindings": {
            "mqtt": {
                "cleanSession": False,
                "lastWill": {
                    "topic": f"{BED}/state",
                    "qos": MANNERS["state"].qos,
                    "retain": MANNERS["state"].retain,
                    "message": "`npng/state/1` with the value `offline`, made anew at each connect.",
                },
                "keepAlive": broker["keepalive_s"],
                "sessionExpiryInterval": SESSION_EXPIRY_S,
                "maximumPacketSize": MAX_PACKET_BYTES,
                "bindingVersion": BINDING,
            }
        },
    }


def _names(entry: Entry) -> list[str]:
    """The parameters of a topic."""
    return [part[1:-1] for part in entry.address.split("/") if part.startswith("{")]


def _channel(entry: Entry) -> dict[str, Any]:
    return {
        "address": entry.address,
        "parameters": {name: _ref("components", "parameters", name) for name in _names(entry)},
        "messages": {entry.name: _ref("components", "messages", entry.name)},
    }


def _parameters(entries: Iterable[Entry]) -> dict[str, Any]:
    texts = {name: field.description or "" for name, field in Place.model_fields.items()}
    texts["request"] = "Name of the request that is answered, or `vitals` or `receipt` when such a message is refused."
    return {name: {"description": texts[name]} for entry in entries for name in _names(entry)}


def _operation(entry: Entry, manner: Manner) -> dict[str, Any]:
    made: dict[str, Any] = {
        "action": "send" if entry.outgoing else "receive",
        "channel": _ref("channels", entry.name),
        "messages": [_ref("channels", entry.name, "messages", entry.name)],
        "bindings": {"mqtt": _manner(manner)},
    }
    if entry.answered:
        made["reply"] = {
            "address": {
                "location": "$message.header#/responseTopic",
                "description": f"Without one: `{BED}/response/{entry.topic.removeprefix('request/')}`.",
            },
            "channel": _ref("channels", REPLY),
            "messages": [_ref("channels", REPLY, "messages", "response")],
        }
    return made


def _manner(manner: Manner) -> dict[str, Any]:
    made = {"qos": manner.qos, "retain": manner.retain}
    expiry = {} if manner.expiry_s is None else {"messageExpiryInterval": manner.expiry_s}
    return made | expiry | {"bindingVersion": BINDING}


def _message(entry: Entry) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": entry.name,
        "title": entry.schema,
        "summary": entry.summary,
        "contentType": "application/json",
        "payload": {"schemaFormat": SCHEMA_FORMAT, "schema": {"$ref": f"./schemas/{entry.name}.json"}},
    }
    trait = "answer" if entry.name == "response" else "asked" if entry.answered else None
    return made if trait is None else made | {"traits": [_ref("components", "messageTraits", trait)]}


def _trait(**properties: Any) -> dict[str, Any]:
    """What comes with a message in MQTT 5 properties."""
    return {
        "headers": {"type": "object", "properties": properties},
        "correlationId": {"location": "$message.header#/correlationData"},
        "bindings": {"mqtt": {**properties, "bindingVersion": BINDING}},
    }
