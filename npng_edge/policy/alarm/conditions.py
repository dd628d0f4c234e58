"""The table of alarm conditions: one row each, in order of rank.

A new condition is one new row here, and the evidence for it wherever that is found.

Priorities, delays, reminders and escalations are our own first proposal; no standard allots them. The hospital's risk
analysis decides (IEC 60601-1-8 leaves it to that). No technical condition goes above medium: a device that cannot see
harms nobody at once, as long as staff are told to look for themselves.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from npng_edge.policy.alarm.condition import Condition, Escalation
from npng_edge.units import AlarmKind, Priority

if TYPE_CHECKING:
    from collections.abc import Callable

    from npng_edge.settings import Policy

UNATTENDED = "pain-unattended"
"""The condition that the alarms judge themselves; nobody else may bring evidence for it."""
PAINS = ("pain", "pain-severe")
"""What `pain-unattended` is about."""
BOUT_GAP_S = 300.0
"""Pain comes to the face in bouts: without any for so long, what was unattended is forgotten, seconds. Our choice."""
BOUTS_OVER_S = 60.0
"""... and once it has been signalled, it ends after so long without pain, seconds. Our choice."""


def _at_once(_: Policy) -> float:
    return 0.0


def _clear(settings: Policy) -> float:
    return settings.technical.clear_s


def _seconds(number: float) -> Callable[[Policy], float]:
    return lambda _: number


_PHYSIOLOGICAL, _TECHNICAL = AlarmKind.PHYSIOLOGICAL, AlarmKind.TECHNICAL
_HIGH, _MEDIUM, _LOW = Priority.HIGH, Priority.MEDIUM, Priority.LOW

_ROWS = (
    Condition(
        name="pain",
        kind=_PHYSIOLOGICAL,
        priority=_MEDIUM,
        on_delay=lambda settings: settings.pain.on_delay_s,
        off_delay=lambda settings: settings.pain.off_delay_s,
        remind_s=300.0,
        when="PSPI at or above this patient's threshold and no look-alike; gone at `pain.hysteresis` below it",
        why="Pain needs somebody soon, but does not endanger life; unattended, it becomes `pain-unattended`.",
        action="See the patient and assess the pain.",
        action_ko="환자를 살펴보고 통증을 평가하십시오.",
        pausable=True,
        of_patient=True,
    ),
    Condition(
        name="pain-severe",
        kind=_PHYSIOLOGICAL,
        priority=_HIGH,
        on_delay=lambda settings: settings.pain.on_delay_s,
        off_delay=lambda settings: settings.pain.off_delay_s,
        remind_s=120.0,
        when="PSPI at or above this patient's severe threshold and no look-alike; gone at `pain.hysteresis` below it",
        why="Severe pain in a patient who cannot call is to be seen to at once.",
        action="Go to the patient now: the face shows severe pain.",
        action_ko="얼굴에 심한 통증이 나타나고 있으니 즉시 환자에게 가십시오.",
        covers=("pain",),
        latching=True,
        pausable=True,
        of_patient=True,
    ),
    Condition(
        name=UNATTENDED,
        kind=_PHYSIOLOGICAL,
        priority=_HIGH,
        on_delay=lambda settings: settings.alarms.unattended_s,
        off_delay=_seconds(BOUTS_OVER_S),
        remind_s=120.0,
        when=f"`pain` or `pain-severe` is on; bouts less than {BOUT_GAP_S:.0f} s apart add up",
        why="It escalates pain: nobody has answered, so more people must know.",
        action="Go to the patient now: nobody has answered the pain alarm.",
        action_ko="통증 알람에 아무도 응답하지 않았으니 즉시 환자에게 가십시오.",
        hold_s=BOUT_GAP_S,
        covers=PAINS,
        of_patient=True,
    ),
    Condition(
        name="facial-asymmetry",
        kind=_PHYSIOLOGICAL,
        priority=_MEDIUM,
        on_delay=_seconds(30.0),
        off_delay=_seconds(10.0),
        remind_s=300.0,
        when="Asymmetry above this patient's own by `alarms.asymmetry`",
        why="A new asymmetry can be urgent, but how often a camera is right about it is not known.",
        action="Compare both sides of the face, and call a physician if one moves less than before.",
        action_ko="얼굴 양쪽을 비교하여 한쪽의 움직임이 전보다 줄었으면 의사에게 알리십시오.",
        escalation=Escalation(300.0, _HIGH),
        latching=True,
        pausable=True,
        of_patient=True,
    ),
    Condition(
        name="vitals",
        kind=_PHYSIOLOGICAL,
        priority=_MEDIUM,
        on_delay=_at_once,
        off_delay=_at_once,
        remind_s=600.0,
        when="NEWS2 at or above `vitals.medium_news2` (medium) or `vitals.high_news2` (high)",
        why="NEWS2 itself says how soon somebody must come.",
        action="Check the patient and respond as the ward's NEWS2 plan says.",
        action_ko="환자를 확인하고 병동의 NEWS2 대응 지침에 따라 조치하십시오.",
        escalation=Escalation(900.0, _HIGH),
        pausable=True,
        of_patient=True,
        telling=True,
    ),
    Condition(
        name="camera",
        kind=_TECHNICAL,
        priority=_MEDIUM,
        on_delay=_at_once,
        off_delay=_clear,
        remind_s=300.0,
        when="The source is missing, ended, hung, lost, black or frozen",
        why="The patient is not watched, and only somebody at the bed can change it.",
        action="Check the camera, its cable and its lens, and watch the patient yourself meanwhile.",
        action_ko="카메라와 케이블, 렌즈를 점검하고 그동안 환자를 직접 관찰하십시오.",
        blinding=True,
        telling=True,
    ),
    Condition(
        name="view-blocked",
        kind=_TECHNICAL,
        priority=_LOW,
        on_delay=lambda settings: settings.technical.poor_view_s,
        off_delay=_clear,
        remind_s=600.0,
        when="Something covers the face",
        why="It is mostly short and part of care; it matters when it lasts.",
        action="Clear the view between camera and face, or watch the patient yourself meanwhile.",
        action_ko="카메라와 얼굴 사이를 가리는 것을 치우거나, 그동안 환자를 직접 관찰하십시오.",
        escalation=Escalation(300.0, _MEDIUM),
        blinding=True,
        of_patient=True,
        telling=True,
    ),
    Condition(
        name="no-face",
        kind=_TECHNICAL,
        priority=_LOW,
        on_delay=lambda settings: settings.technical.no_face_s,
        off_delay=_clear,
        remind_s=600.0,
        when="No face of the patient is found",
        why="It is mostly a patient who has turned away or left the bed; it matters when it lasts.",
        action="Turn the camera to the patient's face; if the bed is empty, discharge the patient from the device.",
        action_ko="카메라를 환자 얼굴에 맞추고, 침상이 비어 있으면 기기에서 환자 배정을 해제하십시오.",
        escalation=Escalation(300.0, _MEDIUM),
        blinding=True,
        of_patient=True,
        telling=True,
    ),
    Condition(
        name="poor-view",
        kind=_TECHNICAL,
        priority=_LOW,
        # A little later than the conditions that can name the fault.
        on_delay=lambda settings: settings.technical.poor_view_s + settings.technical.clear_s,
        off_delay=_clear,
        remind_s=600.0,
        when="Nothing is scored, for whatever reasons, and no other condition names one",
        why="It is mostly short; it matters when it lasts.",
        action="Improve the light or the camera's position until the face is seen well.",
        action_ko="얼굴이 잘 보이도록 조명이나 카메라 위치를 조정하십시오.",
        escalation=Escalation(600.0, _MEDIUM),
        blinding=True,
        of_patient=True,
        telling=True,
    ),
    Condition(
        name="two-patients",
        kind=_TECHNICAL,
        priority=_LOW,
        on_delay=lambda settings: settings.technical.two_patients_s,
        off_delay=_clear,
        remind_s=1800.0,
        when="Two faces in the bed region",
        why="The wrong face may be read, though the patient's own is followed.",
        action="Make sure that only this patient's face is in the picture's bed region.",
        action_ko="화면의 침상 영역에 담당 환자의 얼굴만 보이게 하십시오.",
        pausable=True,
        of_patient=True,
        telling=True,
    ),
    Condition(
        name="model",
        kind=_TECHNICAL,
        priority=_MEDIUM,
        on_delay=_at_once,
        off_delay=_clear,
        remind_s=300.0,
        when="A model file is missing or altered, a model fails, or pictures come and no readings",
        why="The patient is not watched, and nobody at the bed can change it.",
        action="Pain is not being read: watch the patient yourself and call biomedical engineering.",
        action_ko="통증을 판독하지 못하고 있으니 환자를 직접 관찰하고 의공팀에 연락하십시오.",
        blinding=True,
        telling=True,
    ),
    Condition(
        name="slow",
        kind=_TECHNICAL,
        priority=_LOW,
        on_delay=_seconds(10.0),
        off_delay=_seconds(10.0),
        remind_s=1800.0,
        when="Readings come too seldom (`technical.min_fps`) or too late (`technical.max_age_s`)",
        why="Short pain may be missed; long pain is still seen.",
        action="Pain is read too slowly: watch the patient yourself and call biomedical engineering.",
        action_ko="통증 판독이 너무 느리니 환자를 직접 관찰하고 의공팀에 연락하십시오.",
        escalation=Escalation(600.0, _MEDIUM),
        blinding=True,
        telling=True,
    ),
    Condition(
        name="clock",
        kind=_TECHNICAL,
        priority=_LOW,
        on_delay=_at_once,
        off_delay=_at_once,
        remind_s=3600.0,
        when="The wall clock was not set by a time server for 5 min, stands before 2026, or jumped by more than 5 s "
        "(then for 60 s)",
        why="Alarms run on another clock; only the times in the record may be wrong.",
        action="Do not rely on this device's times, and call biomedical engineering.",
        action_ko="이 기기에 표시된 시각은 틀릴 수 있으니 신뢰하지 말고 의공팀에 연락하십시오.",
        telling=True,
    ),
    Condition(
        name="storage",
        kind=_TECHNICAL,
        priority=_MEDIUM,
        on_delay=_at_once,
        off_delay=_clear,
        remind_s=1800.0,
        when="The disk cannot be written, is full, or its file is damaged, or was deleted or moved while in use "
        "(then for 30 s)",
        why="Alarms still go out, but are lost if power fails.",
        action="Alarms may be lost if power fails: call biomedical engineering.",
        action_ko="정전되면 알람 기록이 사라질 수 있으니 의공팀에 연락하십시오.",
        telling=True,
    ),
    Condition(
        name="broker",
        kind=_TECHNICAL,
        priority=_MEDIUM,
        on_delay=_at_once,
        off_delay=_clear,
        remind_s=1800.0,
        when="No connection to the broker",
        why="Alarms do not reach the nurse station; the station sees by itself that this bed is offline.",
        action="Alarms do not reach the nurse station: watch the patient yourself and check the network.",
        action_ko="알람이 간호사 스테이션에 전달되지 않으니 환자를 직접 관찰하고 네트워크를 점검하십시오.",
        acknowledgeable=False,
        telling=True,
    ),
    Condition(
        name="station-not-listening",
        kind=_TECHNICAL,
        priority=_MEDIUM,
        on_delay=_at_once,
        off_delay=_clear,
        remind_s=1800.0,
        when="The broker has no subscriber for this bed's alarms, or no receipts come",
        why="Alarms go out and nobody sees them.",
        action="No nurse station takes this bed's alarms: watch the patient yourself and check the station.",
        action_ko="이 침상의 알람을 받는 스테이션이 없으니 환자를 직접 관찰하고 스테이션을 점검하십시오.",
        telling=True,
    ),
    Condition(
        name="vitals-stale",
        kind=_TECHNICAL,
        priority=_LOW,
        on_delay=_seconds(60.0),
        off_delay=_at_once,
        remind_s=1800.0,
        when="Vital signs are expected and too old",
        why="The patient's monitor raises its own alarms; here only NEWS2 is missing.",
        action="Check the patient monitor and its connection: no recent vital signs arrive.",
        action_ko="최근 활력징후가 들어오지 않으니 환자 모니터와 연결 상태를 확인하십시오.",
        pausable=True,
        of_patient=True,
        telling=True,
    ),
    Condition(
        name="recording",
        kind=_TECHNICAL,
        priority=_LOW,
        on_delay=_at_once,
        off_delay=_clear,
        remind_s=3600.0,
        when="Clips or the stream of events are switched on and cannot be kept",
        why="No alarm and no dose depends on them; what is missing is only for looking back.",
        action="Clips or recordings are not being kept: call biomedical engineering.",
        action_ko="영상 또는 기록이 저장되지 않고 있으니 의공 담당자에게 연락하십시오.",
        telling=True,
    ),
    Condition(
        name="local-alarm",
        kind=_TECHNICAL,
        priority=_LOW,
        on_delay=_seconds(10.0),
        off_delay=_seconds(10.0),
        remind_s=3600.0,
        when="The buzzer, the lamps or the sound device of the local alarm cannot be used (`local_alarm`)",
        why="It is needed only while no nurse station listens; until then the station sounds.",
        action="The device cannot sound at the bed if the nurse station is lost: call biomedical engineering.",
        action_ko="간호사 스테이션과 연결이 끊겨도 침상에서 경보음을 낼 수 없으니 의공팀에 연락하십시오.",
        telling=True,
    ),
    Condition(
        name="temperature",
        kind=_TECHNICAL,
        priority=_LOW,
        on_delay=_seconds(30.0),
        off_delay=_seconds(60.0),
        remind_s=3600.0,
        when="The processor is hotter than `technical.max_temperature_c`",
        why="The device goes on, but slows down and ages; `slow` says when that matters.",
        action="The device is too hot: free its air vents and keep it away from heat.",
        action_ko="기기가 과열되었으니 통풍구가 막히지 않았는지 확인하고 열원에서 떨어뜨려 놓으십시오.",
        telling=True,
    ),
    Condition(
        name="no-baseline",
        kind=_TECHNICAL,
        priority=_LOW,
        on_delay=lambda settings: settings.technical.no_baseline_s,
        off_delay=_at_once,
        remind_s=3600.0,
        when="The patient is scored without a baseline",
        why="Pain is read, but less well than against this patient's own face.",
        action="Capture the baseline while the patient is at rest.",
        action_ko="환자가 안정된 상태일 때 기준 표정을 등록하십시오.",
        hold_s=600.0,
        of_patient=True,
        telling=True,
    ),
)

CONDITIONS = MappingProxyType({row.name: row for row in _ROWS})
"""By name, in order of rank: physiological ones first."""
RANK = MappingProxyType({name: place for place, name in enumerate(CONDITIONS)})
"""Place in the table, by name."""
BLINDING = tuple(row.name for row in _ROWS if row.blinding)
"""While one of these is present, pain cannot be seen."""
OF_PATIENT = tuple(row.name for row in _ROWS if row.of_patient)
"""These end when the patient leaves."""
