"""What must be true of every message to a bed: a wrong one changes nothing, and is refused with a reason."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jsonschema import Draft202012Validator
from pydantic import ValidationError

from contract.catalogue import INCOMING
from npng_edge.publish.events import Received
from npng_edge.publish.messages import State
from npng_edge.record import codec
from npng_edge.record.keys import new_key
from proof.fuzzing.bed import HandDrivenBed, Snapshot
from proof.fuzzing.judge import BrokenRuleError, Verdict, timed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from npng_edge.publish.messages import Response
    from npng_edge.wire import Message
    from proof.fuzzing.judge import Input

BED = b"@bed@"
"""In a topic: the bed's own, `npng/v1/facility/unit/bed`."""
PAUSE = 10
"""After so many messages a quarter of a second passes."""
FRESH = 400
"""After so many messages the bed begins anew, so that a failure can be had again with few of them."""
_PLACEHOLDER = re.compile(rb"@(now|soon|past|id|alarm|message|episode|bundle|run)@")
_ANSWERED = re.compile(r"request/[a-z][a-z-]{0,31}|vitals")
"""What is wrong on these topics is answered; no answer could have a topic where the name is longer or stranger."""


@dataclass(slots=True)
class _Guest:
    """A bed, and what is known of it between messages."""

    bed: HandDrivenBed
    before: Snapshot | None = None
    """None: something has happened since it was taken."""


class Inbound:
    """Hands messages to a bed with a patient, or to an empty one.

    Args:
        folder: For the files of the beds; on a memory disk it is quicker.
        models: Topic under the bed -> model; what the product is held to.
        bed: Makes the beds.
    """

    def __init__(
        self,
        folder: Path,
        models: Mapping[str, type[Message]] = INCOMING,
        bed: type[HandDrivenBed] = HandDrivenBed,
    ) -> None:
        self._folder = folder
        self._key = folder / "key"
        folder.mkdir(parents=True)
        self._key.touch(mode=0o600)
        self._key.write_text(new_key())
        self._models: dict[str, type[Message]] = {**models, "state": State}
        self._schemas = {
            topic: Draft202012Validator(model.model_json_schema(by_alias=True)) for topic, model in models.items()
        }
        self._make = bed
        self._guests: dict[bool, _Guest] = {}
        self._taken = self._made = 0
        self._bundle = ""

    def take(self, given: Input) -> Verdict:
        """See `judge.Target`."""
        guest = self._guest(assigned=given.assigned)
        bed = guest.bed
        topic = given.topic.replace(BED.decode(), bed.place)
        payload = _PLACEHOLDER.sub(lambda found: self._known(bed, found[1].decode()).encode(), given.payload)
        asked = given.response_topic and given.response_topic.replace(BED.decode(), bed.place)
        name = topic.removeprefix(f"{bed.place}/") if topic.startswith(f"{bed.place}/") else ""
        event = Received(topic, payload, given.retained, asked, given.correlation)
        before, audits = guest.before or bed.snapshot(), len(bed.audits())
        bed.line.sent.clear()
        spent: list[float] = []
        with timed(spent.append):
            bed.hear(event)
        _check_topics(bed)
        answers, new = bed.responses(), bed.audits()[audits:]
        after = bed.snapshot()
        retained = given.retained and name.startswith("request/")
        valid = not retained and self._is_valid(name, payload)
        refused = not valid or (bool(answers) and answers[-1].outcome == "refused")
        guest.before = after
        if refused or name == "state":
            _check_unchanged(before, after)
        if refused:
            _check_refusal(answers, new, answered=bool(_ANSWERED.fullmatch(name)))
        else:
            guest.before = None
            self._check_contract(name, payload)
            bed.put_right()
        return Verdict(valid, refused and bool(answers), spent[0])

    def close(self) -> None:
        """See `judge.Target`."""
        for guest in self._guests.values():
            guest.bed.end()
        self._guests.clear()

    def _known(self, bed: HandDrivenBed, name: str) -> str:
        if name != "bundle":
            return bed.known(name)
        if not self._bundle:
            other = self._make(self._folder / "sealing", self._key, assigned=True)
            self._bundle = other.sealed()
            other.end()
        return self._bundle

    def _guest(self, *, assigned: bool) -> _Guest:
        self._taken += 1
        if self._taken % FRESH == 0:
            self.close()
        if assigned not in self._guests:
            self._made += 1
            self._guests[assigned] = _Guest(
                self._make(self._folder / f"bed-{self._made}", self._key, assigned=assigned)
            )
        guest = self._guests[assigned]
        if self._taken % PAUSE == 0:
            guest.bed.pass_time()
            guest.before = None
        return guest

    def _is_valid(self, name: str, payload: bytes) -> bool:
        model = self._models.get(name)
        if model is None:
            return False
        try:
            model.parse(payload)
        except ValidationError:
            return False
        return True

    def _check_contract(self, name: str, payload: bytes) -> None:
        """What was taken must be what the contract allows: a model may not be more generous than its schema."""
        if name in self._schemas:
            wrong = next(self._schemas[name].iter_errors(json.loads(payload)), None)
            if wrong is not None:
                raise BrokenRuleError(f"taken, but against the contract: {wrong.json_path}: {wrong.message[:200]}")


def _check_topics(bed: HandDrivenBed) -> None:
    """No message may make the bed write elsewhere than under its own topics, nor answer where no answer belongs."""
    for _, topic, payload in bed.line.sent:
        name = topic.removeprefix(f"{bed.place}/")
        is_answer = b'"schema":"npng/response/' in payload[:1000]
        if name == topic or {"+", "#", "\0"} & set(topic) or is_answer != name.startswith("response/"):
            raise BrokenRuleError(f"published on {topic!r}: {payload[:200]!r}")


def _check_unchanged(before: Snapshot, after: Snapshot) -> None:
    if before.policy != after.policy or before.words != after.words:
        at = next((n for n, (old, new) in enumerate(zip(before.words, after.words, strict=False)) if old != new), 0)
        here = slice(max(0, at - 100), at + 100)
        raise BrokenRuleError(
            f"refused, yet the policy's state changed: {before.words[here]!r} -> {after.words[here]!r}"
        )
    changed = [old[0] for old, new in zip(before.tables, after.tables, strict=True) if old != new]
    if changed:
        raise BrokenRuleError(f"refused, yet these tables changed: {', '.join(changed)}")
    if before.heard != after.heard:
        raise BrokenRuleError("refused, yet it was taken for a receipt")


def _check_refusal(answers: list[Response], audits: tuple[bytes, ...], *, answered: bool) -> None:
    """A refusal says why, to the one who asked and for the record. What has no answer leaves no record either."""
    if answered and len(answers) != 1:
        raise BrokenRuleError(f"refused with {len(answers)} answers")
    if any(one.outcome != "refused" or one.reason is None for one in answers):
        raise BrokenRuleError(f"refused without a reason: {answers}")
    lines = [codec.AUDIT.decode(body) for body in audits]
    if len(lines) > 1 or any(line.outcome != "refused" or line.reason is None for line in lines):
        raise BrokenRuleError(f"refused, and the record says: {lines}")
