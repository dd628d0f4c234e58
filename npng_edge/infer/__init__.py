"""From pictures to readings: model files and their runtimes, face detection and tracking, action units."""
