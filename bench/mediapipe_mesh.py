"""MediaPipe's own face-mesh solution on a clip: frames per second. Runs in an environment of its own (numpy 1)."""

from __future__ import annotations

import os
import sys
import time

import cv2
import mediapipe

FRAMES = 2000


def main(path: str) -> None:
    """Print the frames per second of the landmarks alone, decoding left out, on the cores this process may use."""
    cv2.setNumThreads(1)
    capture = cv2.VideoCapture(path)
    pictures = []
    while True:
        good, picture = capture.read()
        if not good:
            break
        pictures.append(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
    with mediapipe.solutions.face_mesh.FaceMesh(max_num_faces=1, refine_landmarks=False) as mesh:
        for picture in pictures[:50]:
            mesh.process(picture)
        begun = time.perf_counter()
        for number in range(FRAMES):
            mesh.process(pictures[number % len(pictures)])
        seconds = time.perf_counter() - begun
    print(f"{FRAMES / seconds:.1f}", flush=True)
    os._exit(0)  # MediaPipe's threads sometimes hang at exit.


if __name__ == "__main__":
    main(sys.argv[1])
