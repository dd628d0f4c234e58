"""The settings of the policy: what is rest, what is pain, when an alarm sounds, what vitals and orders count."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from npng_edge.settings.section import Fraction, Section

Vas = Annotated[float, Field(gt=0, le=10)]


class Baseline(Section):
    """This patient's neutral face, taken away before anything is scored."""

    learn: bool = Field(default=True, description="Learn it from quiet periods, and follow it when it changes.")
    learn_s: float = Field(default=60.0, ge=5, le=3600, description="Quiet seconds needed to learn it.")
    capture_s: float = Field(default=30.0, ge=1, le=120, description="Seconds of a deliberate capture.")
    quiet_pspi: float = Field(default=3.0, ge=0, le=16, description="Raw PSPI above this is not quiet.")
    quiet_spread: float = Field(default=0.8, gt=0, le=5, description="Spread of an AU above this is not quiet.")
    near_pspi: float = Field(default=1.0, gt=0, le=4, description="PSPI so far above the baseline's is not quiet.")
    rise_per_day: float = Field(default=1.0, gt=0, le=8, description="PSPI of the baseline rises by no more a day.")
    stale_h: float = Field(default=72.0, ge=1, le=720, description="A baseline older than this is no baseline.")


class Sensitivity(Section):
    """How much this patient shows: PSPI per VAS step, learnt from ratings."""

    window_s: float = Field(default=30.0, ge=2, le=600, description="PSPI around a rating: so long before and after.")
    prior_slope: float = Field(default=1.0, gt=0, le=4, description="PSPI per VAS step of the population.")
    prior_sd: float = Field(default=0.5, gt=0, le=4, description="How much that differs between people.")
    sensitive: float = Field(default=1.3, gt=0, le=4, description="PSPI per VAS step from this on: sensitive.")
    insensitive: float = Field(default=0.6, gt=0, le=4, description="... up to this: insensitive.")
    unexpressive: float = Field(default=0.375, gt=0, le=4, description="... surely below this: the face tells nothing.")
    half_life_h: float = Field(default=72.0, ge=1, le=2000, description="A rating counts half after so long, hours.")

    @model_validator(mode="after")
    def _ordered(self) -> Sensitivity:
        if not self.unexpressive <= self.insensitive < self.sensitive:
            raise ValueError("it must be that unexpressive <= insensitive < sensitive")
        return self


class Pain(Section):
    """When raised PSPI becomes the alarm conditions `pain` and `pain-severe`."""

    threshold_vas: Vas = Field(default=4.0, description="Rating from which staff want to be called, 0..10.")
    severe_vas: Vas = Field(default=7.0, description="Rating from which pain is severe, 0..10.")
    hysteresis: float = Field(default=1.0, ge=0, le=8, description="A condition ends so much PSPI below its threshold.")
    on_delay_s: float = Field(default=1.5, ge=0, le=600, description="Raised for so long before the alarm, seconds.")
    off_delay_s: float = Field(default=2.0, ge=0, le=600, description="Low for so long before it ends, seconds.")
    warm_up_s: float = Field(default=2.0, ge=0, le=60, description="Nothing is scored so long after a start, seconds.")
    smile_au12: float = Field(default=1.5, ge=0, le=5, description="AU12 from this on may be a smile.")
    smile_au4: float = Field(default=0.3, ge=0, le=5, description="... and is one while AU4 is below this.")
    pain_au4: float = Field(
        default=0.5,
        ge=0,
        le=5,
        description="AU4 from this on is never put down to a look-alike; a smile between the two speaks neither way.",
    )
    unlikely: Fraction = Field(
        default=0.2, description="The learnt models may withhold an alarm when all give pain less than this, 0..1."
    )
    unlikely_pspi: float = Field(
        default=2.0, ge=0, le=16, description="... at scores less than this above the threshold; higher ones alarm."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Pain:
        if self.threshold_vas > self.severe_vas:
            raise ValueError("threshold_vas must not be above severe_vas")
        return self


class Alarms(Section):
    """Staff's dealings with alarms. The rest stands in the table of conditions."""

    acknowledge_s: float = Field(default=300.0, ge=30, le=3600, description="An acknowledgement expires, seconds.")
    acknowledge_technical_s: float = Field(
        default=3600.0, ge=30, le=28800, description="... of a technical condition that does not hide the patient."
    )
    max_pause_s: float = Field(default=600.0, ge=30, le=3600, description="Longest pause, seconds.")
    unattended_s: float = Field(default=180.0, ge=30, le=3600, description="Pain that nobody has seen to for so long.")
    asymmetry: Fraction = Field(default=0.25, description="Facial asymmetry above this patient's own that is new.")


class Technical(Section):
    """Delays of the technical conditions."""

    no_face_s: float = Field(default=10.0, ge=1, le=600, description="No face for so long, seconds.")
    poor_view_s: float = Field(default=20.0, ge=1, le=600, description="Face seen, but not well enough, seconds.")
    two_patients_s: float = Field(default=120.0, ge=5, le=3600, description="Two faces in the bed region, seconds.")
    no_baseline_s: float = Field(default=600.0, ge=10, le=86400, description="Scored without a baseline, seconds.")
    clear_s: float = Field(default=2.0, ge=0, le=60, description="Good again for so long before a condition ends.")
    model_stall_s: float = Field(default=5.0, ge=1, le=60, description="Frames but no readings for so long, seconds.")
    min_fps: float = Field(default=2.0, gt=0, le=30, description="Fewer readings per second than this are `slow`.")
    max_age_s: float = Field(default=1.0, gt=0, le=10, description="Frames older than this when read are `slow`.")
    max_temperature_c: float = Field(default=80.0, ge=40, le=110, description="Of the processor.")


class Vitals(Section):
    """Vital signs and what they say."""

    expected: bool = Field(default=False, description="A monitor sends vitals: say so when they stop.")
    stale_s: float = Field(
        default=120.0, ge=5, le=7200, description="HR, RR and SpO2 are too old after so long, seconds."
    )
    stale_pressure_s: float = Field(default=3600.0, ge=60, le=43200, description="... blood pressure.")
    stale_slow_s: float = Field(
        default=14400.0, ge=60, le=86400, description="... temperature, consciousness, sedation and oxygen."
    )
    news2: bool = Field(default=True, description="Alarm on NEWS2, a score for adults: off where others lie.")
    medium_news2: int = Field(default=5, ge=1, le=20, description="NEWS2 that raises `vitals` with priority medium.")
    high_news2: int = Field(default=7, ge=1, le=20, description="NEWS2 that raises it with priority high.")
    fusion_s: float = Field(default=10.0, ge=1, le=30, description="Time between `fusion` events, seconds.")

    @model_validator(mode="after")
    def _ordered(self) -> Vitals:
        if self.medium_news2 > self.high_news2:
            raise ValueError("medium_news2 must not be above high_news2")
        return self


class Episodes(Section):
    """What is kept around raised pain."""

    before_s: float = Field(default=60.0, ge=10, le=300, description="Kept from before the onset, seconds.")
    longest_s: float = Field(default=3600.0, ge=60, le=14400, description="An episode is closed after so long.")


class Interlock(Section):
    """Requests for a bolus. Off by default; a patient needs an order as well. Nothing here drives a pump."""

    enabled: bool = Field(default=False, description="Whether bolus requests may be made at all.")
    sustained_s: float = Field(default=120.0, ge=30, le=3600, description="Pain above threshold for so long.")
    answer_s: float = Field(default=30.0, ge=5, le=300, description="A pump's gateway must answer within, seconds.")
    min_respiratory_rate: float = Field(default=11.0, ge=9, le=30, description="Below this: no request.")
    min_spo2: float = Field(default=92.0, ge=85, le=100, description="Below this: no request.")
    vitals_s: float = Field(default=120.0, ge=5, le=300, description="RR and SpO2 must not be older, seconds.")
    sedation_s: float = Field(default=3600.0, ge=60, le=14400, description="POSS must not be older, seconds.")


class Policy(Section):
    """From readings to alarms."""

    baseline: Baseline = Baseline()
    sensitivity: Sensitivity = Sensitivity()
    pain: Pain = Pain()
    alarms: Alarms = Alarms()
    technical: Technical = Technical()
    vitals: Vitals = Vitals()
    episodes: Episodes = Episodes()
    interlock: Interlock = Interlock()
