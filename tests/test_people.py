from __future__ import annotations

from npng_edge.infer.people import LONGEST_CLAIM_S, People, continues, inside, overlap
from npng_edge.units import Box

BED = Box(0, 0, 600, 720)


def face(x: float, y: float = 300.0, size: float = 100.0) -> Box:
    return Box(x - size / 2, y - size / 2, size, size)


PATIENT, VISITOR = face(200), face(450, 200)


def watch(people: People, start: float, seconds: int, *boxes: Box) -> People:
    for second in range(seconds):
        people = people.look(boxes, start + second)
    return people


def test_the_first_face_in_the_bed_is_the_patient_at_once() -> None:
    people = People(BED).look([PATIENT], 10.0)

    assert people.patient_in_view == PATIENT
    assert people.in_view == 1


def test_of_two_new_faces_the_larger_is_the_patient() -> None:
    larger = face(400, 300, 130)

    assert People(BED).look([PATIENT, larger], 0.0).patient_in_view == larger


def test_a_face_outside_the_bed_is_counted_and_never_the_patient() -> None:
    people = watch(People(BED), 0, 30, face(900))

    assert people.patient_in_view is None
    assert people.in_view == 1


def test_a_visitor_beside_the_patient_never_takes_over() -> None:
    people = watch(People(BED), 0, 30, PATIENT)

    people = watch(people, 30, 600, PATIENT, VISITOR)
    away = people.look([VISITOR], 631)

    assert people.patient_in_view == PATIENT
    assert people.in_view == 2
    assert away.patient_in_view is None, "the patient is away for a moment; the visitor is not scored"


def test_a_patient_who_comes_back_soon_keeps_the_history() -> None:
    people = watch(People(BED), 0, 30, PATIENT)
    number = people.patient

    people = watch(people, 30, 5)
    people = people.look([VISITOR, face(230, 310)], 36)

    assert people.patient == number
    assert people.patient_in_view == face(230, 310)


def test_a_new_patient_is_accepted_after_half_the_longest_claim() -> None:
    people = watch(People(BED), 0, 60, PATIENT)
    half = int(LONGEST_CLAIM_S / 2)

    early = watch(people, 60, half - 1, face(500, 600))
    late = watch(people, 60, half + 2, face(500, 600))

    assert early.patient_in_view is None
    assert late.patient_in_view == face(500, 600)


def test_a_short_history_is_soon_forgotten() -> None:
    people = watch(People(BED), 0, 3, PATIENT)

    people = watch(people, 3, 5, VISITOR)

    assert people.patient_in_view == VISITOR


def test_sightings_far_apart_prove_no_presence_in_between() -> None:
    people = People(BED).look([PATIENT], 0.0).look([PATIENT], 1000.0)

    assert people.known[0].claim <= 2.0


def test_the_bed_region_decides_at_every_look() -> None:
    people = watch(People(BED), 0, 5, face(550))

    assert people.look([face(610)], 5.0).patient_in_view is None
    assert people.look([face(590)], 5.0).patient_in_view == face(590)


def test_each_box_belongs_to_one_person_and_nearest_pairs_go_first() -> None:
    people = People(BED).look([face(200), face(320)], 0.0).look([face(260), face(330)], 1.0)

    assert people.in_view == 2
    assert [person.box for person in people.known] == [face(260), face(330)]


def test_a_jump_in_place_or_size_is_another_face() -> None:
    assert continues(PATIENT, face(260, 310))
    assert not continues(PATIENT, face(350))
    assert not continues(PATIENT, face(200, 300, 180))
    assert continues(PATIENT, face(350), away=3.0)
    assert not continues(PATIENT, face(450), away=60.0)
    assert not continues(PATIENT, Box(200, 300, 0, 0))


def test_inside_and_overlap() -> None:
    assert inside(face(599), BED)
    assert not inside(face(601), BED)
    assert overlap(face(100), face(100)) == 1.0
    assert overlap(face(100), face(150)) == 0.5
    assert overlap(face(100), face(250)) == 0.0
